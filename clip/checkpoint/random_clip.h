/* random_clip.h: a CLIP with random weights, for benchmarks and tests that need a model but no checkpoint. */
#ifndef CLIP_CHECKPOINT_RANDOM_CLIP_H
#define CLIP_CHECKPOINT_RANDOM_CLIP_H

#include "clip/checkpoint/architectures.h"
#include "clip/checkpoint/model.h"

/* All weights come from the stream (seed), scaled so that activations keep their size. Caller frees with
 * clip_free. There is no file, so clip_digest must not be called. NULL when out of memory. */
Clip *clip_random(const Architecture *architecture, ClipTowers towers, Precision precision, uint32_t seed,
                  Error *err);

/* A text tower alone, of any size, owned by the arena; check arena_failed. */
TextWeights text_random(int width, int n_layers, int n_vocab, int embed_dim, uint32_t seed, Arena *arena);

#endif
