/* caches.c: see caches.h. Sources: openai/CLIP, clip.py; OpenCLIP, pretrained.py; huggingface_hub,
 * constants.py and file_download.py. */
#include "clip/named/caches.h"

#include "clip/base/paths.h"

#include <stdlib.h>

/* A folder that a variable names; NULL where it is not set, or empty. */
static const char *from_variable(const char *name, Arena *arena) {
    const char *value = getenv(name);
    return value && *value ? path_expand(arena, value) : NULL;
}

static const char *below(const char *folder, const char *name, Arena *arena) {
    return folder ? path_join(arena, folder, name) : NULL;
}

static const char *home_cache(Arena *arena) {
    return below(from_variable("HOME", arena), ".cache", arena);
}

static const char *xdg_cache(Arena *arena) {
    const char *folder = from_variable("XDG_CACHE_HOME", arena);
    return folder ? folder : home_cache(arena);
}

const char *cache_openai(Arena *arena) {
    return below(home_cache(arena), "clip", arena);
}

const char *cache_coop(Arena *arena) {
    return below(xdg_cache(arena), "coop", arena);
}

const char *cache_hub_home(Arena *arena) {
    const char *folder = from_variable("HF_HOME", arena);
    return folder ? folder : below(xdg_cache(arena), "huggingface", arena);
}

const char *cache_hub(Arena *arena) {
    const char *folder = from_variable("HF_HUB_CACHE", arena);
    folder = folder ? folder : from_variable("HUGGINGFACE_HUB_CACHE", arena);
    return folder ? folder : below(cache_hub_home(arena), "hub", arena);
}

const char *cache_hub_folder(const char *repo, Arena *arena) {
    char *name = arena_printf(arena, "models--%s", repo);
    const char *text = name;
    for (char *at = name; at && *at; at++)
        if (*at == '/')
            text = arena_printf(arena, "%.*s--%s", (int)(at - name), name, at + 1);
    return text ? below(cache_hub(arena), text, arena) : NULL;
}
