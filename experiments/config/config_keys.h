/* config_keys.h: every key of an experiment file in one table.
 *
 * A new key is one row of config_keys.c and one field of a struct in experiment.h; checks, defaults,
 * suggestions and help follow from the row, and for keys of optim the canonical text as well.
 */
#ifndef EXPERIMENTS_CONFIG_CONFIG_KEYS_H
#define EXPERIMENTS_CONFIG_CONFIG_KEYS_H

#include "experiments/config/key_spec.h"
#include "experiments/config/method_spec.h"

#include <stdio.h>

/* All sections in the order of the help, including those of the methods; NULL past the end. */
const SectionSpec *section_at(const MethodList *methods, int index);
/* A section that belongs to no method: "", "model", "optim", ...; NULL when unknown. */
const SectionSpec *section_find(const char *name);

/* Prints every key with type, default and meaning: the second half of `coop run --help`. */
void experiment_help(FILE *out, const MethodList *methods);
/* That of one section, of whatever kind of file. */
void section_help(FILE *out, const SectionSpec *section);

#endif
