/* pickle_machine.h: the stack, the marks, the memo and the memory of the machine that reads pickles. Only
 * pickle.c includes it.
 *
 * Every failure is reported where it is found, with the place of the running opcode; after a failure the
 * machine must not be used again.
 */
#ifndef CLIP_TENSORS_PICKLE_MACHINE_H
#define CLIP_TENSORS_PICKLE_MACHINE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/tensors/pickle_value.h"

/* Our own limits; a large checkpoint with its optimizer needs a tenth of them. */
#define MACHINE_MAX_MARKS 1000
#define MACHINE_MAX_STACK ((size_t)1 << 18)
#define MACHINE_MAX_MEMO ((size_t)1 << 18)
#define MACHINE_MAX_VALUES ((size_t)20 << 20) /* bytes of containers and objects */

typedef struct {
    const char *place; /* for errors */
    Error *err;
    const unsigned char *start, *op, *at, *end; /* the pickle, the running opcode, what comes next */
    Arena *arena;
    unsigned char *pool; /* (n_pool) the rest of a block of the arena */
    size_t n_pool, n_values, max_values;
    PickleValue *stack; /* (max_stack) */
    size_t n_stack, max_stack;
    size_t marks[MACHINE_MAX_MARKS]; /* (n_marks) each a height of the stack */
    size_t n_marks;
    PickleValue *memo; /* (max_memo) */
    size_t max_memo, n_memo;
    bool stopped;
} Machine;

/* of_lists: the limits grow with the size, for a pickle of very many small objects. */
int machine_start(Machine *machine, const char *place, const unsigned char *data, size_t size, bool of_lists,
                  Arena *arena, Error *err);
int machine_fail(Machine *machine, const char *reason); /* "PLACE, byte N: reason" */

/* Zeroed memory for values; NULL with an error when there are too many. */
void *machine_pool(Machine *machine, size_t size);
/* Appends n values. */
int machine_extend(Machine *machine, PickleItems *items, const PickleValue *values, size_t n);

int machine_push(Machine *machine, PickleValue value);
int machine_push_items(Machine *machine, PickleType type, const PickleValue *values, size_t n);
/* Takes the topmost n values off the stack; they stay valid until the next push. NULL when there are fewer
 * above the last mark. */
PickleValue *machine_pop(Machine *machine, size_t n);
PickleValue *machine_pop_mark(Machine *machine, size_t *n); /* all above the last mark, and the mark */
PickleValue *machine_top(Machine *machine);                 /* the topmost value, which stays */

/* The next n bytes of the pickle; NULL when it ends before. */
const unsigned char *machine_take(Machine *machine, uint64_t n);
int machine_number(Machine *machine, int n, uint64_t *out); /* little-endian, of n <= 8 bytes */

#endif
