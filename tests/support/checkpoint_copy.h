/* checkpoint_copy.h: checkpoints made from a good one: changed, renamed, rearranged. */
#ifndef TESTS_SUPPORT_CHECKPOINT_COPY_H
#define TESTS_SUPPORT_CHECKPOINT_COPY_H

#include "clip/base/arena.h"
#include "clip/tensors/tensors.h"

enum { COPY_MAX = 512 };

typedef struct {
    TensorOut tensors[COPY_MAX];
    int n;
} Copy;

/* The tensors of a file, data borrowed from its map; owned by the arena. */
Copy *copy_of(const TensorFile *file, Arena *arena);
/* Fails the test when there is none. */
TensorOut *copy_find(Copy *copy, const char *name);
/* A new tensor of zeros; shape (n_dims) of int. */
TensorOut *copy_add(Copy *copy, Arena *arena, const char *name, DType dtype, int n_dims, const int *shape);
void copy_remove(Copy *copy, const char *name);
void copy_write(const Copy *copy, const char *path);

/* All F16 tensors as F32. */
void copy_to_float(Copy *copy, Arena *arena);
/* `to` in place of `from` at the beginning of every name that has it. */
void copy_rename(Copy *copy, Arena *arena, const char *from, const char *to);
/* The way Hugging Face writes the same ViT: other names, q, k, v apart, projections transposed. F16 or F32.
 */
void copy_to_hugging_face(Copy *copy, Arena *arena);

#endif
