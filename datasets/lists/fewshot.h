/* fewshot.h: few-shot subsets of a dataset. */
#ifndef DATASETS_LISTS_FEWSHOT_H
#define DATASETS_LISTS_FEWSHOT_H

#include "datasets/lists/dataset.h"

#include <stdint.h>

/* The few-shot lists: num_shots training items per class (0: all) and min(num_shots, 4) validation items, bit
 * for bit those of CoOp's published splits for the same seed (Python's random.sample per class, in
 * order of first appearance; classes with too few images are kept whole). Where the original has kept lists
 * (Dataset.kept_few_shot), these are taken. Both lists are owned by the arena. */
int dataset_few_shot(ItemList *train, ItemList *val, const Dataset *dataset, int num_shots, uint32_t seed,
                     Arena *arena, Error *err);

/* The same with another number of validation items per class (0: the whole list). */
int dataset_few_shot_with(ItemList *train, ItemList *val, const Dataset *dataset, int num_shots,
                          int val_shots, uint32_t seed, Arena *arena, Error *err);

#endif
