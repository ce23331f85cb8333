/* study.h: an experiment file that names several checkpoints, datasets, or targets of transfer.
 *
 * Each entry of a list under model.weights or dataset.name makes an experiment, and with both lists each pair
 * does; they share the output and its cache. Each entry of `transfer` is an experiment too: the same one on
 * another dataset. It is the name of a known dataset under the same root, or a map of dataset keys; a map
 * with neither name nor format changes keys of `dataset`, so that {subsample_classes: new} means the other
 * classes of the same dataset.
 */
#ifndef EXPERIMENTS_CONFIG_STUDY_H
#define EXPERIMENTS_CONFIG_STUDY_H

#include "experiments/config/experiment.h"

typedef struct {
    Experiment *experiments; /* (n), those of one checkpoint are neighbours */
    int n;
} Study;

/* As experiment_read, which is for a file of one experiment without targets. */
int study_read(Study *study, const char *path, const char *const *overrides, int n_overrides,
               const MethodList *methods, Arena *arena, Error *err);

#endif
