/* pretrain_keys.h: every key of the file of `coop pretrain`, in one table. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_KEYS_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_KEYS_H

#include "experiments/config/key_spec.h"

#include <stdio.h>

/* All sections in the order of the help; NULL past the end. context is not used. */
const SectionSpec *pretrain_section_at(const void *context, int index);
const SectionSpec *pretrain_section(const char *name); /* NULL when unknown */

void pretrain_help(FILE *out); /* every key with type, default and meaning */

#endif
