/* logits.h: test logits on disk.
 *
 * Layout: tensor `logits` F32 [N, K]; metadata paths and class_names (JSON lists, in the order of rows and
 * columns) and labels (a JSON list of N numbers), and a checksum.
 */
#ifndef EXPERIMENTS_RESULTS_LOGITS_H
#define EXPERIMENTS_RESULTS_LOGITS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "datasets/lists/dataset.h"

#define LOGITS_FILE "test_logits.safetensors"

/* logits (n_test, K) of the test list; written atomically. */
int logits_write(const char *path, const float *logits, const Dataset *dataset, Arena *arena, Error *err);

#endif
