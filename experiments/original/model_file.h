/* model_file.h: prompt_learner/model.pth.tar-EPOCH of each trainer: written after a training, and read for a
 * test, whoever wrote it.
 *
 * Layout: as in coop/coop_checkpoint.h. CoCoOp and TCP add meta_net.linear1 and .linear2, each a weight and a
 * bias; TCP's has no token_prefix and token_suffix, which its program ignores.
 */
#ifndef EXPERIMENTS_ORIGINAL_MODEL_FILE_H
#define EXPERIMENTS_ORIGINAL_MODEL_FILE_H

#include "experiments/grid/point.h"
#include "experiments/session/session.h"

/* Writes FOLDER/prompt_learner/model.pth.tar-EPOCH and names it in `checkpoint` beside it. *path is the
 * file's, owned by the arena. */
int model_file_write(const char **path, const char *folder, Session *session, const Point *point,
                     const float *parameters, size_t n_parameters, int epoch, Arena *arena, Error *err);

/* Where the original looks: FOLDER/prompt_learner/model.pth.tar-EPOCH, or model-best.pth.tar with an epoch of
 * -1. NULL when memory is out. */
const char *model_file_path(const char *folder, int epoch, Arena *arena);

typedef struct {
    int epoch; /* -1: the file does not say */
    float *parameters;
    size_t n; /* of them */
} ModelFile;

/* What the file holds, checked against what the point would train. The session has its model. Owned by the
 * arena. */
int model_file_read(ModelFile *file, const char *path, const Session *session, const Point *point,
                    Arena *arena, Error *err);

/* logits (n_test, K) of the session's encoded test images with it. `scratch` is a folder for files that are
 * gone afterwards. */
int model_file_test(float *logits, const ModelFile *file, Session *session, const Point *point,
                    const char *scratch, Arena *arena, Error *err);

#endif
