/* caches.h: where programs keep the checkpoints that they fetch. Nothing here looks at a disk. All are owned
 * by the arena; NULL when the environment names no such folder, or memory is out. */
#ifndef CLIP_NAMED_CACHES_H
#define CLIP_NAMED_CACHES_H

#include "clip/base/arena.h"

const char *cache_openai(Arena *arena); /* ~/.cache/clip: openai/CLIP and OpenCLIP, single files */
const char *cache_coop(Arena *arena);   /* $XDG_CACHE_HOME/coop or ~/.cache/coop: what has no other place */

/* Of the Hugging Face hub: $HF_HOME or $XDG_CACHE_HOME/huggingface or ~/.cache/huggingface; below it hub,
 * unless $HF_HUB_CACHE (or $HUGGINGFACE_HUB_CACHE) says otherwise. */
const char *cache_hub_home(Arena *arena);
const char *cache_hub(Arena *arena);
/* HUB/models--OWNER--NAME */
const char *cache_hub_folder(const char *repo, Arena *arena);

#endif
