/* named_find.h: the files of a published checkpoint on this disk, wherever a program has put them.
 *
 * Single files are looked for in ~/.cache/clip and in coop's own cache, repositories in the hub's cache
 * (caches.h). Nothing is fetched.
 */
#ifndef CLIP_NAMED_NAMED_FIND_H
#define CLIP_NAMED_NAMED_FIND_H

#include "clip/named/named.h"

/* Texts are owned by the arena. */
typedef struct {
    const char *weights;    /* NULL: not here */
    const char *vocabulary; /* beside them, else CLIP's own where that is the checkpoint's too; NULL: none */
    const char *lacks; /* weights are here, but not this file, without which nobody knows what they compute */
} NamedFiles;

/* Texts are NULL too when memory is out: arena_failed says so. */
NamedFiles named_find(const Named *named, Arena *arena);

#endif
