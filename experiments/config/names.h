/* names.h: names of folders, made of texts and paths. */
#ifndef EXPERIMENTS_CONFIG_NAMES_H
#define EXPERIMENTS_CONFIG_NAMES_H

#include "clip/base/arena.h"

/* The text with every run of bytes outside [A-Za-z0-9._-] replaced by one '_'; at most 48 bytes, never empty,
 * never beginning with '.'. Two texts may get the same name. Owned by the arena, as is the next. */
char *safe_name(const char *text, Arena *arena);

/* The last part of a path without its suffix: "RN50" of "~/models/RN50.pt", "model" of "model.tar.gz". */
char *path_stem(const char *path, Arena *arena);

/* What the file at `path` does not say: *name is then its stem, *output the folder runs/NAME. Missing memory
 * shows in the arena. */
void fill_in_names(const char **name, const char **output, const char *path, Arena *arena);

#endif
