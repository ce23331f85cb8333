/* templates.h: what the templates of a method in an experiment file stand for. */
#ifndef EXPERIMENTS_CONFIG_TEMPLATES_H
#define EXPERIMENTS_CONFIG_TEMPLATES_H

#include "experiments/config/experiment.h"
#include "experiments/config/yaml_tree.h"

/* Each entry of the list, as written, becomes texts with {} for the class: `default` is the dataset's own,
 * `ensemble` the seven selected for ImageNet, a text with {} itself, anything else the path of a file with a
 * text per line. section and node are for messages. Owned by the arena. */
int templates_resolve(TextList *list, const DatasetSpec *dataset, const char *section, const Node *node,
                      Arena *arena, Error *err);

#endif
