/* split_file_write.h: split files of the CoOp project, written. */
#ifndef DATASETS_LISTS_SPLIT_FILE_WRITE_H
#define DATASETS_LISTS_SPLIT_FILE_WRITE_H

#include "clip/base/buffer.h"
#include "datasets/lists/dataset.h"

/* Writes all classes and lists. *images becomes the folder that the paths start from: the dataset's, or "/"
 * when some of its paths are absolute or lead out of it, as those of a CSV may. The caller frees the text,
 * also after an error. */
int split_file_text(Buffer *text, const Dataset *dataset, const char **images, Arena *arena, Error *err);
/* The same into a file, atomically. */
int split_file_write(const char *path, const Dataset *dataset, const char **images, Arena *arena, Error *err);

#endif
