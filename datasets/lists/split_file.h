/* split_file.h: split files of the CoOp project. */
#ifndef DATASETS_LISTS_SPLIT_FILE_H
#define DATASETS_LISTS_SPLIT_FILE_H

#include "datasets/lists/dataset.h"

/* Fills source, root (= images), classes and lists. Parts may be empty but must be there. Errors name the
 * entry: "FILE: train[17]: label 3 is 'cat' and 'dog'". Everything is owned by the arena. */
int split_file_read(Dataset *dataset, const char *images, const char *path, Arena *arena, Error *err);

/* What is wrong with the path of an entry, or NULL: it must be relative, and have no ".." that would lead out
 * of the folder of the images. */
const char *split_path_fault(const char *path);

#endif
