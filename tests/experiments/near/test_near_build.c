/* test_near_build.c: each photo that lives is in one list, that of the centre nearest to it. */
#include "experiments/near/near_build.h"

#include "tests/experiments/near/near_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 3000 };

static double product(const float *a, const float *b) {
    double sum = 0;
    for (int k = 0; k < SUPPORT_E; k++)
        sum += (double)a[k] * (double)b[k];
    return sum;
}

static void each_that_lives_is_where_it_is_nearest(void **state) {
    near_support_need();
    for (int numbers = INDEX_FLOAT32; numbers <= INDEX_BFLOAT16; numbers++) {
        char path[512];
        bool seen[N + 100] = {0};
        Error err = {0};
        const IndexKind kind = support_kind(numbers);
        scratch_path(state, numbers ? "half" : "float", path, sizeof path);
        near_support_add(path, &kind, 0, N, 0);
        near_support_add(path, &kind, N, 100, 7);
        PhotoIndex *index = near_support_open(path);
        NearLists *lists = near_build(index, NULL, &err);
        assert_non_null(lists);
        assert_int_equal(lists->K, lround(4 * sqrt((double)(index->n - index->n_dead))));
        for (int k = 0; k < lists->K; k++)
            for (uint32_t i = lists->starts[k]; i < lists->starts[k + 1]; i++) {
                float row[SUPPORT_E];
                const uint32_t number = lists->numbers[i];
                assert_false(seen[number] || photo_index_is_dead(index, number));
                assert_true(i == lists->starts[k] || number > lists->numbers[i - 1]);
                seen[number] = true;
                assert_int_equal(photo_index_feature(index, number, row, &err), 0);
                const double own = product(row, lists->centres + k * SUPPORT_E);
                for (int other = 0; other < lists->K; other++)
                    assert_true(product(row, lists->centres + other * SUPPORT_E) < own + 1e-5);
            }
        assert_int_equal(lists->starts[lists->K], index->n - index->n_dead);
        near_lists_close(lists);
        photo_index_close(index);
    }
}

/* Its file, too, is the same to the bit. */
static void the_same_with_any_threads(void **state) {
    near_support_need();
    char path[512], out[2][512];
    char *bytes[2];
    size_t size[2];
    Error err = {0};
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    near_support_add(scratch_path(state, "index", path, sizeof path), &kind, 0, N, 0);
    PhotoIndex *index = near_support_open(path);
    Arena *arena = arena_create();
    for (int t = 0; t < 2; t++) {
        Pool *pool = pool_create(t ? 3 : 1);
        NearLists *lists = near_build(index, pool, &err);
        assert_non_null(lists);
        assert_int_equal(
            near_lists_write(lists, index, scratch_path(state, t ? "b" : "a", out[t], 512), &err), 0);
        bytes[t] = (char *)file_bytes(out[t], &size[t], arena, &err);
        near_lists_close(lists);
        pool_free(pool);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    arena_free(arena);
    photo_index_close(index);
}

/* One photo is one list; a damaged one is named. */
static void few_and_damaged(void **state) {
    near_support_need();
    char path[512];
    Error err = {0};
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    near_support_add(scratch_path(state, "index", path, sizeof path), &kind, 0, 1, 0);
    PhotoIndex *index = near_support_open(path);
    NearLists *lists = near_build(index, NULL, &err);
    assert_non_null(lists);
    assert_true(lists->K == 1 && lists->starts[1] == 1 && lists->numbers[0] == 0);
    near_lists_close(lists);
    const size_t at = (size_t)(photo_index_row(index, 0) - index->map.data);
    photo_index_close(index);
    scratch_flip(path, at, 1);
    index = near_support_open(path);
    assert_null(near_build(index, NULL, &err));
    assert_non_null(strstr(err.text, "the feature of entry 0"));
    photo_index_close(index);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_that_lives_is_where_it_is_nearest),
        TEST(the_same_with_any_threads),
        TEST(few_and_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
