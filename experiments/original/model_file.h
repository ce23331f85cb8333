/* model_file.h: prompt_learner/model.pth.tar-EPOCH of each trainer: written after a training, and read for a
 * test, whoever wrote it.
 *
 * Layout: as in coop/coop_checkpoint.h. CoCoOp and TCP add meta_net.linear1 and .linear2, each a weight and a
 * bias; TCP's has no token_prefix and token_suffix, which its program ignores.
 */
#ifndef EXPERIMENTS_ORIGINAL_MODEL_FILE_H
#define EXPERIMENTS_ORIGINAL_MODEL_FILE_H

#include "coop/trainer.h"
#include "experiments/grid/point.h"
#include "experiments/session/session.h"

/* A training after one of its epochs. */
typedef struct {
    Session *session;
    const Point *point;
    const Trainee *trainee;
    const TrainState *state;
    int n_steps; /* per epoch */
} TrainedModel;

/* Writes FOLDER/prompt_learner/model.pth.tar-EPOCH, or model-best.pth.tar with its accuracy on the validation
 * images (NAN: it is not for that), and names it in `checkpoint` beside it. *path is the file's, owned by the
 * arena. */
int model_file_write(const char **path, const char *folder, const TrainedModel *model, double val_result,
                     Arena *arena, Error *err);

/* Where the original looks: FOLDER/prompt_learner/model.pth.tar-EPOCH, or model-best.pth.tar with an epoch of
 * -1. NULL when memory is out. */
const char *model_file_path(const char *folder, int epoch, Arena *arena);

typedef struct {
    int epoch;         /* -1: the file does not say */
    double val_result; /* NAN: the same */
    float *parameters;
    size_t n; /* of them */
} ModelFile;

/* What the file holds, checked against what the point would train. The session has its model. Owned by the
 * arena. */
int model_file_read(ModelFile *file, const char *path, const Session *session, const Point *point,
                    Arena *arena, Error *err);

/* The parameters of a training, for a test. */
ModelFile model_file_of(const TrainedModel *model);

/* The model that a training in FOLDER goes on from, as `checkpoint` names it; "" where there is none. NULL
 * with an error. */
const char *model_file_latest(const char *folder, Arena *arena, Error *err);

/* Puts what the file holds, optimiser included, where an interrupted training of the point leaves its state:
 * in the point's folder below output; NULL: only whether that can be done. */
int model_file_resume(const ModelFile *file, const char *path, const Session *session, const Point *point,
                      const char *output, Arena *arena, Error *err);

/* logits (n_test, K) of the encoded test images of `images`, whose classes are the session's. `scratch` is a
 * folder for files that are gone afterwards. */
int model_file_test(float *logits, const ModelFile *file, Session *session, const Point *point,
                    const Session *images, const char *scratch, Arena *arena, Error *err);

#endif
