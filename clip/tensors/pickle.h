/* pickle.h: reads a Python pickle as data. Nothing is executed, imported or built: a call becomes an object
 * that remembers it (pickle_value.h), and whoever reads the values decides which calls it understands.
 */
#ifndef CLIP_TENSORS_PICKLE_H
#define CLIP_TENSORS_PICKLE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/tensors/pickle_value.h"

/* Runs the pickle in data (size) and stores its result. Messages are "PLACE, byte N: reason", with a place
 * such as "FILE: data.pkl". A value may contain itself (a dict in itself), so callers must bound their
 * recursion. Takes at most 32 MiB of memory. */
int pickle_read(PickleValue *out, const char *place, const unsigned char *data, size_t size, Arena *arena,
                Error *err);

/* The same for a pickle of lists of very many small objects, as those of a dataset's images: takes up to nine
 * times its size. */
int pickle_read_lists(PickleValue *out, const char *place, const unsigned char *data, size_t size,
                      Arena *arena, Error *err);

#endif
