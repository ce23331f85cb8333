/* dataset_open.h: a dataset from whatever holds its lists. */
#ifndef DATASETS_LISTS_DATASET_OPEN_H
#define DATASETS_LISTS_DATASET_OPEN_H

#include "datasets/lists/dataset.h"

/* Reads the lists (no image is opened). Everything is owned by the arena. A class without any image in a
 * training list that is not empty is an error; a bad entry is "FILE: train[17]: reason". */
int dataset_open(Dataset *dataset, const DatasetSpec *spec, Arena *arena, Error *err);

#endif
