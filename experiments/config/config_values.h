/* config_values.h: one value of an experiment file: read, checked, written. */
#ifndef EXPERIMENTS_CONFIG_CONFIG_VALUES_H
#define EXPERIMENTS_CONFIG_CONFIG_VALUES_H

#include "experiments/config/key_spec.h"
#include "experiments/config/yaml_tree.h"

/* Gives the fields of the section their defaults, except those whose keys are in the map (may be NULL). */
int section_defaults(const SectionSpec *section, const Node *map, void *base, Arena *arena, Error *err);

/* Reads a value into the field of its key at base + offset. section is for messages. */
int key_read(const KeySpec *key, const char *section, const Node *node, void *base, Arena *arena, Error *err);

/* A value as it is written in an experiment file, texts without quotes: "3", "auto", "0.002", "true", "end".
 * Owned by the arena; NULL when memory is out. */
const char *key_value_text(const KeySpec *key, const void *value, Arena *arena);

/* The shortest decimal that reads back as the same number. */
void real_text(char out[40], double number);

#endif
