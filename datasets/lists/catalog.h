/* catalog.h: the fifteen datasets of the CoOp project, as they lie on disk. */
#ifndef DATASETS_LISTS_CATALOG_H
#define DATASETS_LISTS_CATALOG_H

#include "datasets/lists/dataset.h"

/* How the lists of a dataset are found. */
typedef enum {
    CATALOG_SPLIT,    /* a split file */
    CATALOG_VARIANTS, /* FGVC-Aircraft's text files */
    CATALOG_IMAGENET, /* images/train/WNID and images/val/WNID; validation and test set are both images/val */
    CATALOG_WNID,     /* a test set with a folder per WNID */
    CATALOG_NUMBERED  /* a test set with a folder per line of classnames.txt: 0, 1, ... */
} CatalogKind;

typedef struct {
    const char *from, *to;
} ClassRename;

typedef struct {
    const char *name;
    const char *title;
    const char *folder;   /* in the root of all datasets */
    const char *images;   /* folder of the images, in `folder`; NULL: the folder itself */
    const char *split;    /* split file, in `folder`; NULL for other kinds */
    const char *template; /* the hand-written prompt, with {} for the class */
    CatalogKind kind;
    int n_classes, n_train, n_val, n_test; /* as published */
    const ClassRename *renames;            /* applied after loading, ended by a NULL; or NULL */
} CatalogEntry;

const CatalogEntry *catalog_at(int index);          /* NULL past the end */
const CatalogEntry *catalog_find(const char *name); /* NULL when unknown */
const char *catalog_nearest(const char *name);      /* the known name that is likely meant, or NULL */

/* Fills name, source, root, classes and lists, owned by the arena; root is the folder that holds all
 * datasets. */
int catalog_read(Dataset *dataset, const CatalogEntry *entry, const char *root, Arena *arena, Error *err);

/* Takes what the original has kept in the dataset's folder: split_fewshot/ for few shots, ImageNet's
 * preprocessed.pkl in place of its folders. Before catalog_read. */
int catalog_use_kept(Dataset *dataset, const CatalogEntry *entry, const char *root, Arena *arena, Error *err);

/* The default prompt template of a catalog dataset ("a photo of a {}, a type of pet."), else "a photo of a
 * {}."; the name may be NULL. */
const char *dataset_template(const char *name);

#endif
