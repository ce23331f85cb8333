/* paths.c: see paths.h */
#include "clip/base/paths.h"

#include <stdlib.h>
#include <string.h>

char *path_join(Arena *arena, const char *folder, const char *name) {
    size_t n = strlen(folder);
    if (n == 0 || name[0] == '/')
        return arena_strdup(arena, name);
    return arena_printf(arena, "%s%s%s", folder, folder[n - 1] == '/' ? "" : "/", name);
}

char *path_folder(Arena *arena, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n == 0)
        return arena_strdup(arena, ".");
    while (n > 1 && path[n - 1] == '/')
        n--;
    return arena_printf(arena, "%.*s", (int)n, path);
}

char *path_last(Arena *arena, const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return arena_printf(arena, "%.*s", (int)(end - start), path + start);
}

char *path_expand(Arena *arena, const char *path) {
    const char *home = getenv("HOME");
    if (home && path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
        return arena_printf(arena, "%s%s", home, path + 1);
    return arena_strdup(arena, path);
}
