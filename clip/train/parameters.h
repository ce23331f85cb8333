/* parameters.h: the weights of a model by name, with their gradients.
 *
 * Names, shapes and layouts are those of openai/CLIP's model.py ("visual.conv1.weight"), whatever file the
 * values came from; batch norms are unfolded. OpenCLIP's gains of residual branches have its names
 * ("visual.transformer.resblocks.0.ls_1.gamma").
 */
#ifndef CLIP_TRAIN_PARAMETERS_H
#define CLIP_TRAIN_PARAMETERS_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *name;
    int n_dims; /* 0 for a single number */
    int64_t shape[4];
    size_t count;
    float *value;    /* (count) */
    float *gradient; /* (count), to which backward passes add; NULL: not trained */
    bool is_buffer;  /* a running statistic: saved with the rest, but it has no gradient */
} Parameter;

typedef struct {
    Parameter *items; /* in the order in which they were added; pointers to them last until the next is */
    int n, capacity;
    Arena *arena; /* holds everything; borrowed */
} Parameters;

/* Values are zero. NULL when out of memory (arena_failed). */
Parameter *parameters_add(Parameters *parameters, int n_dims, const int64_t *shape, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
Parameter *parameters_find(const Parameters *parameters, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* NULL when there is none */

/* Gives a gradient to those that `wants` says yes to, and takes it from all others; buffers never have one.
 * Gradients are zero. wants NULL: all. Once for a model: an arena takes nothing back. Check arena_failed. */
void parameters_train(Parameters *parameters, bool (*wants)(const Parameter *parameter, void *context),
                      void *context);

void parameters_zero_gradients(Parameters *parameters, Pool *pool);
/* The length of all gradients together, in double; NaN if one of them is. */
double parameters_gradient_norm(const Parameters *parameters, Pool *pool);
size_t parameters_count(const Parameters *parameters, bool trained); /* numbers of all, or of those trained */

/* --- pieces, which follow from the shapes of all trained parameters alone --- */

/* Numbers first .. first + n - 1 of a parameter. */
typedef struct {
    Parameter *parameter;
    size_t first, n;
} ParameterPiece;
int parameters_pieces(const Parameters *parameters);
ParameterPiece parameters_piece(const Parameters *parameters, int index);

/* Some of the pieces, in rising order; wherever one may be given, NULL stands for all. */
typedef struct {
    const int *indices; /* (n) */
    int n;
} PieceList;

/* Calls run for each piece, on all threads. */
typedef void (*ParameterRun)(void *context, Parameter *parameter, size_t first, size_t n);
void parameters_each_piece(const Parameters *parameters, const PieceList *some, ParameterRun run,
                           void *context, Pool *pool);

/* The sum of the squares of each piece's gradients (number of pieces); the root of their sum, in that order,
 * is parameters_gradient_norm. */
void parameters_squares(const Parameters *parameters, const PieceList *some, double *sums, Pool *pool);

/* As torch.nn.utils.clip_grad_norm_, given the length of all gradients together. */
void parameters_clip_gradients(Parameters *parameters, const PieceList *some, double norm, double most,
                               Pool *pool);
void parameters_scale_gradients(Parameters *parameters, const PieceList *some, float factor, Pool *pool);

#endif
