/* split_file_write.h: split files of the CoOp project, written. */
#ifndef DATASETS_LISTS_SPLIT_FILE_WRITE_H
#define DATASETS_LISTS_SPLIT_FILE_WRITE_H

#include "datasets/lists/dataset.h"

/* Writes all classes and lists. *images becomes the folder that the paths start from: the dataset's, or "/"
 * when some of its paths are absolute or lead out of it, as those of a CSV may. */
int split_file_write(const char *path, const Dataset *dataset, const char **images, Arena *arena, Error *err);

#endif
