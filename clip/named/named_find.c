/* named_find.c: see named_find.h */
#include "clip/named/named_find.h"

#include "clip/named/caches.h"
#include "clip/named/checkpoint_folder.h"

#include <string.h>

static const char *file_in(const char *folder, const char *name, Arena *arena) {
    return folder && name ? checkpoint_file(folder, name, arena) : NULL;
}

static const char *snapshot_of(const char *repo, Arena *arena) {
    const char *folder = repo ? cache_hub_folder(repo, arena) : NULL;
    return folder ? checkpoint_snapshot(folder, arena) : NULL;
}

/* The other weights in timm's repositories are those of the image tower alone, for another program. */
static const char *weights_in(const char *snapshot, const char *repo, Arena *arena) {
    Error ignored = {0}; /* of memory, the arena knows */
    if (strncmp(repo, "timm/", 5) != 0)
        return checkpoint_weights(snapshot, arena, &ignored);
    const char *found = checkpoint_file(snapshot, "open_clip_model.safetensors", arena);
    return found ? found : checkpoint_file(snapshot, "open_clip_pytorch_model.bin", arena);
}

/* What tells the activation of weights that no table knows. */
static const char *lacking_config(const char *snapshot, const char *weights, Arena *arena) {
    const char *slash = strrchr(weights, '/');
    const char *name = strncmp(slash + 1, "open_clip", 9) == 0 ? "open_clip_config.json" : "config.json";
    return checkpoint_file(snapshot, name, arena) ? NULL : name;
}

/* CLIP's own vocabulary, which is that of all that is known by name. */
static const char *clip_vocabulary(Arena *arena) {
    const char *const folders[] = {cache_openai(arena),
                                   cache_coop(arena),
                                   snapshot_of("openai/clip-vit-base-patch32", arena),
                                   snapshot_of("openai/clip-vit-base-patch16", arena),
                                   snapshot_of("openai/clip-vit-large-patch14", arena),
                                   snapshot_of("openai/clip-vit-large-patch14-336", arena)};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !found; i++)
        found = i < 2 ? file_in(folders[i], NAMED_VOCABULARY, arena)
                      : (folders[i] ? checkpoint_vocabulary(folders[i], arena) : NULL);
    return found;
}

NamedFiles named_find(const Named *named, Arena *arena) {
    NamedFiles out = {0};
    const char *snapshot = snapshot_of(named->repo, arena);
    if (snapshot)
        out.weights = weights_in(snapshot, named->repo, arena);
    if (out.weights) {
        out.vocabulary = checkpoint_vocabulary(snapshot, arena);
        out.lacks = named->known ? NULL : lacking_config(snapshot, out.weights, arena);
    }
    if (!out.weights)
        out.weights = file_in(cache_openai(arena), named->file, arena);
    if (!out.weights)
        out.weights = file_in(cache_coop(arena), named->file, arena);
    if (!out.vocabulary && named->known)
        out.vocabulary = clip_vocabulary(arena);
    return out;
}
