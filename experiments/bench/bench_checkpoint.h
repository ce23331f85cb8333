/* bench_checkpoint.h: models with random weights, and files of them. */
#ifndef EXPERIMENTS_BENCH_BENCH_CHECKPOINT_H
#define EXPERIMENTS_BENCH_BENCH_CHECKPOINT_H

#include "clip/checkpoint/architectures.h"
#include "clip/tensors/tensor.h"
#include "clip/train/trainable_clip.h"

/* With so many layers of the text tower, and OpenAI's QuickGELU or the GELU that OpenCLIP takes without a
 * word. */
TrainableClip *bench_clip(const Architecture *architecture, int text_layers, bool quick_gelu,
                          Precision precision, Error *err);

/* Writes such a model with QuickGELU to a safetensors file, with OpenCLIP's names, its floats as F32 or F16.
 * digest: its SHA-256. */
int bench_checkpoint_write(const char *path, char digest[65], const Architecture *architecture, DType dtype,
                           Error *err);

#endif
