/* catalog_check.h: what of a catalog dataset is on this disk. */
#ifndef DATASETS_LISTS_CATALOG_CHECK_H
#define DATASETS_LISTS_CATALOG_CHECK_H

#include "datasets/lists/catalog.h"

typedef enum {
    CATALOG_ABSENT,     /* no such folder */
    CATALOG_INCOMPLETE, /* files or folders are missing */
    CATALOG_FAULTY,     /* all of them are there, but the lists cannot be read, or an image is missing */
    CATALOG_DIFFERENT,  /* it works, with other numbers of classes or images than the published ones */
    CATALOG_READY
} CatalogStatus;

const char *catalog_status_name(CatalogStatus status); /* "absent", "incomplete", ... */

#define MAX_CATALOG_PARTS 8

typedef struct {
    CatalogStatus status;
    const char *missing[MAX_CATALOG_PARTS]; /* "split_zhou_EuroSAT.json", "2750/" */
    int n_missing;
    const char *fault; /* one line, when it is faulty */
    /* When the lists can be read; else 0. */
    int n_classes, n_train, n_val, n_test;
} CatalogCheck;

/* Looks at the folders and files and reads the lists; of a dataset that lists its images in files, looks for
 * every image. Strings are owned by the arena. Fails only when memory is out. */
int catalog_check(CatalogCheck *check, const CatalogEntry *entry, const char *root, Arena *arena, Error *err);

#endif
