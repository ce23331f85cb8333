/* settings.h: what a config of the original code asks for, as an experiment of one point.
 *
 * What cannot be honoured is refused with the place where it was given; what is otherwise here is told in
 * notes, a line each.
 */
#ifndef EXPERIMENTS_ORIGINAL_SETTINGS_H
#define EXPERIMENTS_ORIGINAL_SETTINGS_H

#include "clip/checkpoint/model.h"
#include "experiments/config/experiment.h"
#include "experiments/original/arguments.h"
#include "experiments/original/trainers.h"
#include "experiments/original/yacs.h"

typedef struct {
    Arguments arguments;
    Yacs config;
    const OriginalTrainer *trainer;
    const char *output; /* OUTPUT_DIR */
    int seed;           /* that is drawn with */
    bool trains;        /* it is a training, and not --eval-only */
    bool older; /* the lines of the log are those of the older Dassl that KgCoOp, ProGrad and TCP come with */
} Settings;

/* The config in the order of the original's setup_cfg: dataset file, trainer file, arguments, KEY VALUE. */
int settings_read(Settings *settings, const Arguments *arguments, Arena *arena, Error *err);

/* Refuses what cannot be honoured, but for what only the model can tell. */
int settings_check(const Settings *settings, Error *err);
/* Image size, mean and standard deviation. */
int settings_check_model(const Settings *settings, const Clip *clip, Error *err);

void settings_notes(Buffer *out, const Settings *settings);

/* The experiment file: its results go to OUTPUT_DIR/coop. */
void settings_yaml(Buffer *out, const Settings *settings, const char *cache);

#endif
