/* lpclip.c: see lpclip.h */
#include "experiments/original/lpclip.h"

#include "clip/base/files.h"
#include "clip/tensors/npz_write.h"
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/lists.h"
#include "experiments/original/trainers.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>

static int write_list(const char *path, const Dataset *dataset, const ItemList *list, LoadedModel *model,
                      bool quiet, Arena *arena, Error *err) {
    const size_t n = (size_t)list->n, E = (size_t)model->clip->embed_dim;
    const char **paths = ARENA_NEW(arena, const char *, n);
    float *features = arena_floats(arena, n, E);
    double *wide = ARENA_NEW(arena, double, n *E);
    int64_t *labels = ARENA_NEW(arena, int64_t, n);
    for (size_t i = 0; i < n && !arena_failed(arena); i++) {
        paths[i] = path_join(arena, dataset->root, list->items[i].path);
        labels[i] = list->items[i].label;
    }
    if (arena_failed(arena))
        return error_memory(err);
    if (cli_model_encode(model, features, NULL, paths, list->n, false, quiet, err) < 0)
        return -1;
    for (size_t i = 0; i < n * E; i++)
        wide[i] = features[i];
    const TensorOut tensors[] = {{"feature_list", DTYPE_F64, 2, {(int64_t)n, (int64_t)E}, wide},
                                 {"label_list", DTYPE_I64, 1, {(int64_t)n}, labels}};
    return npz_write(path, tensors, 2, err);
}

int lpclip_write(const char *out, const char *name, const char *root, LoadedModel *model, bool quiet,
                 Arena *arena, Error *err) {
    const DatasetSpec spec = {.name = name, .root = root, .original_caches = true};
    Dataset dataset;
    if (dataset_open(&dataset, &spec, arena, err) < 0)
        return -1;
    const ItemList *lists[N_PARTS] = {&dataset.train, &dataset.val, &dataset.test};
    const char *folder = path_join(arena, out, original_dataset_title(name));
    if (!folder)
        return error_memory(err);
    if (make_folders(folder, err) < 0)
        return -1;
    for (Part part = 0; part < N_PARTS; part++) {
        const char *path = arena_printf(arena, "%s/%s.npz", folder, part_name(part));
        const size_t mark = arena_mark(arena);
        if (!path)
            return error_memory(err);
        if (lists[part]->n == 0)
            continue;
        if (write_list(path, &dataset, lists[part], model, quiet, arena, err) < 0)
            return -1;
        print_line(stdout, "%s", path);
        arena_reset(arena, mark);
    }
    return 0;
}
