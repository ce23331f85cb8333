/* folder.c: folders with one subfolder per class.
 *
 * A class is a subfolder, labelled by the order of the names' bytes; its images are all files in it, also in
 * folders within, whatever their suffix: real datasets hold images under any name. One that is no image is
 * reported when it is opened. Their order is that of torchvision's ImageFolder: by the path of the folder,
 * then by the name.
 */
#define _GNU_SOURCE /* scandirat */
#include "datasets/lists/folder.h"

#include "datasets/images/image.h"
#include "datasets/lists/remarks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 32 };

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

/* Both lists, (n) long at most; either may be NULL. */
static int scan(NameList *files, NameList *subfolders, const char *folder, TextPool *pool, Error *err) {
    int result = -1, n = -1;
    struct dirent **entries = NULL;
    NameList *lists[] = {files, subfolders};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        n = scandirat(fd, ".", &entries, is_wanted_name, compare_bytes);
    if (n < 0) {
        error_errno(err, ERROR_INPUT, errno, "%s: cannot open the folder", folder);
        goto out;
    }
    for (int i = 0; i < 2; i++)
        if (lists[i])
            *lists[i] = (NameList){.names = ARENA_NEW(pool->arena, const char *, n)};
    for (int i = 0; i < n && !arena_failed(pool->arena); i++) {
        NameList *list = lists[is_subfolder(fd, entries[i])];
        if (list)
            list->names[list->n++] = text_join(pool, NULL, entries[i]->d_name);
    }
    result = arena_failed(pool->arena) ? error_memory(err) : 0;
out:
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    if (fd >= 0)
        close(fd);
    return result;
}

int folder_list(NameList *out, const char *folder, bool subfolders, TextPool *pool, Error *err) {
    return scan(subfolders ? NULL : out, subfolders ? out : NULL, folder, pool, err);
}

/* A class folder, or a folder within. */
typedef struct {
    const char *prefix; /* of the paths of its files */
    NameList files;
} Level;

typedef struct {
    Level *levels; /* (n) */
    int n, capacity;
    TextPool *pool;
} Walk;

static int walk_folder(Walk *walk, const char *folder, const char *prefix, int depth, Error *err) {
    NameList deeper;
    TextPool *pool = walk->pool;
    if (depth > MAX_DEPTH)
        return error_set(err, "%s: %d folders within each other: does a link lead back?", folder, depth);
    Level *levels = arena_grow(pool->arena, walk->levels, &walk->capacity, walk->n + 1, sizeof *levels);
    if (!levels)
        return error_memory(err);
    walk->levels = levels;
    Level *level = &levels[walk->n++];
    level->prefix = prefix;
    if (scan(&level->files, &deeper, folder, pool, err) < 0)
        return -1;
    for (int i = 0; i < deeper.n; i++) {
        const char *path = text_join(pool, folder, deeper.names[i]);
        const char *inner = text_join(pool, prefix, deeper.names[i]);
        if (!path || !inner)
            return error_memory(err);
        if (walk_folder(walk, path, inner, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

static int compare_levels(const void *a, const void *b) {
    return strcmp(((const Level *)a)->prefix, ((const Level *)b)->prefix);
}

int folder_push(ListBuilder *list, const char *folder, const char *prefix, int label, TextPool *pool,
                Error *err) {
    Walk walk = {.pool = pool};
    if (walk_folder(&walk, folder, prefix, 0, err) < 0)
        return -1;
    qsort(walk.levels, (size_t)walk.n, sizeof *walk.levels, compare_levels);
    for (int l = 0; l < walk.n; l++) {
        const NameList *files = &walk.levels[l].files;
        for (int i = 0; i < files->n; i++) {
            const char *path = text_join(pool, walk.levels[l].prefix, files->names[i]);
            if (!path)
                return error_memory(err);
            if (list_push(list, path, label, pool->arena, err) < 0)
                return -1;
        }
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

/* Whether an item lies deeper than prefix/CLASS/; prefix may be NULL. */
static bool is_deeper(const Item *item, const char *prefix) {
    const char *inner = item->path + (prefix ? strlen(prefix) : 0);
    inner += *inner == '/';
    const char *slash = strchr(inner, '/');
    return slash && strchr(slash + 1, '/');
}

/* The first item of a class is one right in its folder, if there is any. */
static int check_filled(const ListBuilder *list, const NameList *classes, const char *folder,
                        const char *prefix, Error *err) {
    int at = 0;
    for (int label = 0; label < classes->n; label++) {
        const char *name = classes->names[label];
        if (at == list->list.n || list->list.items[at].label != label)
            return error_set(err, "%s/%s: class without images", folder, name);
        if (part_find(name, strlen(name)) != N_PARTS && is_deeper(&list->list.items[at], prefix))
            return error_set(err,
                             "%s/%s: a class with this name and folders alone: give train and test as such",
                             folder, name);
        while (at < list->list.n && list->list.items[at].label == label)
            at++;
    }
    return 0;
}

static void remark_deeper(Dataset *dataset, const ItemList *list, const char *folder, const char *prefix,
                          Arena *arena) {
    const Item *first = NULL;
    int n = 0;
    for (int i = 0; i < list->n; i++)
        if (is_deeper(&list->items[i], prefix)) {
            first = first ? first : &list->items[i];
            n++;
        }
    if (n > 0)
        remark(&dataset->remarks, arena, "%s: %d image%s in folders within class folders (%s)", folder, n,
               n == 1 ? " is" : "s are", first->path);
}

/* Images beside the class folders, which belong to none. */
static int remark_strays(Dataset *dataset, const char *folder, TextPool *pool, Error *err) {
    NameList files;
    const char *first = NULL;
    int n = 0;
    if (folder_list(&files, folder, false, pool, err) < 0)
        return -1;
    for (int i = 0; i < files.n; i++) {
        const char *path = text_join(pool, folder, files.names[i]);
        if (!path)
            return error_memory(err);
        if (image_sniff(path, NULL) < 0)
            continue;
        first = first ? first : files.names[i];
        n++;
    }
    if (n > 0)
        remark(&dataset->remarks, pool->arena, "%s: %d image%s beside the class folders %s left out (%s)",
               folder, n, n == 1 ? "" : "s", n == 1 ? "is" : "are", first);
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
    if (check_filled(&lists[first], &classes, origin, origin, err) < 0)
        return -1;
    for (int i = 0; i < 3; i++) {
        if (folders[i] && remark_strays(dataset, folders[i], &pool, err) < 0)
            return -1;
        if (folders[i])
            remark_deeper(dataset, &lists[i].list, folders[i], folders[i], arena);
    }
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
        check_filled(&all, &classes, images, NULL, err) < 0 || remark_strays(dataset, images, &pool, err) < 0)
        return -1;
    remark_deeper(dataset, &all.list, images, NULL, arena);
    dataset->root = dataset->source;
    dataset->train = all.list;
    return 0;
}
