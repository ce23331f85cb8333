/* config.h: the experiment file, read strictly into a plain struct.
 *
 * The keys, their types, ranges and defaults are one table (config_keys.c), which also prints the help of
 * `coop run`. Whatever is not exactly right is refused with one line: "FILE: line 12: unknown key 'num_shot'
 * in grid (did you mean 'num_shots'?)". A single value where a list is allowed is a list of one. "~/" in a
 * path is the home folder; other relative paths are relative to the working directory, not to the experiment
 * file.
 */
#ifndef EXPERIMENTS_CONFIG_CONFIG_H
#define EXPERIMENTS_CONFIG_CONFIG_H

#include "experiments/config/experiment.h"
#include "experiments/config/yaml_tree.h"

/* Reads an experiment file; overrides are the texts of --set, "optim.lr=0.01", "grid.num_shots=[1, 2]",
 * "methods.0.coop.n_ctx=4" (methods count from 0); a value is YAML. Errors of the file are ERROR_INPUT and
 * begin "PATH: line N:"; those of an override are ERROR_USAGE and begin "--set KEY=VALUE:". Everything is
 * owned by the arena. */
int experiment_read(Experiment *experiment, const char *path, const char *const *overrides, int n_overrides,
                    const MethodList *methods, Arena *arena, Error *err);

/* Its two halves, for files that hold several experiments (study.h): experiment_tree gives the tree with the
 * overrides applied, or NULL on failure; experiment_from_tree reads one experiment from it. */
Node *experiment_tree(const char *path, const char *const *overrides, int n_overrides, Arena *arena,
                      Error *err);
int experiment_from_tree(Experiment *experiment, const char *path, const Node *root,
                         const MethodList *methods, Arena *arena, Error *err);

/* The section `dataset` alone, for other kinds of files that name one. map is its node. */
int dataset_spec_read(DatasetSpec *spec, const Node *map, Arena *arena, Error *err);

#endif
