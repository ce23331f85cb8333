/* train_support.h: small CLIPs to train, and checks of gradients that both towers need. */
#ifndef TESTS_SUPPORT_TRAIN_SUPPORT_H
#define TESTS_SUPPORT_TRAIN_SUPPORT_H

#include "clip/train/trainable_clip.h"

typedef struct {
    Activation activation;
    bool has_gains; /* of residual branches */
    int layers;     /* of either tower */
} TinyClip;

/* Random weights, every one of which matters: image (3, 16, 16) in patches of 4, width 24, 3 heads; text of
 * TREE_VOCABULARY tokens, 12 positions, width 16, 2 heads; embeddings of 10. Nothing is trained yet. Caller
 * frees with train_clip_free. */
TrainableClip *train_clip_tiny(TinyClip kind);
/* The weights of a checkpoint with OpenAI's names, a ViT, with the sizes of its frozen towers. */
TrainableClip *train_clip_read(const char *path);
void train_clip_free(TrainableClip *clip);

/* All gradients of a clip, one after the other; owned by the arena. */
float *train_gradients(const TrainableClip *clip, Arena *arena, size_t *count);

/* A loss that the test computes anew from the parameters of a clip. */
typedef double (*TrainLoss)(void *context);

/* Fails the test unless the derivative along the gradient, and along a random direction, of each trained
 * parameter is that of central differences of the loss, and no gradient is zero. */
void train_check_differences(const Parameters *parameters, TrainLoss loss, void *context);

#endif
