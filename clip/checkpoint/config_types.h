/* config_types.h: what the config beside a checkpoint may say, whoever wrote it. */
#ifndef CLIP_CHECKPOINT_CONFIG_TYPES_H
#define CLIP_CHECKPOINT_CONFIG_TYPES_H

#include "clip/math/ops.h"

#include <stdbool.h>

/* OpenAI's normalisation of pixels, which most checkpoints use. */
#define CLIP_MEAN                                                                                            \
    { 0.48145466f, 0.4578275f, 0.40821073f }
#define CLIP_STD                                                                                             \
    { 0.26862954f, 0.26130258f, 0.27577711f }

/* How an image of any shape becomes the square of pixels that a tower takes. Zeroed, as OpenAI's models have
 * it: the short side is resized to the tower's size by bicubic interpolation, and the middle cut out. */
typedef struct {
    bool squash;   /* both sides are resized */
    bool pad;      /* the long side is resized, and the rest filled */
    bool bilinear; /* interpolation */
    int resize;    /* not pad: to this size before the middle is cut out; 0: the tower's */
    int fill;      /* pad: the value of the rest, 0 .. 255 */
} ImagePreparation;

/* Sizes are 0 where the config does not say. */
typedef struct {
    int width, n_layers, n_heads, n_positions, n_vocab; /* the last two: text */
    int image_size, patch_size, n_blocks[4];            /* image; blocks of a ResNet, which has no n_layers */
    Activation activation;
    float norm_eps; /* of all layer norms; 0: 1e-5 */
} TowerConfig;

typedef struct {
    const char *path; /* NULL if there is no config; then the sizes below are 0 */
    const char *name; /* in its place, what tells the activation; NULL: nothing else does */
    TowerConfig text, image;
    int embed_dim;
    bool has_pixels;
    float mean[3], std[3];
    const char *pixels_path; /* the file that says so */
    int input_size;          /* side of the prepared images; 0 where the config does not say */
    ImagePreparation images;
    const char *note;         /* one line that the user should know, or NULL */
    const char *images_fault; /* why it cannot be followed, which matters to images alone; NULL: it can */
} ModelConfig;

#endif
