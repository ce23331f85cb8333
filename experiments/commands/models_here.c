/* models_here.c: see models_here.h */
#include "experiments/commands/models_here.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "clip/named/caches.h"
#include "clip/named/checkpoint_folder.h"
#include "clip/named/named_find.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_CONFIG = 1 << 18 };

typedef struct {
    ModelHere *models;
    int n, capacity;
    bool ran_out; /* of memory, beside the arena */
    Arena *arena;
} Listing;

static void add(Listing *list, const Named *named) {
    struct stat info;
    const NamedFiles files = named_find(named, list->arena);
    if (!files.weights || files.lacks || stat(files.weights, &info) != 0)
        return;
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->models[i].path, files.weights) == 0)
            return;
    ModelHere *grown = arena_grow(list->arena, list->models, &list->capacity, list->n + 1, sizeof *grown);
    if (!grown)
        return;
    list->models = grown;
    list->models[list->n++] = (ModelHere){
        .name = named->name, .path = files.weights, .size = info.st_size, .has_vocabulary = files.vocabulary};
}

/* Whether the config of a repository's snapshot says that it is a CLIP. */
static bool is_clip(Listing *list, const char *snapshot) {
    Error why = {0};
    json_error_t place;
    size_t size;
    if (checkpoint_file(snapshot, "open_clip_config.json", list->arena))
        return true;
    const char *path = checkpoint_file(snapshot, "config.json", list->arena);
    const char *text = path ? file_read(path, MAX_CONFIG, list->arena, &size, &why) : NULL;
    json_t *root = text ? json_read(text, size, &place) : NULL;
    list->ran_out |= why.is_memory || (text && !root && json_ran_out());
    const char *type = json_string_value(json_object_get(root, "model_type"));
    const bool clip = type && strcmp(type, "clip") == 0;
    json_decref(root);
    return clip;
}

/* models--OWNER--NAME */
static void add_folder(Listing *list, const char *hub, const char *folder) {
    static const char prefix[] = "models--";
    const bool is_model = strncmp(folder, prefix, strlen(prefix)) == 0;
    const char *owner = is_model ? folder + strlen(prefix) : "", *gap = strstr(owner, "--");
    const char *path = path_join(list->arena, hub, folder);
    Error ignored = {0};
    Named named;
    if (!gap || !path || !is_clip(list, checkpoint_snapshot(path, list->arena)))
        return;
    const char *name = arena_printf(list->arena, "hf-hub:%.*s/%s", (int)(gap - owner), owner, gap + 2);
    if (name && named_parse(&named, name, list->arena, &ignored) == 0)
        add(list, &named);
}

int models_here(const ModelHere **models, int *n, Arena *arena, Error *err) {
    Listing list = {.arena = arena};
    Named named;
    for (int i = 0; named_at(i, &named, arena); i++)
        add(&list, &named);
    const char *hub = cache_hub(arena);
    struct dirent **entries = NULL;
    const int n_entries = hub ? scandir(hub, &entries, NULL, alphasort) : 0;
    list.ran_out |= n_entries < 0 && errno == ENOMEM;
    for (int i = 0; i < n_entries; i++) {
        add_folder(&list, hub, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    *models = list.models;
    *n = list.n;
    return list.ran_out || arena_failed(arena) ? error_memory(err) : 0;
}
