/* pickle_machine.c: the stack, the marks, the memo and the memory of the machine that reads pickles. */
#include "clip/tensors/pickle_machine.h"

#include "clip/base/minimum.h"

#include <string.h>

#define POOL_BLOCK ((size_t)1 << 16)

int machine_start(Machine *machine, const char *place, const unsigned char *data, size_t size, bool of_lists,
                  Arena *arena, Error *err) {
    *machine = (Machine){.place = place, .err = err, .start = data, .op = data, .at = data, .arena = arena};
    if (size == 0) /* of a file, there are no bytes to point at */
        return machine_fail(machine, "does not begin as a pickle of protocol 2 or later");
    machine->end = data + size;
    if (size > UINT32_MAX)
        return machine_fail(machine, "a pickle of over 4 GiB");
    /* No opcode pushes or memoizes more than one value. */
    machine->max_stack = min_size(size, MACHINE_MAX_STACK);
    machine->max_memo = min_size(size, max_size(MACHINE_MAX_MEMO, of_lists ? size / 16 : 0));
    machine->max_values = max_size(MACHINE_MAX_VALUES, of_lists ? 8 * size : 0);
    machine->stack = ARENA_NEW(arena, PickleValue, machine->max_stack);
    machine->memo = ARENA_NEW(arena, PickleValue, machine->max_memo);
    return arena_failed(arena) ? error_memory(err) : 0;
}

int machine_fail(Machine *machine, const char *reason) {
    return error_set(machine->err, "%s, byte %zu: %s", machine->place, (size_t)(machine->op - machine->start),
                     reason);
}

/* --- memory --- */

/* Taken from blocks of the arena, whose own smallest block is larger than most values. */
void *machine_pool(Machine *machine, size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (size > machine->n_pool) {
        size_t block = size > POOL_BLOCK ? size : POOL_BLOCK;
        machine->n_values += block;
        if (machine->n_values > machine->max_values) {
            machine_fail(machine, "too many values");
            return NULL;
        }
        machine->pool = ARENA_NEW(machine->arena, unsigned char, block);
        machine->n_pool = block;
        if (!machine->pool) {
            error_memory(machine->err);
            return NULL;
        }
    }
    void *memory = machine->pool;
    machine->pool += size;
    machine->n_pool -= size;
    return memory;
}

int machine_extend(Machine *machine, PickleItems *items, const PickleValue *values, size_t n) {
    if (n > items->room - items->n) {
        size_t room = 2 * (size_t)items->room > items->n + n ? 2 * (size_t)items->room : items->n + n;
        PickleValue *grown = machine_pool(machine, room * sizeof *grown);
        if (!grown)
            return -1;
        if (items->n > 0)
            memcpy(grown, items->at, items->n * sizeof *grown);
        items->at = grown;
        items->room = (uint32_t)room; /* a pickle of 4 GiB has no more */
    }
    if (n > 0) {
        memcpy(items->at + items->n, values, n * sizeof *values);
        items->n += (uint32_t)n;
    }
    return 0;
}

/* --- the stack --- */

int machine_push(Machine *machine, PickleValue value) {
    if (machine->n_stack == machine->max_stack)
        return machine_fail(machine, "too many values on the stack");
    machine->stack[machine->n_stack++] = value;
    return 0;
}

PickleValue *machine_pop(Machine *machine, size_t n) {
    size_t floor = machine->n_marks > 0 ? machine->marks[machine->n_marks - 1] : 0;
    if (machine->n_stack - floor < n) {
        machine_fail(machine, "a value is missing on the stack");
        return NULL;
    }
    machine->n_stack -= n;
    return machine->stack + machine->n_stack;
}

PickleValue *machine_pop_mark(Machine *machine, size_t *n) {
    if (machine->n_marks == 0) {
        machine_fail(machine, "a mark is missing");
        return NULL;
    }
    *n = machine->n_stack - machine->marks[machine->n_marks - 1];
    PickleValue *values = machine_pop(machine, *n);
    machine->n_marks--;
    return values;
}

PickleValue *machine_top(Machine *machine) {
    PickleValue *value = machine_pop(machine, 1);
    machine->n_stack += value != NULL;
    return value;
}

int machine_push_items(Machine *machine, PickleType type, const PickleValue *values, size_t n) {
    PickleValue value = {.type = type};
    value.items = machine_pool(machine, sizeof *value.items);
    if (!value.items || machine_extend(machine, value.items, values, n) < 0)
        return -1;
    return machine_push(machine, value);
}

/* --- arguments --- */

const unsigned char *machine_take(Machine *machine, uint64_t n) {
    if (n > (uint64_t)(machine->end - machine->at)) {
        machine_fail(machine, "the pickle is cut short");
        return NULL;
    }
    const unsigned char *bytes = machine->at;
    machine->at += n;
    return bytes;
}

int machine_number(Machine *machine, int n, uint64_t *out) {
    const unsigned char *bytes = machine_take(machine, (uint64_t)n);
    *out = 0;
    if (!bytes)
        return -1;
    for (int i = 0; i < n; i++)
        *out |= (uint64_t)bytes[i] << 8 * i;
    return 0;
}
