/* dataset_open.c: opens a dataset of any format. */
#include "datasets/lists/dataset_open.h"

#include "clip/base/files.h"
#include "datasets/lists/catalog.h"
#include "datasets/lists/class_names.h"
#include "datasets/lists/csv.h"
#include "datasets/lists/folder.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/random_parts.h"
#include "datasets/lists/remarks.h"
#include "datasets/lists/split_file.h"

#include <stdbool.h>
#include <string.h>

/* "pets" for "a/split_zhou_pets.json", "a/pets.csv", "a/pets/" and "pets/train". */
static const char *name_of_path(Arena *arena, const char *path) {
    char *name = path_last(arena, path);
    if (name && part_find(name, strlen(name)) != N_PARTS) {
        char *folder = path_folder(arena, path);
        char *parent = folder ? path_last(arena, folder) : NULL;
        name = parent && *parent && strcmp(parent, ".") != 0 ? parent : name;
    }
    if (!name)
        return NULL;
    char *dot = strrchr(name, '.');
    if (dot && dot > name && (strcmp(dot, ".json") == 0 || strcmp(dot, ".csv") == 0))
        *dot = '\0';
    size_t n_prefix = strlen("split_zhou_");
    return strncmp(name, "split_zhou_", n_prefix) == 0 && name[n_prefix] ? name + n_prefix : name;
}

static int read_catalog(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err) {
    if (!spec->name)
        return error_set(err, "dataset: give a name with root, or a format (split, folder or csv)");
    const CatalogEntry *entry = catalog_find(spec->name);
    const char *nearest = entry ? NULL : catalog_nearest(spec->name);
    if (!entry)
        return error_set(err, "dataset: unknown name '%s'%s%s%s", spec->name,
                         nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
    if (!spec->root)
        return error_set(err, "dataset: '%s' needs root, the folder that holds the datasets", spec->name);
    if (spec->original_caches && catalog_use_kept(dataset, entry, spec->root, arena, err) < 0)
        return -1;
    return catalog_read(dataset, entry, spec->root, arena, err);
}

static int read_split(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err) {
    if (!spec->split)
        return error_set(err, "dataset: format split needs split, the JSON file");
    if (!spec->images)
        return error_set(err, "dataset: format split needs images, the folder of the images");
    dataset->name = name_of_path(arena, spec->split);
    return split_file_read(dataset, spec->images, spec->split, arena, err);
}

static int draw(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err) {
    double p_trn = spec->p_trn, p_val = spec->p_val;
    if (p_trn == 0) {
        p_trn = 0.5;
        p_val = 0.2;
    }
    if (!(p_trn > 0 && p_val >= 0 && p_trn + p_val < 1))
        return error_set(err, "dataset: p_trn %g and p_val %g leave nothing to test on", p_trn, p_val);
    return random_parts(dataset, p_trn, p_val, (uint32_t)spec->split_seed, arena, err);
}

static int read_folders(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err) {
    if (spec->images) {
        dataset->name = name_of_path(arena, spec->images);
        return folder_read_all(dataset, spec->images, arena, err) < 0 || draw(dataset, spec, arena, err) < 0
                   ? -1
                   : 0;
    }
    if (!spec->test)
        return error_set(err,
                         "dataset: format folder needs images, or test: folders with a subfolder per class");
    if (spec->val && !spec->train)
        return error_set(err, "dataset: format folder has val without train");
    dataset->name = name_of_path(arena, spec->train ? spec->train : spec->test);
    return folder_read(dataset, spec->train, spec->val, spec->test, arena, err);
}

static int read_csv(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err) {
    if (!spec->csv)
        return error_set(err, "dataset: format csv needs csv, the file");
    const char *images = spec->images ? spec->images : path_folder(arena, spec->csv);
    if (!images)
        return error_memory(err);
    bool has_parts;
    dataset->name = name_of_path(arena, spec->csv);
    if (csv_read(dataset, &has_parts, images, spec->csv, arena, err) < 0)
        return -1;
    if (has_parts && spec->draw_asked)
        return error_set(err, "%s: line 1: the column 'split' leaves nothing to p_trn, p_val and split_seed",
                         spec->csv);
    return has_parts ? 0 : draw(dataset, spec, arena, err);
}

static int read_any(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err) {
    if (!spec->format)
        return read_catalog(dataset, spec, arena, err);
    int result;
    if (strcmp(spec->format, "split") == 0)
        result = read_split(dataset, spec, arena, err);
    else if (strcmp(spec->format, "folder") == 0)
        result = read_folders(dataset, spec, arena, err);
    else if (strcmp(spec->format, "csv") == 0)
        result = read_csv(dataset, spec, arena, err);
    else
        return error_set(err, "dataset: unknown format '%s' (split, folder or csv)", spec->format);
    if (spec->name)
        dataset->name = arena_strdup(arena, spec->name);
    if (result == 0 && spec->class_names)
        result = class_names_apply(dataset, spec->class_names, arena, err);
    if (result == 0 && strcmp(spec->format, "folder") != 0) /* there, an image lies in one class */
        result = remark_labels(dataset, arena, err);
    return result;
}

/* A leading ~ is the home folder. */
static const char *expand(Arena *arena, const char *path) {
    return path ? path_expand(arena, path) : NULL;
}

int dataset_open(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err) {
    DatasetSpec paths = *spec;
    paths.root = expand(arena, spec->root);
    paths.images = expand(arena, spec->images);
    paths.split = expand(arena, spec->split);
    paths.csv = expand(arena, spec->csv);
    paths.train = expand(arena, spec->train);
    paths.val = expand(arena, spec->val);
    paths.test = expand(arena, spec->test);
    paths.class_names = expand(arena, spec->class_names);
    if (arena_failed(arena))
        return error_memory(err);
    const char *classes = spec->subsample_classes ? spec->subsample_classes : "all";
    bool base = strcmp(classes, "base") == 0, other = strcmp(classes, "new") == 0;
    if (!base && !other && strcmp(classes, "all") != 0)
        return error_set(err, "dataset: unknown subsample_classes '%s' (all, base or new)", classes);
    *dataset = (Dataset){0};
    if (read_any(dataset, &paths, arena, err) < 0)
        return -1;
    if (arena_failed(arena))
        return error_memory(err);
    if (dataset_check_classes(dataset, arena, err) < 0)
        return -1;
    if ((base || other) && dataset_subsample(dataset, base, arena, err) < 0)
        return -1;
    return remark_untested(dataset, arena, err);
}
