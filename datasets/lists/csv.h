/* csv.h: lists of images as comma-separated values. */
#ifndef DATASETS_LISTS_CSV_H
#define DATASETS_LISTS_CSV_H

#include "datasets/lists/dataset.h"

/* The first row names the columns, in any order: path (relative to images, or absolute), label and/or class,
 * and split (train, val or test); other columns are ignored. Without labels, these follow the sorted
 * class names; without class names, a label is its own name. Without a column split, *has_parts is false and
 * all images are in the training list. Errors are "FILE: line 3: reason". Fills source, root (= images),
 * classes and lists, owned by the arena. */
int csv_read(Dataset *dataset, bool *has_parts, const char *images, const char *path, Arena *arena,
             Error *err);

#endif
