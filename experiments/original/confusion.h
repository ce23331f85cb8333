/* confusion.h: cmat.pt of TEST.COMPUTE_CMAT: which classes are taken for which.
 *
 * Layout: what torch.save makes of a NumPy array of doubles (n, n), where n is the number of classes that are
 * a label or a prediction of any image, in order: row i says which share of the images of class i went to
 * each. A row without images is zero.
 */
#ifndef EXPERIMENTS_ORIGINAL_CONFUSION_H
#define EXPERIMENTS_ORIGINAL_CONFUSION_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

/* labels, predicted (n) in 0 .. n_classes - 1. */
int confusion_write(const char *path, const int *labels, const int *predicted, int n, int n_classes,
                    Arena *arena, Error *err);

#endif
