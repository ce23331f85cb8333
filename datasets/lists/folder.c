/* folder.c: folders with one subfolder per class.
 *
 * A class is a subfolder, labelled by the order of the names' bytes; its images are all files directly in it,
 * whatever their suffix: real datasets hold images under any name. One that is no image is reported when it
 * is opened.
 */
#define _GNU_SOURCE /* scandirat */
#include "datasets/lists/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_wanted_name(const struct dirent *entry) {
    return entry->d_name[0] != '.' && strcasecmp(entry->d_name, "Thumbs.db") != 0 &&
           strcasecmp(entry->d_name, "desktop.ini") != 0;
}

static int compare_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A link that leads nowhere counts as a file, so that opening it says so. */
static bool is_subfolder(int fd, const struct dirent *entry) {
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    struct stat info;
    return fstatat(fd, entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

int folder_list(NameList *out, const char *folder, bool subfolders, TextPool *pool, Error *err) {
    int result = -1, n = -1;
    struct dirent **entries = NULL;
    *out = (NameList){0};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        n = scandirat(fd, ".", &entries, is_wanted_name, compare_bytes);
    if (n < 0) {
        error_set(err, "%s: cannot open the folder: %s", folder, strerror(errno));
        goto out;
    }
    out->names = ARENA_NEW(pool->arena, const char *, n);
    for (int i = 0; i < n && out->names; i++)
        if (is_subfolder(fd, entries[i]) == subfolders)
            out->names[out->n++] = text_join(pool, NULL, entries[i]->d_name);
    result = arena_failed(pool->arena) ? error_memory(err) : 0;
out:
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    if (fd >= 0)
        close(fd);
    return result;
}

int folder_push(ListBuilder *list, const char *folder, const char *prefix, int label, TextPool *pool,
                Error *err) {
    NameList files = {0};
    if (folder_list(&files, folder, false, pool, err) < 0)
        return -1;
    for (int i = 0; i < files.n; i++) {
        const char *path = text_join(pool, prefix, files.names[i]);
        if (!path)
            return error_memory(err);
        if (list_push(list, path, label, pool->arena, err) < 0)
            return -1;
    }
    return 0;
}

/* Both are sorted, so the first difference tells which side lacks a name. */
static int check_same_classes(const NameList *found, const char *folder, const NameList *classes,
                              const char *origin, Error *err) {
    for (int i = 0; i < found->n || i < classes->n; i++) {
        int order = i == found->n ? 1 : i == classes->n ? -1 : strcmp(found->names[i], classes->names[i]);
        if (order < 0)
            return error_set(err, "%s: class '%s' is not in %s", folder, found->names[i], origin);
        if (order > 0)
            return error_set(err, "%s: class '%s' of %s is missing (an empty folder will do)", folder,
                             classes->names[i], origin);
    }
    return 0;
}

int folder_push_classes(ListBuilder *list, const NameList *classes, const char *origin, const char *folder,
                        const char *prefix, TextPool *pool, Error *err) {
    NameList found = {0};
    if (folder_list(&found, folder, true, pool, err) < 0 ||
        check_same_classes(&found, folder, classes, origin, err) < 0)
        return -1;
    for (int label = 0; label < classes->n; label++) {
        const char *path = text_join(pool, folder, classes->names[label]);
        const char *class_prefix = text_join(pool, prefix, classes->names[label]);
        if (!path || !class_prefix)
            return error_memory(err);
        if (folder_push(list, path, class_prefix, label, pool, err) < 0)
            return -1;
    }
    return 0;
}

/* The classes of a folder that defines them. */
static int define_classes(Dataset *dataset, NameList *classes, const char *folder, TextPool *pool,
                          Error *err) {
    ClassTable table = {0};
    if (folder_list(classes, folder, true, pool, err) < 0)
        return -1;
    if (classes->n == 0)
        return error_set(err, "%s: no subfolder (one per class)", folder);
    for (int label = 0; label < classes->n; label++)
        if (class_put(&table, label, classes->names[label], pool, err) < 0)
            return error_prefix(err, "%s", folder);
    dataset->source = arena_strdup(pool->arena, folder);
    dataset->n_classes = table.n_classes;
    dataset->class_names = table.names;
    return arena_failed(pool->arena) ? error_memory(err) : 0;
}

/* A class of that folder without images; where they lie deeper, it says so. */
static int empty_class(const char *folder, const char *name, TextPool *pool, Error *err) {
    NameList deeper = {0};
    const char *path = text_join(pool, folder, name);
    if (!path)
        return error_memory(err);
    if (folder_list(&deeper, path, true, pool, err) < 0)
        return -1;
    return error_set(err, "%s: class without images%s%s%s", path,
                     deeper.n > 0 ? " (those in its subfolder '" : "", deeper.n > 0 ? deeper.names[0] : "",
                     deeper.n > 0 ? "' do not count)" : "");
}

static int check_filled(const ListBuilder *list, const NameList *classes, const char *folder, TextPool *pool,
                        Error *err) {
    int at = 0;
    for (int label = 0; label < classes->n; label++) {
        if (at == list->list.n || list->list.items[at].label != label)
            return empty_class(folder, classes->names[label], pool, err);
        while (at < list->list.n && list->list.items[at].label == label)
            at++;
    }
    return 0;
}

int folder_read(Dataset *dataset, const char *train, const char *val, const char *test, Arena *arena,
                Error *err) {
    const char *folders[] = {train, val, test};
    ListBuilder lists[3] = {0};
    TextPool pool = {.arena = arena};
    NameList classes = {0};
    int first = train ? 0 : 2;
    const char *origin = folders[first];
    if (define_classes(dataset, &classes, origin, &pool, err) < 0)
        return -1;
    for (int i = 0; i < 3; i++)
        if (folders[i] &&
            folder_push_classes(&lists[i], &classes, origin, folders[i], folders[i], &pool, err) < 0)
            return -1;
    if (check_filled(&lists[first], &classes, origin, &pool, err) < 0)
        return -1;
    dataset->root = ".";
    dataset->train = lists[0].list;
    dataset->val = lists[1].list;
    dataset->test = lists[2].list;
    return 0;
}

int folder_read_all(Dataset *dataset, const char *images, Arena *arena, Error *err) {
    ListBuilder all = {0};
    TextPool pool = {.arena = arena};
    NameList classes = {0};
    if (define_classes(dataset, &classes, images, &pool, err) < 0 ||
        folder_push_classes(&all, &classes, images, images, NULL, &pool, err) < 0 ||
        check_filled(&all, &classes, images, &pool, err) < 0)
        return -1;
    dataset->root = dataset->source;
    dataset->train = all.list;
    return 0;
}
