/* folder.h: folders with one subfolder per class. */
#ifndef DATASETS_LISTS_FOLDER_H
#define DATASETS_LISTS_FOLDER_H

#include "datasets/lists/lists.h"

#include <stdbool.h>

typedef struct {
    const char **names; /* (n), sorted by bytes; owned by the pool's arena */
    int n;
} NameList;

/* The names of the subfolders (or else of the files) of a folder. Hidden ones and the files that other
 * systems leave behind (Thumbs.db, desktop.ini) are left out; links are followed. */
int folder_list(NameList *out, const char *folder, bool subfolders, TextPool *pool, Error *err);

/* Appends every file of a folder and of the folders in it with this label; the item's path is prefix/file. */
int folder_push(ListBuilder *list, const char *folder, const char *prefix, int label, TextPool *pool,
                Error *err);

/* Appends folder/CLASS/file, and what lies deeper, for all classes in their order; the item's path is
 * prefix/CLASS/file.
 * The subfolders must be exactly these classes, taken from the folder `origin` (for messages). */
int folder_push_classes(ListBuilder *list, const NameList *classes, const char *origin, const char *folder,
                        const char *prefix, TextPool *pool, Error *err);

/* Lists from a folder each; val may be NULL, and so may both train and val (a test set alone). Every class
 * must have images in the first folder that is given, and all folders must have the same subfolders.
 * Fills source, root, classes and lists, owned by the arena; remarks on images that lie deeper than their
 * class or beside all classes. */
int folder_read(Dataset *dataset, const char *train, const char *val, const char *test, Arena *arena,
                Error *err);

/* All images of one such folder as the training list; root is the folder. Every class must have images. */
int folder_read_all(Dataset *dataset, const char *images, Arena *arena, Error *err);

#endif
