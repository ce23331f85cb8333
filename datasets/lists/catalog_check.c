/* catalog_check.c: see catalog_check.h */
#include "datasets/lists/catalog_check.h"

#include "clip/base/files.h"
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/list_check.h"

#include <string.h>

const char *catalog_status_name(CatalogStatus status) {
    static const char *const names[] = {"absent", "incomplete", "faulty", "different", "ready"};
    return names[status];
}

/* What has to be in the folder of the dataset; folders end in a slash. Returns how many. */
static int list_parts(const char *parts[MAX_CATALOG_PARTS], const CatalogEntry *entry, Arena *arena) {
    const char *images = entry->images ? arena_printf(arena, "%s/", entry->images) : NULL;
    int n = 0;
    switch (entry->kind) {
    case CATALOG_SPLIT:
        parts[n++] = entry->split;
        if (!images) { /* Stanford Cars */
            parts[n++] = "cars_train/";
            parts[n++] = "cars_test/";
        }
        break;
    case CATALOG_VARIANTS:
        parts[n++] = "variants.txt";
        parts[n++] = "images_variant_train.txt";
        parts[n++] = "images_variant_val.txt";
        parts[n++] = "images_variant_test.txt";
        break;
    case CATALOG_IMAGENET:
        parts[n++] = "classnames.txt";
        parts[n++] = "images/train/";
        images = "images/val/";
        break;
    case CATALOG_WNID:
    case CATALOG_NUMBERED:
        parts[n++] = "classnames.txt";
        break;
    }
    if (images)
        parts[n++] = images;
    return n;
}

/* classnames.txt may also lie in ImageNet's folder. */
static bool part_exists(const char *part, const char *root, const char *folder, Arena *arena) {
    const char *path = path_join(arena, folder, part);
    if (!path)
        return false;
    if (part[strlen(part) - 1] == '/')
        return folder_exists(path);
    if (file_exists(path))
        return true;
    const char *shared = path_join(arena, root, "imagenet/classnames.txt");
    return shared && strcmp(part, "classnames.txt") == 0 && file_exists(shared);
}

/* Fills the numbers and, when nothing is missing, the status. A lack of memory is no fault of the dataset's.
 */
static int read_lists(CatalogCheck *check, const CatalogEntry *entry, const char *root, Arena *scratch,
                      Arena *arena, Error *err) {
    Dataset dataset;
    Error fault = {0};
    DatasetSpec spec = {.name = entry->name, .root = root};
    bool listed_in_files = entry->kind == CATALOG_SPLIT || entry->kind == CATALOG_VARIANTS;
    bool read = dataset_open(&dataset, &spec, scratch, &fault) == 0;
    if (read) {
        check->n_classes = dataset.n_classes;
        check->n_train = dataset.train.n;
        check->n_val = dataset.val.n;
        check->n_test = dataset.test.n;
    }
    if (fault.kind == ERROR_RUN)
        return error_run(err, "%s", fault.text);
    if (check->n_missing > 0)
        return 0;
    bool as_published = check->n_classes == entry->n_classes && check->n_train == entry->n_train &&
                        check->n_val == entry->n_val && check->n_test == entry->n_test;
    check->status = as_published ? CATALOG_READY : CATALOG_DIFFERENT;
    if (!read || (listed_in_files && dataset_check_images(&dataset, NULL, &fault) < 0)) {
        check->status = CATALOG_FAULTY;
        check->fault = arena_strdup(arena, fault.text);
    }
    return 0;
}

int catalog_check(CatalogCheck *check, const CatalogEntry *entry, const char *root, Arena *arena,
                  Error *err) {
    *check = (CatalogCheck){.status = CATALOG_ABSENT};
    const char *parts[MAX_CATALOG_PARTS];
    const char *folder = path_join(arena, root, entry->folder);
    if (folder && folder_exists(folder)) {
        check->status = CATALOG_INCOMPLETE;
        int n = list_parts(parts, entry, arena);
        for (int i = 0; i < n && !arena_failed(arena); i++)
            if (!part_exists(parts[i], root, folder, arena))
                check->missing[check->n_missing++] = parts[i];
        Arena *scratch = arena_create(); /* a list can be millions long */
        if (!scratch)
            return error_memory(err);
        const int status = read_lists(check, entry, root, scratch, arena, err);
        arena_free(scratch);
        if (status < 0)
            return -1;
    }
    return arena_failed(arena) ? error_memory(err) : 0;
}
