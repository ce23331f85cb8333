/* test_pickle.c: clip/tensors/pickle.c and pickle_machine.c */
#include "clip/tensors/pickle.h"

#include "tests/support/torch_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Runs a pickle built from the text; the values borrow its bytes. */
typedef struct {
    Arena *arena;
    Bytes bytes;
    PickleValue value;
} Run;

static Run run(const char *text) {
    Error err = {0};
    Run result = {.arena = arena_create(), .bytes = pickle_build(text)};
    if (pickle_read(&result.value, "P", result.bytes.data, result.bytes.size, result.arena, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return result;
}

static void run_free(Run *result) {
    arena_free(result->arena);
    bytes_free(&result->bytes);
}

/* The pickle must be refused, in little time. Each byte is in its place for a sanitizer to see. */
static void check_bytes(const char *label, const unsigned char *data, size_t size, const char *reason) {
    Error err = {0};
    PickleValue value;
    Arena *arena = arena_create();
    unsigned char *exact = malloc(size + (size == 0));
    if (size > 0)
        memcpy(exact, data, size);
    clock_t start = clock();
    int result = pickle_read(&value, "P", exact, size, arena, &err);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    size_t used = arena_used(arena);
    free(exact);
    arena_free(arena);
    if (result == 0 || strcmp(err.text, reason) != 0)
        fail_msg("%s: the error is\n%s\nand not\n%s", label, err.text, reason);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_true(seconds < 1 || scratch_instrumented());
    assert_true(used <= (size_t)32 << 20);
}

static void check_bad(const char *label, const char *text, const char *reason) {
    Bytes bytes = pickle_build(text);
    check_bytes(label, bytes.data, bytes.size, reason);
    bytes_free(&bytes);
}

/* --- what is read --- */

static void check_integer(const char *text, int64_t want) {
    Run result = run(text);
    assert_int_equal(result.value.type, PICKLE_INT);
    assert_true(result.value.integer == want);
    run_free(&result);
}

static void test_plain(void **state) {
    (void)state;
    check_integer(PROTO "Kxff.", 255);
    check_integer(PROTO "Mx01xff.", 0xff01);
    check_integer(PROTO "Jxfexffxffxff.", -2);
    check_integer(PROTO "x8ax00.", 0);
    check_integer(PROTO "x8ax01xff.", -1);
    check_integer(PROTO "x8ax02xffx00.", 255);
    check_integer(PROTO "x8ax08x00x00x00x00x00x00x00x80.", INT64_MIN);
    check_integer(PROTO "#9223372036854775807.", INT64_MAX);
    const struct {
        const char *text;
        PickleType type;
        int64_t integer;
    } others[] = {
        {PROTO "N.", PICKLE_NONE, 0}, {PROTO "x88.", PICKLE_BOOL, 1}, {PROTO "x89.", PICKLE_BOOL, 0}};
    for (int i = 0; i < 3; i++) {
        Run result = run(others[i].text);
        assert_int_equal(result.value.type, others[i].type);
        assert_int_equal(result.value.integer, others[i].integer);
        run_free(&result);
    }
    Run result = run(PROTO "Gx40x09x21xfbx54x44x2dx18.");
    assert_int_equal(result.value.type, PICKLE_FLOAT);
    assert_true(result.value.real == M_PI);
    run_free(&result);
}

static void test_texts(void **state) {
    (void)state;
    const char *same[] = {PROTO "'abc'.", "x80x04x95x06x00x00x00x00x00x00x00x8cx03abc x94.",
                          PROTO "'abc'q\5."};
    for (int i = 0; i < 3; i++) {
        Run result = run(same[i]);
        assert_true(pickle_is_text(&result.value, "abc"));
        assert_false(pickle_is_text(&result.value, "ab"));
        assert_false(pickle_is_text(&result.value, "abcd"));
        assert_int_equal(pickle_shown(&result.value), 3);
        run_free(&result);
    }
    const char *bytes[] = {"x80x03Cx02hi.", "x80x03Bx02x00x00x00hi."};
    for (int i = 0; i < 2; i++) {
        Run result = run(bytes[i]);
        assert_int_equal(result.value.type, PICKLE_BYTES);
        assert_int_equal(result.value.size, 2);
        assert_memory_equal(result.value.text, "hi", 2);
        run_free(&result);
    }
}

static void test_containers(void **state) {
    (void)state;
    Run result = run(PROTO "}('a'(#1#2#3#4t'b'](#5#6e#7a'c')x85'd'#1#2x86'e'#1#2#3x87u'f'N s'a'x88 s.");
    assert_int_equal(result.value.type, PICKLE_DICT);
    const PickleItems *pairs = pickle_pairs(&result.value);
    assert_int_equal(pairs->n, 14);
    const struct {
        const char *key;
        PickleType type;
        uint32_t n;
    } want[] = {
        {"b", PICKLE_LIST, 3}, {"c", PICKLE_TUPLE, 1}, {"d", PICKLE_TUPLE, 2}, {"e", PICKLE_TUPLE, 3}};
    for (int i = 0; i < 4; i++) {
        const PickleValue *value = pickle_get(pairs, want[i].key);
        assert_non_null(value);
        assert_int_equal(value->type, want[i].type);
        assert_int_equal(value->items->n, want[i].n);
    }
    assert_int_equal(pickle_get(pairs, "b")->items->at[2].integer, 7);
    assert_int_equal(pickle_get(pairs, "e")->items->at[0].integer, 1);
    assert_int_equal(pickle_get(pairs, "a")->type, PICKLE_BOOL); /* the last one counts */
    assert_int_equal(pickle_get(pairs, "f")->type, PICKLE_NONE);
    assert_null(pickle_get(pairs, "g"));
    run_free(&result);
}

/* Calls become objects that say what was called. */
static void test_objects(void **state) {
    (void)state;
    Run result = run(PROTO "<os system>'ls'x85R q\1}'k'#1s b'x'#2s(#3#4e#5a.");
    assert_int_equal(result.value.type, PICKLE_OBJECT);
    const PickleObject *object = result.value.object;
    assert_true(pickle_is_global(&object->callable, "os", "system"));
    assert_false(pickle_is_global(&object->callable, "os", "syste"));
    assert_false(pickle_is_global(&object->arguments, "os", "system"));
    assert_int_equal(object->arguments.type, PICKLE_TUPLE);
    assert_true(pickle_is_text(&object->arguments.items->at[0], "ls"));
    assert_int_equal(pickle_get(pickle_pairs(&object->state), "k")->integer, 1);
    assert_int_equal(object->pairs.n, 2);
    assert_int_equal(pickle_get(pickle_pairs(&result.value), "x")->integer, 2);
    run_free(&result);
    result = run("x80x04x8cx01ax94x8cx01bx94x93x94)x81x94)R."); /* a.b.__new__(a.b)() */
    assert_true(pickle_is_global(&result.value.object->callable.object->callable, "a", "b"));
    assert_int_equal(result.value.object->state.type, PICKLE_UNSET);
    run_free(&result);
    result = run(PROTO "('storage'#5tQ.");
    assert_int_equal(result.value.type, PICKLE_PERSISTENT);
    assert_int_equal(result.value.items->at[0].items->n, 2);
    assert_null(pickle_pairs(&result.value));
    run_free(&result);
}

/* By BINPUT and BINGET, by the long ones, and by MEMOIZE, which counts. */
static void test_memo(void **state) {
    (void)state;
    Run result = run(PROTO "(#7q\1#8rx02x00x00x00h\1jx02x00x00x00t.");
    const int64_t want[] = {7, 8, 7, 8};
    assert_int_equal(result.value.items->n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(result.value.items->at[i].integer, want[i]);
    run_free(&result);
    result = run("x80x04(#7x94#8x94hx00hx01t.");
    assert_int_equal(result.value.items->n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(result.value.items->at[i].integer, want[i]);
    run_free(&result);
}

/* A list that holds itself is one value that is reached again. */
static void test_circle(void **state) {
    (void)state;
    Run result = run(PROTO "]q\1h\1a}q\2'self'h\2sa.");
    const PickleItems *list = result.value.items;
    assert_int_equal(list->n, 2);
    assert_ptr_equal(list->at[0].items, list);
    assert_ptr_equal(pickle_get(pickle_pairs(&list->at[1]), "self")->items, list->at[1].items);
    run_free(&result);
}

/* --- what is refused --- */

typedef struct {
    const char *label, *text, *reason;
} Case;

static const Case cases[] = {
    {"empty", "", "P, byte 0: does not begin as a pickle of protocol 2 or later"},
    {"no PROTO", "N.", "P, byte 0: does not begin as a pickle of protocol 2 or later"},
    {"PROTO alone", "x80", "P, byte 0: the pickle is cut short"},
    {"protocol 1", "x80x01N.", "P, byte 0: not of protocol 2 to 5"},
    {"protocol 6", "x80x06N.", "P, byte 0: not of protocol 2 to 5"},
    {"no STOP", PROTO "N", "P, byte 3: the pickle ends without STOP"},
    {"STOP with nothing", PROTO ".", "P, byte 2: STOP needs one value on the stack"},
    {"STOP with two", PROTO "NN.", "P, byte 4: STOP needs one value on the stack"},
    {"STOP in a mark", PROTO "N(.", "P, byte 4: STOP needs one value on the stack"},
    {"bytes after STOP", PROTO "N.N", "P, byte 3: bytes follow STOP"},
    {"frame past the end", PROTO "x95x03x00x00x00x00x00x00x00N.", "P, byte 2: the pickle is cut short"},
    {"frame of 2^64 - 1", PROTO "x95xffxffxffxffxffxffxffxffN.", "P, byte 2: the pickle is cut short"},
    {"an opcode of protocol 0", PROTO "S'a'\np0\n.", "P, byte 2: opcode STRING (0x53) is not read"},
    {"INST", PROTO "(ios\nsystem\n.", "P, byte 3: opcode INST (0x69) is not read"},
    {"OBJ", PROTO "(<os system>o.", "P, byte 14: opcode OBJ (0x6f) is not read"},
    {"POP", PROTO "N0.", "P, byte 3: opcode POP (0x30) is not read"},
    {"DUP", PROTO "N2.", "P, byte 3: opcode DUP (0x32) is not read"},
    {"EXT1", PROTO "x82x01.", "P, byte 2: opcode EXT1 (0x82) is not read"},
    {"NEWOBJ_EX", PROTO "<a b>)}x92.", "P, byte 9: opcode NEWOBJ_EX (0x92) is not read"},
    {"no opcode", PROTO "xfe.", "P, byte 2: opcode unknown (0xfe) is not read"},
    /* the stack */
    {"SETITEM with nothing", PROTO "s.", "P, byte 2: a value is missing on the stack"},
    {"SETITEM without a dict", PROTO "NNs.", "P, byte 4: a value is missing on the stack"},
    {"TUPLE3 of two", PROTO "NNx87.", "P, byte 4: a value is missing on the stack"},
    {"values below the mark", PROTO "NN(x86.", "P, byte 5: a value is missing on the stack"},
    {"REDUCE below the mark", PROTO "<a b>()R.", "P, byte 9: a value is missing on the stack"},
    {"BINPUT of nothing", PROTO "q\1.", "P, byte 2: a value is missing on the stack"},
    {"MEMOIZE below the mark", PROTO "N(x94.", "P, byte 4: a value is missing on the stack"},
    {"TUPLE without a mark", PROTO "Nt.", "P, byte 3: a mark is missing"},
    {"SETITEMS without a mark", PROTO "}u.", "P, byte 3: a mark is missing"},
    {"SETITEMS of an odd number", PROTO "}('a'#1'b'u.", "P, byte 21: a key without a value"},
    {"SETITEMS of a list", PROTO "]('a'#1u.", "P, byte 15: sets items of what is no dict"},
    {"APPEND to a dict", PROTO "}Na.", "P, byte 4: appends to what is no list"},
    {"APPENDS to a tuple", PROTO ")(Ne.", "P, byte 5: appends to what is no list"},
    {"BUILD of a dict", PROTO "}}b.", "P, byte 4: builds what is no object"},
    {"REDUCE of a text", PROTO "'a')R.", "P, byte 9: calls what is no global"},
    {"REDUCE with a list", PROTO "<a b>]R.", "P, byte 8: a call whose arguments are no tuple"},
    {"NEWOBJ of a dict", PROTO "})x81.", "P, byte 4: calls what is no global"},
    {"STACK_GLOBAL of numbers", PROTO "#1#2x93.", "P, byte 12: a global whose name is no text"},
    /* the memo */
    {"unset BINGET", PROTO "h\1.", "P, byte 2: nothing is in the memo under this index"},
    {"unset LONG_BINGET", PROTO "jxffxffxffxff.", "P, byte 2: nothing is in the memo under this index"},
    {"LONG_BINPUT 2^32 - 1", PROTO "Nrxffxffxffxff.", "P, byte 3: the memo's index is too large"},
    {"BINPUT beyond the pickle", PROTO "Nq\377.", "P, byte 3: the memo's index is too large"},
    /* arguments */
    {"4 GiB BINUNICODE", PROTO "Xxffxffxffxff.", "P, byte 2: the pickle is cut short"},
    {"BINUNICODE one too long", PROTO "Xx02x00x00x00.", "P, byte 2: the pickle is cut short"},
    {"SHORT_BINUNICODE too long", PROTO "x8cx02.", "P, byte 2: the pickle is cut short"},
    {"BINBYTES too long", PROTO "Bxffxffxffx7f.", "P, byte 2: the pickle is cut short"},
    {"BININT cut", PROTO "Jx00x00x00", "P, byte 2: the pickle is cut short"},
    {"BINFLOAT cut", PROTO "Gx00x00x00", "P, byte 2: the pickle is cut short"},
    {"LONG1 of 9 bytes", PROTO "x8ax09x01x02x03x04x05x06x07x08x00.", "P, byte 2: an integer of over 8 bytes"},
    {"LONG1 cut", PROTO "x8ax08x01.", "P, byte 2: the pickle is cut short"},
    {"GLOBAL without lines", PROTO "cos.", "P, byte 2: the pickle is cut short"},
    {"GLOBAL of one line", PROTO "cos\nsystem", "P, byte 2: the pickle is cut short"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_bad(cases[i].label, cases[i].text, cases[i].reason);
}

/* `head`, then one opcode n times. */
static void check_flood(const char *label, const char *head, const char *piece, size_t n,
                        const char *reason) {
    Bytes bytes = pickle_build(head), one = pickle_build(piece);
    for (size_t i = 0; i < n; i++)
        bytes_add(&bytes, one.data, one.size);
    check_bytes(label, bytes.data, bytes.size, reason);
    bytes_free(&bytes);
    bytes_free(&one);
}

static void test_floods(void **state) {
    (void)state;
    size_t million = 1000000;
    check_flood("a million MARKs", PROTO, "(", million, "P, byte 1002: nested too deeply");
    check_flood("a million Nones", PROTO, "N", million, "P, byte 262146: too many values on the stack");
    check_flood("a million dicts", PROTO, "}", million, "P, byte 262146: too many values on the stack");
    check_flood("a million tuples, each in the next", PROTO "N", "x85", million,
                "P, byte 655363: too many values");
    check_flood("a million objects", PROTO "<a b>q\1", ")Rh\1)R(e", million,
                "P, byte 1048326: too many values");
    check_flood("a million in a list", PROTO "]", "Na", 2 * million, "P, byte 1048580: too many values");
    check_flood("a million in the memo", PROTO "N", "x94", million,
                "P, byte 262147: the memo's index is too large");
}

/* --- every byte --- */

static const char *const whole = PROTO "}('a'" TENSOR(
    "FloatStorage", "0", "#6", "#0", "#2 #3",
    "#3 #1") "q\1'b'](#1Gx40x09x21xfbx54x44x2dx18"
             "x88x89N e'c'x8ax08x01x02x03x04x05x06x07x08'd'h\1'e'<a b>)x81}'k'Kx01s b'f'Mx01x02x85u.";

static void test_cut_and_flipped(void **state) {
    (void)state;
    Bytes bytes = pickle_build(whole);
    for (size_t cut = 0; cut <= bytes.size; cut++) {
        unsigned char *exact = malloc(cut + 1);
        Arena *arena = arena_create();
        PickleValue value;
        memcpy(exact, bytes.data, cut);
        int result = pickle_read(&value, "P", exact, cut, arena, NULL);
        assert_int_equal(result, cut == bytes.size ? 0 : -1);
        arena_free(arena);
        free(exact);
    }
    for (size_t i = 0; i < bytes.size * 256; i++) {
        unsigned char old = bytes.data[i / 256];
        Arena *arena = arena_create();
        Error err = {0};
        PickleValue value;
        bytes.data[i / 256] = (unsigned char)(i % 256);
        int result = pickle_read(&value, "P", bytes.data, bytes.size, arena, &err);
        assert_int_equal(err.kind, result == 0 ? ERROR_NONE : ERROR_INPUT);
        bytes.data[i / 256] = old;
        arena_free(arena);
    }
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_texts),  cmocka_unit_test(test_containers),
        cmocka_unit_test(test_objects), cmocka_unit_test(test_memo),   cmocka_unit_test(test_circle),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_floods), cmocka_unit_test(test_cut_and_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
