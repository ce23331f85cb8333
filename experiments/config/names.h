/* names.h: texts of an experiment as names of folders. */
#ifndef EXPERIMENTS_CONFIG_NAMES_H
#define EXPERIMENTS_CONFIG_NAMES_H

#include "experiments/config/config.h"

/* text with every run of bytes outside [A-Za-z0-9._-] as one '_', at most 48 bytes, never empty, never
 * beginning with
 * '.'. Two texts may get one name. All of these are owned by the arena. */
char *safe_name(const char *text, Arena *arena);

/* The last part of a path without its suffix: "RN50" of "~/models/RN50.pt", "model" of "model.tar.gz". */
char *path_stem(const char *path, Arena *arena);

/* The dataset: its name, or that of its split file, CSV or folder, with "_base" or "_new"; folder-safe. */
char *experiment_dataset_name(const Experiment *experiment, Arena *arena);

/* The checkpoint's file name without suffix, folder-safe. */
char *experiment_backbone_name(const Experiment *experiment, Arena *arena);

#endif
