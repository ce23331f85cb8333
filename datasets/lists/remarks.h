/* remarks.h: what should be known of lists that can be used all the same: one line each. */
#ifndef DATASETS_LISTS_REMARKS_H
#define DATASETS_LISTS_REMARKS_H

#include "datasets/lists/dataset.h"

/* Adds a line. When memory is out the arena has failed, and there is none. */
void remark(Remarks *remarks, Arena *arena, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Of all lists: images that have two labels. */
int remark_labels(Dataset *dataset, Arena *arena, Error *err);
/* Classes without test images, where there are some to test on. */
int remark_untested(Dataset *dataset, Arena *arena, Error *err);
/* Classes with fewer training images than one of num_shots (n), of which 0 means all. */
int remark_shots(Dataset *dataset, const int *num_shots, int n, Arena *arena, Error *err);

#endif
