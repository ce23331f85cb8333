/* training.h: one training in a folder of its own; an interrupted one is finished from there.
 *
 * The folder: config.yaml (an experiment file of this point alone), log.txt, metrics.jsonl and an event file
 * of TensorBoard (an entry per epoch), state.safetensors (every few seconds, when a signal comes, and at the
 * end); the method adds what it has learned. If the state cannot be used, or is of another
 * configuration, the training starts over and the earlier files go.
 */
#ifndef EXPERIMENTS_METHODS_TRAINING_H
#define EXPERIMENTS_METHODS_TRAINING_H

#include "coop/trainer.h"
#include "experiments/grid/grid.h"
#include "experiments/results/results.h"
#include "experiments/session/session.h"
#include "experiments/terminal/progress.h"

/* Of a method whose authors have a recipe; as choices, in order: */
typedef enum { RECIPE_PAPER, RECIPE_PLAIN } Recipe;
#define RECIPES "paper|plain"

/* For methods that train behind hand-written prompts: there are training images, and the prompts of the
 * templates can be encoded. */
int training_check_texts(Session *session, const Point *point, Error *err);

/* The Method.prepare of methods that train on the point's random views. */
int training_prepare(Session *session, const Point *point, Arena *arena, Error *err);

/* The few-shot training images of a point in n_views random views (0: the centre crop), of unit length; mean
 * (n, E), unless NULL: the mean over the views of what the tower gave. Owned by the arena. */
int training_load(Session *session, const Point *point, int n_views, TrainData *data, float **mean,
                  Arena *arena, Error *err);

/* Trains a Trainee as point->optim says, or goes on; fills n_train, train_seconds,
 * trained_parameters and final_loss of the result. detail is for the log, "" for none. ERROR_SIGNAL when
 * stopped, with the state saved. */
int training_run(Session *session, const Point *point, const char *folder, const Trainee *trainee,
                 const TrainData *data, const char *detail, Result *result, Progress *progress, Arena *arena,
                 Error *err);

/* Gives the trainee the parameters that the finished training of a point has left in its folder. */
int training_read(const Trainee *trainee, const OptimConfig *optim, const Point *learned, const char *folder,
                  Arena *arena, Error *err);

/* The random views that such a training sees: with more views than epochs the rest are never seen. */
int training_views(const Point *point);

#endif
