/* list_check.h: whether the images of a dataset are there, and can be read. */
#ifndef DATASETS_LISTS_LIST_CHECK_H
#define DATASETS_LISTS_LIST_CHECK_H

#include "clip/base/parallel.h"
#include "datasets/images/image_faults.h"
#include "datasets/lists/dataset.h"

/* Fails unless all images are there. Looks at every file of the three lists without opening it; the error is
 * the first of the faults, which may be NULL: "FILE: test[12]: IMAGE: No such file or directory". */
int dataset_check_images(const Dataset *dataset, ImageFaults *faults, Error *err);

/* Fails unless all images can be read (image_check): "IMAGE: start: the file is empty". */
int dataset_check_content(const Dataset *dataset, Pool *pool, ImageFaults *faults, Error *err);

#endif
