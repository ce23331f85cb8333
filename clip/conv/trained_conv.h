/* trained_conv.h: convolutions of a batch whose weights change from call to call, channels last.
 *
 * Weights are stored as PyTorch stores them, w (n_out, n_in, kernel, kernel), without a bias; maps are
 * square. A call packs the weights for the kernels of the frozen towers (packed_conv.h, conv_bf16.h; conv.h
 * on processors without them). The input gradient of a convolution is another one, with channels exchanged
 * and taps turned round: d_in = conv(d_out, w'), w'[i][o][t] = w[o][i][last - t].
 *
 * The bits of an image depend on that image alone, however many there are and whatever the threads.
 */
#ifndef CLIP_CONV_TRAINED_CONV_H
#define CLIP_CONV_TRAINED_CONV_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/math/conv.h"
#include "clip/math/precision.h"

#include <stdbool.h>

typedef struct {
    int n_in, n_out, kernel, stride; /* kernel 1 or 3; stride 1, or 2 for a kernel of 3 */
} ConvShape;

/* What is called for each image on the thread that convolves it: `before` makes the input (its last pass),
 * `after` finds the output in the cache. Either may be NULL. */
typedef struct {
    void (*before)(void *context, int image);
    void (*after)(void *context, int image);
    void *context;
} ConvHooks;

/* Room for packed weights, reused by all convolutions of a model. */
typedef struct ConvRoom ConvRoom;

/* For the given shapes; owned by the arena. Where the processor does not have the precision, it is float.
 * Check arena_failed. */
ConvRoom *conv_room_create(const ConvShape *shapes, int n_shapes, Precision precision, Pool *pool,
                           Arena *arena);

/* out (n, side/stride, side/stride, n_out) = conv(in (n, side, side, n_in)). */
void trained_conv_forward(ConvRoom *room, float *out, const float *in, const float *w, ConvShape shape, int n,
                          int side, ConvHooks hooks);

/* d_in (n, side, side, n_in), given d_out of the same side; stride 1. With accumulate it is added to d_in.
 * The hooks' input is d_out, their output d_in. */
void trained_conv_input(ConvRoom *room, float *d_in, const float *d_out, const float *w, ConvShape shape,
                        int n, int side, bool accumulate, ConvHooks hooks);

/* As it is on a processor without the kernels; for tests on others. */
void conv_room_plain(ConvRoom *room, Arena *arena);

#endif
