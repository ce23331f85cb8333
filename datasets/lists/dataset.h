/* dataset.h: a classification dataset as three lists of (path, label).
 *
 * A dataset comes from a split file of the CoOp project ({"train"|"val"|"test": [[path, label, name], ...]}),
 * from a folder with one subfolder per class, from a CSV, or by name from the catalog.
 */
#ifndef DATASETS_LISTS_DATASET_H
#define DATASETS_LISTS_DATASET_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>

typedef struct {
    const char *path; /* as written, relative to Dataset.root (or absolute); owned by the dataset's arena */
    int label;        /* 0 .. n_classes-1 */
} Item;

typedef struct {
    Item *items; /* (n), in the order of the file */
    int n;
} ItemList;

/* What should be known of it (remarks.h). */
typedef struct {
    const char **lines; /* (n), owned by the dataset's arena */
    int n, capacity;
} Remarks;

typedef struct Dataset {
    const char *name;         /* "camouflage", from the catalog or the file */
    const char *source;       /* the file or folder that the lists come from, for messages */
    const char *root;         /* folder of the images */
    int n_classes;            /* K */
    const char **class_names; /* (K), as written (with underscores) */
    ItemList train, val, test;
    /* After base/new subsampling: the dataset before it, and which of its classes is class 0 here (otherwise
     * NULL and 0). Few-shot sampling draws for all classes and keeps these, as the original code does. */
    const struct Dataset *whole;
    int first_class;
    bool drawn; /* the lists were drawn at random, not given */
    /* Folder of few-shot lists that the original has kept (original_lists.h); NULL: they are drawn. */
    const char *kept_few_shot;
    const char *kept_tail; /* what the folder of the images ends in, on any machine; goes with it */
    Remarks remarks;
} Dataset;

/* What becomes of an image that says by EXIF how its camera was held. */
typedef enum { EXIF_IGNORE, EXIF_ROTATE } ExifUse;

/* What to open: the keys of `dataset:` in an experiment file. NULL strings are absent. */
typedef struct {
    const char *name;   /* of the catalog: "oxford_pets"; any name when format is given */
    const char *root;   /* with name: the folder that holds all datasets */
    const char *format; /* "split", "folder", "csv"; NULL with a catalog name */
    const char *images; /* split, csv: folder of the images (csv: by default the folder of the file); folder:
                         * one subfolder per class, in place of train, val and test */
    const char *split;  /* split: the JSON file */
    const char *csv;    /* csv: the file; columns path, label and/or class, and split (train, val, test) */
    const char *train, *val,
        *test;               /* folder: one folder with a subfolder per class, each; val may be absent */
    const char *class_names; /* with format: a file of class_names.h */
    const char *template;    /* the dataset's prompt, with {}; NULL: the catalog's, or "a photo of a {}." */
    const char *subsample_classes; /* "all", "base" or "new"; NULL is all */
    ExifUse exif;                  /* of its images; the original code ignores it */
    bool original_caches;          /* with a catalog name: lists that the original has kept go first */
    const char *features;          /* folder of features in place of its images (given_features.h) */
    /* The shares of each class that are drawn for training and validation, where neither folders nor a column
     * `split` give the parts (random_parts.h). p_trn 0 means those of the original code, 0.5 and 0.2. */
    double p_trn, p_val;
    int split_seed;
    bool draw_asked; /* one of these three was given, which is an error when the parts are given too */
} DatasetSpec;

/* Every class must have an image in the list that defines the classes: the training list, or the test list of
 * a dataset that is for testing alone. */
int dataset_check_classes(const Dataset *dataset, Arena *arena, Error *err);

/* Leaves the base classes, or else the new ones: of K classes in the order of their labels the first
 * ceil(K/2) are base, the others new, and either half is labelled from 0 again (Zhou et al. 2022, Conditional
 * Prompt Learning, section 4.1). */
int dataset_subsample(Dataset *dataset, bool base, Arena *arena, Error *err);

#endif
