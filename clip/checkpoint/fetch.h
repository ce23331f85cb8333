/* fetch.h: brings the weights of a tower into memory before they are looked at.
 *
 * A tower begins with its vectors, which lie scattered over the file. From a disk, each would bring megabytes
 * around it and be waited for; read in the order of the file, all of them come as fast as the disk can.
 */
#ifndef CLIP_CHECKPOINT_FETCH_H
#define CLIP_CHECKPOINT_FETCH_H

#include "clip/base/parallel.h"
#include "clip/tensors/tensors.h"

#include <stdbool.h>

/* The tensors of the image tower, of the others, or of both, by all threads; NULL: by this one. */
void fetch_tensors(const TensorFile *file, bool visual, bool others, Pool *pool);

#endif
