/* test_arena.c: blocks are apart, zeroed, aligned; marks; failures. Runs in both builds (see ARENA_MALLOC).
 */
#include "clip/base/arena.h"

#include "clip/base/random.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_zeroed(const unsigned char *bytes, size_t size) {
    size_t nonzero = 0;
    for (size_t i = 0; i < size; i++)
        nonzero += bytes[i] != 0;
    assert_int_equal(nonzero, 0);
}

static void blocks_are_aligned_zeroed_and_apart(void **state) {
    (void)state;
    enum { N = 300 };
    static const size_t sizes[] = {1, 0, 63, 64, 65, 1000, 70000, 8, 300000, 3};
    unsigned char *blocks[N];
    Arena *arena = arena_create();
    assert_non_null(arena);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            size_t size = sizes[i % 10];
            blocks[i] = arena_alloc(arena, size, 1);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 64, 0);
            assert_zeroed(blocks[i], size);
            memset(blocks[i], i % 255 + 1, size);
        }
        for (int i = 0; i < N; i++) {
            for (size_t j = 0; j < sizes[i % 10]; j++)
                if (blocks[i][j] != i % 255 + 1)
                    fail_msg("block %d has lost byte %zu", i, j);
        }
        arena_reset(arena, 0);
        assert_int_equal(arena_used(arena), 0);
    }
    arena_free(arena);
}

static void empty_blocks_have_addresses_of_their_own(void **state) {
    (void)state;
    Arena *arena = arena_create();
    char *first = ARENA_NEW(arena, char, 0);
    int *second = ARENA_NEW(arena, int, 0);
    float *third = arena_floats(arena, 0, 512);
    assert_non_null(first);
    assert_non_null(second);
    assert_non_null(third);
    assert_ptr_not_equal(first, second);
    assert_ptr_not_equal(second, third);
    assert_false(arena_failed(arena));
    arena_free(arena);
}

/* Random pushes and pops against a plain stack of marks: what is below a mark survives, what is handed out
 * again is zero. */
static void marks_nest(void **state) {
    (void)state;
    enum { DEPTH = 64 };
    struct {
        unsigned char *bytes;
        size_t size, mark;
    } stack[DEPTH];
    int depth = 0;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){4}, 1);
    Arena *arena = arena_create();
    for (int step = 0; step < 3000; step++) {
        if (depth == DEPTH || (depth > 0 && rng_below(&rng, 3) == 0)) {
            depth = (int)rng_below(&rng, (uint32_t)depth);
            arena_reset(arena, stack[depth].mark);
            assert_int_equal(arena_used(arena), stack[depth].mark);
        }
        size_t size = rng_below(&rng, 20) == 0 ? rng_below(&rng, 400000) : rng_below(&rng, 2000);
        stack[depth].mark = arena_mark(arena);
        stack[depth].size = size;
        stack[depth].bytes = arena_alloc(arena, size, 1);
        assert_zeroed(stack[depth].bytes, size);
        memset(stack[depth].bytes, depth + 1, size);
        assert_true(arena_used(arena) >= stack[depth].mark + size);
        depth++;
        for (int i = 0; i < depth; i++) {
            if (stack[i].size == 0)
                continue;
            assert_int_equal(stack[i].bytes[0], i + 1);
            assert_int_equal(stack[i].bytes[stack[i].size - 1], i + 1);
        }
    }
    arena_free(arena);
}

static void failure_is_sticky_until_reset(void **state) {
    (void)state;
    Arena *arena = arena_create();
    char *kept = arena_strdup(arena, "kept");
    size_t mark = arena_mark(arena);
    assert_false(arena_failed(arena));
    assert_null(arena_alloc(arena, SIZE_MAX / 2, 3));
    assert_true(arena_failed(arena));
    assert_null(arena_alloc(arena, 1, 1));
    assert_null(arena_strdup(arena, "x"));
    assert_null(arena_printf(arena, "%d", 1));
    assert_null(arena_floats(arena, 1, 1));
    assert_int_equal(arena_used(arena), mark);
    arena_reset(arena, mark);
    assert_false(arena_failed(arena));
    assert_non_null(arena_alloc(arena, 1, 1));
    assert_string_equal(kept, "kept");
    arena_free(arena);
}

static void impossible_sizes_fail(void **state) {
    (void)state;
    static const size_t sizes[][2] = {
        {SIZE_MAX, 1},
        {1, SIZE_MAX},
        {SIZE_MAX, SIZE_MAX},
        {SIZE_MAX - 1, 1},
        {SIZE_MAX - 63, 1},
        {SIZE_MAX - 64, 1},
        {SIZE_MAX / 8 + 2, 8},
        {(size_t)1 << 32, (size_t)1 << 32},
        {(size_t)1 << 33, (size_t)1 << 30},
        {(size_t)1 << 47, 1},
        {(size_t)1 << 46, 1},
        {((size_t)1 << 40) + 1, 1},
        {((size_t)1 << 39) + 1, 1},
    };
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_null(arena_alloc(arena, sizes[i][0], sizes[i][1]));
        assert_true(arena_failed(arena));
        arena_reset(arena, 0);
        assert_null(arena_floats(arena, sizes[i][0], sizes[i][1]));
        assert_true(arena_failed(arena));
        arena_reset(arena, 0);
    }
    assert_non_null(arena_alloc(arena, 100, 1));
    arena_free(arena);
}

static void text_is_copied(void **state) {
    (void)state;
    Arena *arena = arena_create();
    char text[] = "class name";
    char *copy = arena_strdup(arena, text);
    text[0] = 'X';
    assert_string_equal(copy, "class name");
    assert_string_equal(arena_strdup(arena, ""), "");
    assert_string_equal(arena_printf(arena, "%s/%d.%s", "seed", 3, "txt"), "seed/3.txt");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
    char *wide = arena_printf(arena, "%5000d", 7);
    assert_int_equal(strlen(wide), 5000);
    assert_int_equal(wide[4999], '7');
    arena_free(arena);
}

/* A training step asks for the same blocks each time: they must not pile up. */
static void the_same_blocks_come_again(void **state) {
    (void)state;
#ifdef ARENA_MALLOC
    print_message("skipped: blocks of the debug arena are not used again\n");
    skip();
#endif
    enum { N = 50 };
    void *first[N];
    Arena *arena = arena_create();
    arena_alloc(arena, 100, 1);
    size_t mark = arena_mark(arena);
    for (int step = 0; step < 5; step++) {
        for (int i = 0; i < N; i++) {
            void *block = arena_alloc(arena, (size_t)(i * i) * 100, 1);
            if (step == 0)
                first[i] = block;
            assert_ptr_equal(block, first[i]);
        }
        arena_reset(arena, mark);
    }
    arena_free(arena);
}

static void arrays_grow(void **state) {
    (void)state;
    Arena *arena = arena_create();
    int *numbers = NULL, capacity = 0;
    for (int n = 0; n < 1000; n++) {
        int *before = numbers, room = capacity;
        numbers = arena_grow(arena, numbers, &capacity, n + 1, sizeof *numbers);
        assert_non_null(numbers);
        if (n < room)
            assert_ptr_equal(numbers, before);
        else
            assert_true(capacity > n && capacity >= 2 * room);
        numbers[n] = n;
    }
    for (int n = 0; n < 1000; n++)
        assert_int_equal(numbers[n], n);
    int room = capacity;
    numbers = arena_grow(arena, numbers, &capacity, 100000, sizeof *numbers);
    assert_non_null(numbers);
    assert_int_equal(capacity, 100000);
    assert_int_equal(numbers[999], 999);
    assert_zeroed((unsigned char *)(numbers + room), (size_t)(capacity - room) * sizeof *numbers);
    room = capacity;
    assert_null(arena_grow(arena, numbers, &capacity, INT_MAX, SIZE_MAX));
    assert_int_equal(capacity, room);
    assert_int_equal(numbers[999], 999);
    arena_free(arena);
}

static void free_of_null_is_fine(void **state) {
    (void)state;
    arena_free(NULL);
    arena_free(arena_create());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_zeroed_and_apart),
        cmocka_unit_test(empty_blocks_have_addresses_of_their_own),
        cmocka_unit_test(marks_nest),
        cmocka_unit_test(failure_is_sticky_until_reset),
        cmocka_unit_test(impossible_sizes_fail),
        cmocka_unit_test(text_is_copied),
        cmocka_unit_test(the_same_blocks_come_again),
        cmocka_unit_test(arrays_grow),
        cmocka_unit_test(free_of_null_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
