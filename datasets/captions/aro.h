/* aro.h: what ARO's own evaluation leaves out (mertyg/vision-language-models-are-bows, its notebook on
 * VG-Relation and VG-Attribution, and aro_datasets.py). */
#ifndef DATASETS_CAPTIONS_ARO_H
#define DATASETS_CAPTIONS_ARO_H

#include <stdbool.h>

enum { ARO_LEAST_RELATION = 1, ARO_LEAST_ATTRIBUTES = 25 }; /* cases of a tag that counts */

/* Whether a relation says as much with its sides exchanged, "next to": not in the macro average. */
bool aro_is_symmetric(const char *relation);

#endif
