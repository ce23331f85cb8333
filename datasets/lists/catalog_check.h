/* catalog_check.h: how much of a catalog dataset is on this disk. */
#ifndef DATASETS_LISTS_CATALOG_CHECK_H
#define DATASETS_LISTS_CATALOG_CHECK_H

#include "datasets/lists/catalog.h"

typedef enum {
    CATALOG_ABSENT,     /* no such folder */
    CATALOG_INCOMPLETE, /* files or folders are missing */
    CATALOG_FAULTY,     /* no part is missing, but the lists cannot be read, or an image is not there */
    CATALOG_DIFFERENT,  /* it works, but its numbers of classes or images are not the published ones */
    CATALOG_READY
} CatalogStatus;

const char *catalog_status_name(CatalogStatus status); /* "absent", "incomplete", ... */

#define MAX_CATALOG_PARTS 8

typedef struct {
    CatalogStatus status;
    const char *missing[MAX_CATALOG_PARTS]; /* "split_zhou_EuroSAT.json", "2750/" */
    int n_missing;
    const char *fault; /* one line, when it is faulty */
    /* 0 unless the lists can be read. */
    int n_classes, n_train, n_val, n_test;
} CatalogCheck;

/* Looks for the folders and files and reads the lists; where these are files, looks for every image in them.
 * Strings are owned by the arena. Fails only when memory is out. */
int catalog_check(CatalogCheck *check, const CatalogEntry *entry, const char *root, Arena *arena, Error *err);

#endif
