/* retrieve_keys.h: every key of the file of `coop retrieve`, in one table. */
#ifndef EXPERIMENTS_RETRIEVE_RETRIEVE_KEYS_H
#define EXPERIMENTS_RETRIEVE_RETRIEVE_KEYS_H

#include "experiments/config/key_spec.h"

#include <stdio.h>

/* All sections in the order of the help; NULL past the end. context is not used. */
const SectionSpec *retrieve_section_at(const void *context, int index);

void retrieve_help(FILE *out); /* every key with type, default and meaning */

#endif
