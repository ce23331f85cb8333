/* pickle.c: reads a Python pickle as data.
 *
 * A pickle is a program for a machine with a stack, a memo, and marks on the stack (CPython,
 * Lib/pickletools.py, describes it opcode by opcode). Here are the opcodes that PyTorch's checkpoints use, in
 * protocol 2 and in the later ones; every other opcode is refused by name. The three that would call into
 * Python only note what they were asked to do: REDUCE and NEWOBJ make an object with its callable and
 * arguments, BUILD gives it its state. There is no recursion, and all memory is bounded (pickle_machine.h).
 */
#include "clip/tensors/pickle.h"

#include "clip/tensors/pickle_machine.h"

#include <string.h>

/* --- arguments --- */

static int push_integer(Machine *machine, int64_t integer) {
    return machine_push(machine, (PickleValue){.type = PICKLE_INT, .integer = integer});
}

/* Text or bytes whose length comes first, in n bytes. */
static int push_text(Machine *machine, PickleType type, int n) {
    uint64_t size;
    if (machine_number(machine, n, &size) < 0)
        return -1;
    const unsigned char *bytes = machine_take(machine, size);
    if (!bytes)
        return -1;
    return machine_push(machine,
                        (PickleValue){.type = type, .size = (uint32_t)size, .text = (const char *)bytes});
}

/* --- opcodes: the frame of the program --- */

static int op_proto(Machine *machine) {
    uint64_t protocol;
    if (machine_number(machine, 1, &protocol) < 0)
        return -1;
    return protocol >= 2 && protocol <= 5 ? 0 : machine_fail(machine, "not of protocol 2 to 5");
}

static int op_frame(Machine *machine) {
    uint64_t size;
    if (machine_number(machine, 8, &size) < 0)
        return -1;
    return size <= (uint64_t)(machine->end - machine->at) ? 0
                                                          : machine_fail(machine, "the pickle is cut short");
}

static int op_stop(Machine *machine) {
    machine->stopped = true;
    if (machine->n_marks != 0 || machine->n_stack != 1)
        return machine_fail(machine, "STOP needs one value on the stack");
    return machine->at == machine->end ? 0 : machine_fail(machine, "bytes follow STOP");
}

/* --- opcodes: plain values --- */

static int op_none(Machine *machine) {
    return machine_push(machine, (PickleValue){.type = PICKLE_NONE});
}

static int op_true(Machine *machine) {
    return machine_push(machine, (PickleValue){.type = PICKLE_BOOL, .integer = 1});
}

static int op_false(Machine *machine) {
    return machine_push(machine, (PickleValue){.type = PICKLE_BOOL, .integer = 0});
}

static int op_binint1(Machine *machine) {
    uint64_t value;
    return machine_number(machine, 1, &value) < 0 ? -1 : push_integer(machine, (int64_t)value);
}

static int op_binint2(Machine *machine) {
    uint64_t value;
    return machine_number(machine, 2, &value) < 0 ? -1 : push_integer(machine, (int64_t)value);
}

static int op_binint(Machine *machine) {
    uint64_t value;
    return machine_number(machine, 4, &value) < 0 ? -1 : push_integer(machine, (int32_t)(uint32_t)value);
}

static int op_long1(Machine *machine) {
    uint64_t n, value;
    if (machine_number(machine, 1, &n) < 0)
        return -1;
    if (n > 8)
        return machine_fail(machine, "an integer of over 8 bytes");
    if (machine_number(machine, (int)n, &value) < 0)
        return -1;
    if (n > 0 && n < 8 && value >> (8 * n - 1) != 0)
        value |= UINT64_MAX << 8 * n; /* the sign */
    return push_integer(machine, (int64_t)value);
}

static int op_binfloat(Machine *machine) {
    const unsigned char *bytes = machine_take(machine, 8); /* big-endian */
    uint64_t bits = 0;
    if (!bytes)
        return -1;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    PickleValue value = {.type = PICKLE_FLOAT};
    memcpy(&value.real, &bits, sizeof value.real);
    return machine_push(machine, value);
}

static int op_binunicode(Machine *machine) {
    return push_text(machine, PICKLE_TEXT, 4);
}

static int op_short_binunicode(Machine *machine) {
    return push_text(machine, PICKLE_TEXT, 1);
}

static int op_binbytes(Machine *machine) {
    return push_text(machine, PICKLE_BYTES, 4);
}

static int op_short_binbytes(Machine *machine) {
    return push_text(machine, PICKLE_BYTES, 1);
}

/* --- opcodes: containers --- */

static int op_mark(Machine *machine) {
    if (machine->n_marks == MACHINE_MAX_MARKS)
        return machine_fail(machine, "nested too deeply");
    machine->marks[machine->n_marks++] = machine->n_stack;
    return 0;
}

static int op_empty_tuple(Machine *machine) {
    return machine_push_items(machine, PICKLE_TUPLE, NULL, 0);
}

static int op_empty_list(Machine *machine) {
    return machine_push_items(machine, PICKLE_LIST, NULL, 0);
}

static int op_empty_dict(Machine *machine) {
    return machine_push_items(machine, PICKLE_DICT, NULL, 0);
}

static int op_tuple(Machine *machine) {
    size_t n;
    const PickleValue *values = machine_pop_mark(machine, &n);
    return values ? machine_push_items(machine, PICKLE_TUPLE, values, n) : -1;
}

/* TUPLE1, TUPLE2 and TUPLE3 have consecutive codes. */
static int op_tuple_n(Machine *machine) {
    size_t n = (size_t)(*machine->op - 0x84);
    const PickleValue *values = machine_pop(machine, n);
    return values ? machine_push_items(machine, PICKLE_TUPLE, values, n) : -1;
}

static int append(Machine *machine, const PickleValue *values, size_t n) {
    PickleValue *list = values ? machine_top(machine) : NULL;
    if (!list)
        return -1;
    if (list->type == PICKLE_OBJECT)
        return 0;
    if (list->type != PICKLE_LIST)
        return machine_fail(machine, "appends to what is no list");
    return machine_extend(machine, list->items, values, n);
}

static int op_append(Machine *machine) {
    return append(machine, machine_pop(machine, 1), 1);
}

static int op_appends(Machine *machine) {
    size_t n = 0;
    const PickleValue *values = machine_pop_mark(machine, &n);
    return append(machine, values, n);
}

static int set_items(Machine *machine, const PickleValue *values, size_t n) {
    PickleValue *dict = values ? machine_top(machine) : NULL;
    if (!dict)
        return -1;
    if (n % 2 != 0)
        return machine_fail(machine, "a key without a value");
    if (dict->type == PICKLE_OBJECT)
        return machine_extend(machine, &dict->object->pairs, values, n);
    if (dict->type != PICKLE_DICT)
        return machine_fail(machine, "sets items of what is no dict");
    return machine_extend(machine, dict->items, values, n);
}

static int op_setitem(Machine *machine) {
    return set_items(machine, machine_pop(machine, 2), 2);
}

static int op_setitems(Machine *machine) {
    size_t n = 0;
    const PickleValue *values = machine_pop_mark(machine, &n);
    return set_items(machine, values, n);
}

/* --- opcodes: what Python would import, call or build --- */

/* A line of a GLOBAL. */
static int take_line(Machine *machine, PickleValue *out) {
    const unsigned char *line = machine->at;
    const unsigned char *newline = memchr(line, '\n', (size_t)(machine->end - line));
    if (!newline)
        return machine_fail(machine, "the pickle is cut short");
    *out = (PickleValue){.type = PICKLE_TEXT, .size = (uint32_t)(newline - line), .text = (const char *)line};
    machine->at = newline + 1;
    return 0;
}

static int op_global(Machine *machine) {
    PickleValue names[2];
    if (take_line(machine, &names[0]) < 0 || take_line(machine, &names[1]) < 0)
        return -1;
    return machine_push_items(machine, PICKLE_GLOBAL, names, 2);
}

static int op_stack_global(Machine *machine) {
    const PickleValue *names = machine_pop(machine, 2);
    if (!names)
        return -1;
    if (names[0].type != PICKLE_TEXT || names[1].type != PICKLE_TEXT)
        return machine_fail(machine, "a global whose name is no text");
    return machine_push_items(machine, PICKLE_GLOBAL, names, 2);
}

static int op_binpersid(Machine *machine) {
    const PickleValue *id = machine_pop(machine, 1);
    return id ? machine_push_items(machine, PICKLE_PERSISTENT, id, 1) : -1;
}

/* Both REDUCE and NEWOBJ: callable, arguments -> object. */
static int op_call(Machine *machine) {
    const PickleValue *values = machine_pop(machine, 2);
    if (!values)
        return -1;
    if (values[0].type != PICKLE_GLOBAL && values[0].type != PICKLE_OBJECT)
        return machine_fail(machine, "calls what is no global");
    if (values[1].type != PICKLE_TUPLE)
        return machine_fail(machine, "a call whose arguments are no tuple");
    PickleValue value = {.type = PICKLE_OBJECT};
    value.object = machine_pool(machine, sizeof *value.object);
    if (!value.object)
        return -1;
    value.object->callable = values[0];
    value.object->arguments = values[1];
    return machine_push(machine, value);
}

static int op_build(Machine *machine) {
    const PickleValue *state = machine_pop(machine, 1);
    PickleValue *object = state ? machine_top(machine) : NULL;
    if (!object)
        return -1;
    if (object->type != PICKLE_OBJECT)
        return machine_fail(machine, "builds what is no object");
    object->object->state = *state;
    return 0;
}

/* --- opcodes: the memo --- */

static int put(Machine *machine, uint64_t index) {
    const PickleValue *value = machine_top(machine);
    if (!value)
        return -1;
    if (index >= machine->max_memo)
        return machine_fail(machine, "the memo's index is too large");
    machine->n_memo += machine->memo[index].type == PICKLE_UNSET;
    machine->memo[index] = *value;
    return 0;
}

static int get(Machine *machine, uint64_t index) {
    if (index >= machine->max_memo || machine->memo[index].type == PICKLE_UNSET)
        return machine_fail(machine, "nothing is in the memo under this index");
    return machine_push(machine, machine->memo[index]);
}

static int op_binput(Machine *machine) {
    uint64_t index;
    return machine_number(machine, 1, &index) < 0 ? -1 : put(machine, index);
}

static int op_long_binput(Machine *machine) {
    uint64_t index;
    return machine_number(machine, 4, &index) < 0 ? -1 : put(machine, index);
}

static int op_memoize(Machine *machine) {
    return put(machine, machine->n_memo);
}

static int op_binget(Machine *machine) {
    uint64_t index;
    return machine_number(machine, 1, &index) < 0 ? -1 : get(machine, index);
}

static int op_long_binget(Machine *machine) {
    uint64_t index;
    return machine_number(machine, 4, &index) < 0 ? -1 : get(machine, index);
}

/* --- the machine --- */

typedef struct {
    const char *name;
    int (*run)(Machine *machine); /* NULL: not for us */
} Opcode;

/* All opcodes of protocols 0 to 5, so that a refusal can name them. */
static const Opcode opcodes[256] = {
    [0x80] = {"PROTO", op_proto},
    [0x95] = {"FRAME", op_frame},
    ['.'] = {"STOP", op_stop},
    ['N'] = {"NONE", op_none},
    [0x88] = {"NEWTRUE", op_true},
    [0x89] = {"NEWFALSE", op_false},
    ['K'] = {"BININT1", op_binint1},
    ['M'] = {"BININT2", op_binint2},
    ['J'] = {"BININT", op_binint},
    [0x8a] = {"LONG1", op_long1},
    ['G'] = {"BINFLOAT", op_binfloat},
    ['X'] = {"BINUNICODE", op_binunicode},
    [0x8c] = {"SHORT_BINUNICODE", op_short_binunicode},
    ['B'] = {"BINBYTES", op_binbytes},
    ['C'] = {"SHORT_BINBYTES", op_short_binbytes},
    ['('] = {"MARK", op_mark},
    [')'] = {"EMPTY_TUPLE", op_empty_tuple},
    [']'] = {"EMPTY_LIST", op_empty_list},
    ['}'] = {"EMPTY_DICT", op_empty_dict},
    ['t'] = {"TUPLE", op_tuple},
    [0x85] = {"TUPLE1", op_tuple_n},
    [0x86] = {"TUPLE2", op_tuple_n},
    [0x87] = {"TUPLE3", op_tuple_n},
    ['a'] = {"APPEND", op_append},
    ['e'] = {"APPENDS", op_appends},
    ['s'] = {"SETITEM", op_setitem},
    ['u'] = {"SETITEMS", op_setitems},
    ['c'] = {"GLOBAL", op_global},
    [0x93] = {"STACK_GLOBAL", op_stack_global},
    ['Q'] = {"BINPERSID", op_binpersid},
    ['R'] = {"REDUCE", op_call},
    [0x81] = {"NEWOBJ", op_call},
    ['b'] = {"BUILD", op_build},
    ['q'] = {"BINPUT", op_binput},
    ['r'] = {"LONG_BINPUT", op_long_binput},
    [0x94] = {"MEMOIZE", op_memoize},
    ['h'] = {"BINGET", op_binget},
    ['j'] = {"LONG_BINGET", op_long_binget},
    ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},
    ['2'] = {"DUP", NULL},
    ['F'] = {"FLOAT", NULL},
    ['I'] = {"INT", NULL},
    ['L'] = {"LONG", NULL},
    [0x8b] = {"LONG4", NULL},
    ['S'] = {"STRING", NULL},
    ['T'] = {"BINSTRING", NULL},
    ['U'] = {"SHORT_BINSTRING", NULL},
    ['V'] = {"UNICODE", NULL},
    [0x8d] = {"BINUNICODE8", NULL},
    [0x8e] = {"BINBYTES8", NULL},
    [0x96] = {"BYTEARRAY8", NULL},
    [0x97] = {"NEXT_BUFFER", NULL},
    [0x98] = {"READONLY_BUFFER", NULL},
    ['P'] = {"PERSID", NULL},
    ['d'] = {"DICT", NULL},
    ['l'] = {"LIST", NULL},
    [0x8f] = {"EMPTY_SET", NULL},
    [0x90] = {"ADDITEMS", NULL},
    [0x91] = {"FROZENSET", NULL},
    ['g'] = {"GET", NULL},
    ['p'] = {"PUT", NULL},
    ['i'] = {"INST", NULL},
    ['o'] = {"OBJ", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
};

static int run(Machine *machine) {
    while (!machine->stopped) {
        machine->op = machine->at;
        if (machine->at == machine->end)
            return machine_fail(machine, "the pickle ends without STOP");
        const Opcode *opcode = &opcodes[*machine->at++];
        if (!opcode->run) {
            return error_set(machine->err, "%s, byte %zu: opcode %s (0x%02x) is not read", machine->place,
                             (size_t)(machine->op - machine->start), opcode->name ? opcode->name : "unknown",
                             *machine->op);
        }
        if (opcode->run(machine) < 0)
            return -1;
    }
    return 0;
}

static int read_any(PickleValue *out, const char *place, const unsigned char *data, size_t size,
                    bool of_lists, Arena *arena, Error *err) {
    Machine machine;
    if (machine_start(&machine, place, data, size, of_lists, arena, err) < 0)
        return -1;
    if (size == 0 || *data != 0x80)
        return machine_fail(&machine, "does not begin as a pickle of protocol 2 or later");
    if (run(&machine) < 0)
        return -1;
    *out = machine.stack[0];
    return 0;
}

int pickle_read(PickleValue *out, const char *place, const unsigned char *data, size_t size, Arena *arena,
                Error *err) {
    return read_any(out, place, data, size, false, arena, err);
}

int pickle_read_lists(PickleValue *out, const char *place, const unsigned char *data, size_t size,
                      Arena *arena, Error *err) {
    return read_any(out, place, data, size, true, arena, err);
}

/* --- values --- */
