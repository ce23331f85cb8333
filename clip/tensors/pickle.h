/* pickle.h: reads a Python pickle as data. Nothing is executed, imported or built: a call becomes an object
 * that remembers what was called with which arguments, and the reader of the values decides what it knows.
 */
#ifndef CLIP_TENSORS_PICKLE_H
#define CLIP_TENSORS_PICKLE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/tensors/pickle_value.h"

/* Runs the pickle in data (size) and gives its result. `place` begins the messages ("FILE: data.pkl"): they
 * are "PLACE, byte N: reason". Values may hold themselves (a dict in itself): callers bound their recursion.
 * Takes at most 32 MiB of memory. */
int pickle_read(PickleValue *out, const char *place, const unsigned char *data, size_t size, Arena *arena,
                Error *err);

#endif
