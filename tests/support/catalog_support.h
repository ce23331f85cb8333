/* catalog_support.h: the fifteen datasets of the catalog in miniature, each in its own layout, with odd
 * suffixes, old class names and files that belong to nobody. */
#ifndef TESTS_SUPPORT_CATALOG_SUPPORT_H
#define TESTS_SUPPORT_CATALOG_SUPPORT_H

typedef struct {
    const char *name;
    const char *folder;             /* in the root */
    const char *class_names;        /* "face, airplane", after renaming */
    const char *train, *val, *test; /* "a/1.JPG 0, b/2 1" */
    const char *root;               /* of these paths, in the root */
} MiniDataset;

enum { N_MINI = 15 };
extern const MiniDataset mini_datasets[N_MINI];

/* Writes all of them below the folder `root`. */
void mini_write(const char *root);

#endif
