/* dataset.c: opens a dataset of any format, checks it, and cuts it down to base or new classes.
 *
 * Base and new classes: of K classes in the order of their labels the first ceil(K/2) are base, the others
 * new, and either half is labelled from 0 again (Zhou et al. 2022, Conditional Prompt Learning, section 4.1).
 */
#include "datasets/lists/dataset.h"
#include "clip/base/files.h"
#include "datasets/lists/catalog.h"
#include "datasets/lists/class_names.h"
#include "datasets/lists/csv.h"
#include "datasets/lists/folder.h"
#include "datasets/lists/random_parts.h"
#include "datasets/lists/split_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The last component of a path; NULL when there is no memory. */
static char *last_component(Arena *arena, const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return arena_printf(arena, "%.*s", (int)(end - start), path + start);
}

/* "pets" for "a/split_zhou_pets.json", "a/pets.csv", "a/pets/" and "pets/train". */
static const char *name_of_path(Arena *arena, const char *path) {
    char *name = last_component(arena, path);
    if (name && part_find(name, strlen(name)) != N_PARTS) {
        char *folder = path_folder(arena, path);
        char *parent = folder ? last_component(arena, folder) : NULL;
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
    if (!entry)
        return error_set(err, "dataset: unknown name '%s' (the nearest known one is '%s')", spec->name,
                         catalog_nearest(spec->name));
    if (!spec->root)
        return error_set(err, "dataset: '%s' needs root, the folder that holds the datasets", spec->name);
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
    return result;
}

/* Every class has an image in the list that defines the classes: the training list, or the test list of a
 * dataset that is for testing alone. */
static int check_classes(const Dataset *dataset, Arena *arena, Error *err) {
    const ItemList *list = dataset->train.n > 0 ? &dataset->train : &dataset->test;
    if (list->n == 0)
        return error_set(err, "%s: neither training nor test images", dataset->source);
    size_t mark = arena_mark(arena);
    char *seen = ARENA_NEW(arena, char, dataset->n_classes);
    if (!seen)
        return error_memory(err);
    for (int i = 0; i < list->n; i++)
        seen[list->items[i].label] = 1;
    int missing = 0;
    while (missing < dataset->n_classes && seen[missing])
        missing++;
    arena_reset(arena, mark);
    if (missing < dataset->n_classes)
        return error_set(err, "%s: class '%s' (label %d): no %s images", dataset->source,
                         dataset->class_names[missing], missing,
                         list == &dataset->train ? "training" : "test");
    return 0;
}

static int keep_classes(ItemList *list, int first, int n, Arena *arena, Error *err) {
    Item *items = ARENA_NEW(arena, Item, list->n);
    if (!items)
        return error_memory(err);
    int kept = 0;
    for (int i = 0; i < list->n; i++) {
        int label = list->items[i].label - first;
        if (label >= 0 && label < n)
            items[kept++] = (Item){.path = list->items[i].path, .label = label};
    }
    *list = (ItemList){.items = items, .n = kept};
    return 0;
}

static int subsample(Dataset *dataset, bool base, Arena *arena, Error *err) {
    int n_base = (dataset->n_classes + 1) / 2;
    int first = base ? 0 : n_base, n = base ? n_base : dataset->n_classes - n_base;
    if (n == 0)
        return error_set(err, "%s: subsample_classes new: the only class is a base class", dataset->source);
    Dataset *whole = ARENA_NEW(arena, Dataset, 1);
    if (!whole)
        return error_memory(err);
    *whole = *dataset;
    dataset->whole = whole;
    dataset->first_class = first;
    dataset->n_classes = n;
    dataset->class_names += first;
    if (keep_classes(&dataset->train, first, n, arena, err) < 0 ||
        keep_classes(&dataset->val, first, n, arena, err) < 0 ||
        keep_classes(&dataset->test, first, n, arena, err) < 0)
        return -1;
    return 0;
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
    if (check_classes(dataset, arena, err) < 0)
        return -1;
    return base || other ? subsample(dataset, base, arena, err) : 0;
}

/* The place of an image is its index in the list of the file, so after subsampling the others are counted
 * too. */
static int check_list(const Dataset *dataset, const ItemList *list, const char *part, int folder,
                      Error *err) {
    int first = dataset->whole ? dataset->first_class : 0;
    for (int i = 0; i < list->n; i++) {
        int label = list->items[i].label - first;
        const char *path = list->items[i].path;
        struct stat info;
        if (label < 0 || label >= dataset->n_classes)
            continue;
        bool there = fstatat(folder, path, &info, 0) == 0;
        if (!there || !S_ISREG(info.st_mode))
            return error_set(err, "%s: %s[%d]: %s%s%s: %s", dataset->source, part, i,
                             *path == '/' ? "" : dataset->root, *path == '/' ? "" : "/", path,
                             there ? "not a file" : strerror(errno));
    }
    return 0;
}

int dataset_check_images(const Dataset *dataset, Error *err) {
    const Dataset *whole = dataset->whole ? dataset->whole : dataset;
    int folder = open(dataset->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set(err, "%s: images: %s: %s", dataset->source, dataset->root, strerror(errno));
    int result = check_list(dataset, &whole->train, "train", folder, err);
    if (result == 0)
        result = check_list(dataset, &whole->val, "val", folder, err);
    if (result == 0)
        result = check_list(dataset, &whole->test, "test", folder, err);
    close(folder);
    return result;
}
