/* list_check.c: see list_check.h */
#include "datasets/lists/list_check.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"
#include "datasets/lists/lists.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- are they there? --- */

/* The place of an image is its index in the list of the file, so after subsampling the others are counted
 * too. Faults are numbered from `before` on. */
static void check_list(const Dataset *dataset, const ItemList *list, Part part, int folder, int before,
                       ImageFaults *faults) {
    int first = dataset->whole ? dataset->first_class : 0;
    for (int i = 0; i < list->n; i++) {
        int label = list->items[i].label - first;
        const char *path = list->items[i].path;
        struct stat info;
        if (label < 0 || label >= dataset->n_classes)
            continue;
        bool there = fstatat(folder, path, &info, 0) == 0;
        if (there && S_ISREG(info.st_mode))
            continue;
        Error err = {0};
        error_set(&err, "%s: %s[%d]: %s%s%s: %s", dataset->source, part_name(part), i,
                  *path == '/' ? "" : dataset->root, *path == '/' ? "" : "/", path,
                  there ? "not a file" : strerror(errno));
        image_faults_add(faults, before + i, &err);
    }
}

int dataset_check_images(const Dataset *dataset, ImageFaults *faults, Error *err) {
    const Dataset *whole = dataset->whole ? dataset->whole : dataset;
    const ItemList *lists[N_PARTS] = {&whole->train, &whole->val, &whole->test};
    ImageFaults own = {0};
    faults = faults ? faults : &own;
    *faults = (ImageFaults){0};
    int folder = open(dataset->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), before = 0;
    if (folder < 0)
        return error_set(err, "%s: images: %s: %s", dataset->source, dataset->root, strerror(errno));
    for (Part part = 0; part < N_PARTS; part++) {
        check_list(dataset, lists[part], part, folder, before, faults);
        before += lists[part]->n;
    }
    close(folder);
    return image_faults_first(faults, err);
}

/* --- can they be read? --- */

typedef struct {
    Arena *arena;
    ImageFaults faults;
} Worker;

typedef struct {
    const Dataset *dataset;
    const ItemList *list;
    int before;      /* items of the lists before */
    Worker *workers; /* (pool_threads) */
} Check;

static void check_tile(void *context, int tile, int index) {
    const Check *check = context;
    Worker *worker = &check->workers[index];
    const char *path = check->list->items[tile].path;
    size_t mark = arena_mark(worker->arena);
    Error err = {0};
    FileMap map = {0};
    if (strcmp(check->dataset->root, ".") != 0)
        path = path_join(worker->arena, check->dataset->root, path);
    int result = !path ? error_memory(&err) : file_map(&map, path, &err);
    if (result == 0)
        result = image_check(map.data, map.size, path, worker->arena, &err);
    file_unmap(&map);
    if (result < 0)
        image_faults_add(&worker->faults, check->before + tile, &err);
    arena_reset(worker->arena, mark);
}

int dataset_check_content(const Dataset *dataset, Pool *pool, ImageFaults *faults, Error *err) {
    const ItemList *lists[N_PARTS] = {&dataset->train, &dataset->val, &dataset->test};
    const int n_workers = pool_threads(pool);
    Check check = {.dataset = dataset, .workers = calloc((size_t)n_workers, sizeof *check.workers)};
    *faults = (ImageFaults){0};
    bool failed = !check.workers;
    for (int i = 0; i < n_workers && !failed; i++)
        failed = !(check.workers[i].arena = arena_create());
    for (Part part = 0; part < N_PARTS && !failed; part++) {
        check.list = lists[part];
        pool_run(pool, lists[part]->n, check_tile, &check);
        check.before += lists[part]->n;
    }
    for (int i = 0; i < n_workers && check.workers; i++) {
        image_faults_merge(faults, &check.workers[i].faults);
        arena_free(check.workers[i].arena);
    }
    free(check.workers);
    return failed ? error_memory(err) : image_faults_first(faults, err);
}
