/* resnet_unit.h: the stem and the bottlenecks of CLIP's ModifiedResNet, forward and backward.
 *
 * Both are three convolutions, each with its batch norm and ReLU:
 *
 *     stem:       3x3 stride 2, 3x3, 3x3, pool
 *     bottleneck: 1x1, 3x3, [pool], 1x1, and before its last ReLU the shortcut is added: `in` itself, or
 *                 norm(1x1([pool of] in))
 *
 * A unit keeps what its convolutions gave (x) and what the next ones read (y); all between two convolutions
 * is computed image by image, on the thread that has the image in its cache, before or after it is convolved.
 */
#ifndef CLIP_TRAIN_RESNET_UNIT_H
#define CLIP_TRAIN_RESNET_UNIT_H

#include "clip/base/parallel.h"
#include "clip/conv/batch_norm.h"
#include "clip/conv/conv_gradient.h"
#include "clip/conv/trained_conv.h"
#include "clip/train/parameters.h"

#include <stdbool.h>

/* A convolution and its batch norm. Gradients may be NULL. */
typedef struct {
    ConvShape shape;
    int side, out_side; /* of what it reads, and gives */
    const float *w;
    float *d_w;
    BatchNorm norm;
    float *d_norm_w, *d_norm_b;
    float *n_batches; /* num_batches_tracked, or NULL */
} ConvNorm;

/* Maps of a batch, (n, side, side, channels). */
typedef struct {
    float *in;                       /* stem: the pixels, channels last */
    float *x[3];                     /* out of the convolutions */
    float *y[2];                     /* into the second and the third */
    float *shortcut_in, *shortcut_x; /* the shortcut's convolution; in only behind a pool */
} UnitMaps;

typedef struct {
    bool is_stem, has_shortcut; /* a convolution in it */
    int pooled;                 /* the convolution behind whose ReLU a pool is: 0..2, or -1 */
    int side, out_side, n_in, n_out;
    ConvNorm conv[3], shortcut;
    UnitMaps maps;
    float *in, *out;     /* borrowed; in: not of the stem */
    const float *pixels; /* stem: (n, 3, S, S), borrowed */
} ResnetUnit;

/* What units share. */
typedef struct {
    Pool *pool;
    ConvRoom *conv;
    ConvGradient *gradient;
    double *sums, *shortcut_sums; /* (n, 2, C) of any norm */
    float *g, *h;                 /* gradients of in and out; which is which changes */
    float *t, *u[2];              /* of x; of y, and u[1] of the shortcut's */
} UnitRoom;

/* A unit whose parameters are called prefix ("visual.layer1.0."), or the stem ("visual."). Norms' room is
 * owned by the arena. */
ResnetUnit unit_stem(const Parameters *parameters, int image_size, int width, Arena *arena);
ResnetUnit unit_bottleneck(const Parameters *parameters, const char *prefix, int side, int n_in, int inner,
                           int stride, Arena *arena);
bool unit_is_trained(const ResnetUnit *unit);
/* From now on BATCH is RUNNING, with a backward pass behind it. */
void unit_freeze_norms(ResnetUnit *unit);

/* Floats of one image: of maps, and of the gradients t and u[i]. */
size_t unit_maps_size(const ResnetUnit *unit);
size_t unit_x_size(const ResnetUnit *unit);
size_t unit_y_size(const ResnetUnit *unit, int i);
/* Lays the maps of n images into floats (n, unit_maps_size). */
void unit_place_maps(ResnetUnit *unit, float *floats, int n);

/* RUNNING: by running statistics. BATCH: by those of the batch, and the running ones move. AGAIN: by those
 * that the last BATCH found, to the same bits. */
typedef enum { NORM_RUNNING, NORM_BATCH, NORM_AGAIN } NormBy;

void unit_forward(ResnetUnit *unit, UnitRoom *room, int n, NormBy by);
/* Adds to the gradients of the weights. room->g is the gradient at out; afterwards, with needs_input, that at
 * in. */
void unit_backward(ResnetUnit *unit, UnitRoom *room, int n, bool needs_input);

double unit_flops(const ResnetUnit *unit, bool backward); /* of one image */

#endif
