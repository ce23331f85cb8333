/* bench_checkpoint.h: writes a ViT with random weights to a file. */
#ifndef EXPERIMENTS_BENCH_BENCH_CHECKPOINT_H
#define EXPERIMENTS_BENCH_BENCH_CHECKPOINT_H

#include "clip/base/error.h"
#include "clip/checkpoint/architectures.h"

/* Writes a safetensors file with OpenAI's names, in half precision like theirs. digest: its SHA-256. */
int bench_checkpoint_write(const char *path, char digest[65], const Architecture *architecture, Error *err);

#endif
