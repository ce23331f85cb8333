/* paths.h: paths as texts; nothing here looks at a disk. All are owned by the arena, NULL when memory is out.
 */
#ifndef CLIP_BASE_PATHS_H
#define CLIP_BASE_PATHS_H

#include "clip/base/arena.h"

char *path_join(Arena *arena, const char *folder, const char *name); /* name alone if it is absolute */
char *path_folder(Arena *arena, const char *path); /* "a/b" of "a/b/c.txt", "." of "c.txt" */
char *path_last(Arena *arena, const char *path);   /* "c" of "a/b/c" and "a/b/c/", "" of "/" */
char *path_expand(Arena *arena, const char *path); /* a leading "~/" becomes $HOME/ */

#endif
