/* names.c: see names.h. */
#include "experiments/config/names.h"

#include "clip/base/paths.h"

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

void fill_in_names(const char **name, const char **output, const char *path, Arena *arena) {
    if (!*name)
        *name = path_stem(path, arena);
    if (!*output && *name) {
        const char *folder = safe_name(*name, arena);
        *output = folder ? path_join(arena, "runs", folder) : NULL;
    }
}
