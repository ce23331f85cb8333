/* names.c: see names.h. */
#include "experiments/config/names.h"

#include "clip/base/files.h"

#include <string.h>

#define MAX_NAME 48

char *safe_name(const char *text, Arena *arena) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    char name[MAX_NAME + 1];
    size_t n = 0;
    for (const char *at = text; *at && n < MAX_NAME; at++)
        if (strchr(allowed, *at))
            name[n++] = *at;
        else if (n > 0 && name[n - 1] != '_')
            name[n++] = '_';
    while (n > 0 && name[n - 1] == '_')
        n--;
    name[n] = '\0';
    const char *start = name + strspn(name, "._");
    return arena_strdup(arena, *start ? start : "unnamed");
}

char *path_stem(const char *path, Arena *arena) {
    const char *end = path + strlen(path);
    while (end > path && end[-1] == '/')
        end--;
    const char *start = end;
    while (start > path && start[-1] != '/')
        start--;
    const char *stem = end;
    for (const char *at = end; at > start + 1; at--)
        if (at[-1] == '.') {
            stem = at - 1;
            break;
        }
    if (stem - start > 4 && strncmp(stem - 4, ".tar", 4) == 0) /* "model.tar.gz" has two suffixes */
        stem -= 4;
    return arena_printf(arena, "%.*s", (int)(stem - start), start);
}

/* The folder above the last part of a path, when that part is just "train" or "test". */
static const char *above_part(const char *path, Arena *arena) {
    char *stem = path_stem(path, arena);
    if (!stem || (strcmp(stem, "train") != 0 && strcmp(stem, "test") != 0))
        return path;
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    char *trimmed = arena_printf(arena, "%.*s", (int)n, path);
    char *folder = trimmed ? path_folder(arena, trimmed) : NULL;
    return folder && strcmp(folder, ".") != 0 && strcmp(folder, "/") != 0 ? folder : path;
}

char *experiment_dataset_name(const Experiment *experiment, Arena *arena) {
    const DatasetSpec *spec = &experiment->dataset;
    const char *name = spec->name;
    if (!name) {
        const char *folder = spec->images ? spec->images : spec->train ? spec->train : spec->test;
        const char *path = spec->split ? spec->split : spec->csv ? spec->csv : above_part(folder, arena);
        name = path ? path_stem(path, arena) : NULL;
        static const char prefix[] = "split_zhou_";
        if (name && strncmp(name, prefix, strlen(prefix)) == 0 && name[strlen(prefix)])
            name += strlen(prefix);
    }
    char *safe = name ? safe_name(name, arena) : NULL;
    const char *part = spec->subsample_classes;
    if (!safe || !part || strcmp(part, "all") == 0)
        return safe;
    return arena_printf(arena, "%s_%s", safe, part);
}

char *experiment_backbone_name(const Experiment *experiment, Arena *arena) {
    char *stem = path_stem(experiment->model.weights, arena);
    return stem ? safe_name(stem, arena) : NULL;
}
