/* templates.h: what the entries under `templates` in an experiment file stand for. */
#ifndef EXPERIMENTS_CONFIG_TEMPLATES_H
#define EXPERIMENTS_CONFIG_TEMPLATES_H

#include "experiments/config/experiment.h"
#include "experiments/config/yaml_tree.h"

/* Replaces each entry of the list by texts with {} for the class: `default` by the dataset's own, `ensemble`
 * by the seven selected for ImageNet, a text with {} by itself, anything else by the lines of the file that
 * it names. section and node are for messages. Owned by the arena. */
int templates_resolve(TextList *list, const DatasetSpec *dataset, const char *section, const Node *node,
                      Arena *arena, Error *err);

#endif
