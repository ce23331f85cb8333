/* class_names.h: class names from a file, in place of those in folders and lists. */
#ifndef DATASETS_LISTS_CLASS_NAMES_H
#define DATASETS_LISTS_CLASS_NAMES_H

#include "datasets/lists/dataset.h"

/* Renames all classes of the dataset. The file has a line for each, in any order: the present name, a tab and
 * the new name (a blank will do for the tab when the present name has none: "n01440764 tench"). Unknown and
 * missing classes, and two classes that a prompt would name alike, are errors: "FILE: line 3: reason". The
 * names are owned by the arena. */
int class_names_apply(Dataset *dataset, const char *path, Arena *arena, Error *err);

#endif
