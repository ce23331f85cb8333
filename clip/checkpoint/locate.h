/* locate.h: finds the files of a checkpoint from its folder, its weights, or its name.
 *
 * A file or folder of that spelling goes first, and what looks like a path is never taken for a name; else
 * the text is a name (clip/named), and the files are where programs keep what they have fetched. A folder
 * may be that of a model in Hugging Face's cache (models--OWNER--NAME): then the files are those of its
 * newest snapshot.
 */
#ifndef CLIP_CHECKPOINT_LOCATE_H
#define CLIP_CHECKPOINT_LOCATE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/named/named.h"

/* The weights at `text`: the path itself, unless it is a folder (checkpoint_folder.h says which of its files)
 * or a name. NULL with an error: what is in the folder, or that the checkpoint must be fetched. Owned by the
 * arena. */
const char *locate_weights(const char *text, Arena *arena, Error *err);
/* The same; *named becomes what a name means, owned by the arena, and NULL of a path. */
const char *locate_named(const char *text, const Named **named, Arena *arena, Error *err);

/* The vocabulary beside the weights, or in the folder, or of the name, at `text`. NULL with an error that
 * lists what was looked for. Owned by the arena. */
const char *locate_vocabulary(const char *text, Arena *arena, Error *err);

/* The file `name` beside the weights, or in the folder, at `path`, which is no name; NULL when there is none.
 * Owned by the arena. */
const char *locate_beside(const char *path, const char *name, Arena *arena);

/* A name stands for the file that was published. If the text is one whose single file's digest is known, and
 * `path` is that file, fails unless this is its digest. */
int locate_check_digest(const char *text, const char *path, const char *digest, Error *err);

/* Whether the text is taken for a name. */
bool locate_is_name(const char *text);

/* 1 if a file, a folder, or files of that name are there, else 0; -1 when memory is out. */
int locate_is_there(const char *text, Error *err);

#endif
