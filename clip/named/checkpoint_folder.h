/* checkpoint_folder.h: which files of a folder are those of a checkpoint. What is not found for lack of
 * memory makes the arena fail (arena_failed). */
#ifndef CLIP_NAMED_CHECKPOINT_FOLDER_H
#define CLIP_NAMED_CHECKPOINT_FOLDER_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>

/* The folder of the files: Hugging Face's cache of a model (models--OWNER--NAME) keeps them in
 * snapshots/REVISION, and the newest revision in the file refs/main; without that file, one that is alone is
 * meant. Any other folder is itself. */
const char *checkpoint_snapshot(const char *folder, Arena *arena);

/* The file `name` in a folder; NULL when there is none. Owned by the arena. */
const char *checkpoint_file(const char *folder, const char *name, Arena *arena);

/* The first of open_clip_model.safetensors, model.safetensors, the only *.safetensors.index.json,
 * open_clip_pytorch_model.bin, pytorch_model.bin, pytorch_model.bin.index.json, and the only file named
 * *.safetensors, *.pt or *.pth. NULL with an error that lists them. Owned by the arena. */
const char *checkpoint_weights(const char *folder, Arena *arena, Error *err);

/* The first of merges.txt, bpe_simple_vocab_16e6.txt (each also gzipped), tokenizer.json; NULL when there is
 * none. Owned by the arena. */
const char *checkpoint_vocabulary(const char *folder, Arena *arena);

#endif
