/* locate.h: finds the files of a checkpoint from its folder or its weights. The folder may be that of a model
 * in Hugging Face's cache (models--OWNER--NAME): then the files are those of its newest snapshot. */
#ifndef CLIP_CHECKPOINT_LOCATE_H
#define CLIP_CHECKPOINT_LOCATE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

/* The weights at `path`: the path itself, unless it is a folder; in a folder, the first of
 * open_clip_model.safetensors, model.safetensors, the only *.safetensors.index.json,
 * open_clip_pytorch_model.bin, pytorch_model.bin, pytorch_model.bin.index.json, and the only file named
 * *.safetensors, *.pt or *.pth. NULL with an error that lists them. Owned by the arena. */
const char *locate_weights(const char *path, Arena *arena, Error *err);

/* The vocabulary beside the weights, or in the folder, at `path`: merges.txt, bpe_simple_vocab_16e6.txt (each
 * also gzipped), tokenizer.json. NULL with an error that lists these. Owned by the arena. */
const char *locate_vocabulary(const char *path, Arena *arena, Error *err);

/* The file `name` beside the weights, or in the folder, at `path`; NULL when there is none. Owned by the
 * arena. */
const char *locate_beside(const char *path, const char *name, Arena *arena);

#endif
