/* classifier_kinds.c: all kinds there are (classifier_kind.h). */
#include "coop/learned/classifier_kind.h"

#include <stddef.h>
#include <string.h>

static const ClassifierKind *const kinds[] = {&cosine_kind, &linear_kind,  &unit_linear_kind,
                                              &cache_kind,  &adapter_kind, &cocoop_kind};

const ClassifierKind *classifier_kind(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}
