/* random_parts.h: training, validation and test images drawn at random from one list. */
#ifndef DATASETS_LISTS_RANDOM_PARTS_H
#define DATASETS_LISTS_RANDOM_PARTS_H

#include "datasets/lists/dataset.h"

#include <stdint.h>

/* Splits dataset->train, which holds all images, into the three lists: of the n images of each class,
 * round(n p_trn) go to train, round(n p_val) to val and the others to test; but train gets at least one, and
 * so does test where there are two or more. The order of the list does not matter. An image that comes twice
 * in a class is an error. Sets dataset->drawn; owned by the arena. p_trn > 0, p_val >= 0, p_trn + p_val < 1.
 */
int random_parts(Dataset *dataset, double p_trn, double p_val, uint32_t seed, Arena *arena, Error *err);

#endif
