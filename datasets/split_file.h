/* split_file.h: split files of the CoOp project. */
#ifndef DATASETS_SPLIT_FILE_H
#define DATASETS_SPLIT_FILE_H

#include "datasets/dataset.h"

/* Fills source, root (= images), classes and lists. Parts may be empty but must be there. Errors name the
 * entry: "FILE: train[17]: label 3 is 'cat' and 'dog'". Everything is owned by the arena. */
int split_file_read(Dataset *dataset, const char *images, const char *path, Arena *arena, Error *err);

#endif
