/* test_topk.c: the items that torch.topk 2.15 takes of equal scores, by both of its ways, and of different
 * ones the best. */
#include "experiments/ranking/topk.h"

#include "clip/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 2000 };

static int compare_items(const void *a, const void *b) {
    return ((const Scored *)a)->item - ((const Scored *)b)->item;
}

/* Of n items with the scores i * step mod levels, k are taken: these. */
static void check_taken(int n, int step, int levels, int k, const int *expected) {
    Scored items[MOST];
    for (int i = 0; i < n; i++)
        items[i] = (Scored){(float)(i * step % levels), i};
    topk_select(items, n, k);
    qsort(items, (size_t)k, sizeof *items, compare_items);
    for (int i = 0; i < k; i++)
        assert_int_equal(items[i].item, expected[i]);
}

static void equal_scores_are_taken_as_torch_takes_them(void **state) {
    (void)state;
    check_taken(10, 1, 1, 5, (const int[]){5, 6, 7, 8, 9});
    check_taken(700, 1, 1, 10, (const int[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    check_taken(40, 7, 4, 10, (const int[]){1, 5, 9, 13, 17, 21, 25, 29, 33, 37});
    check_taken(700, 7, 5, 10, (const int[]){2, 7, 12, 17, 22, 27, 32, 37, 42, 47});
    check_taken(64, 1, 1, 1, (const int[]){0});
    check_taken(63, 1, 1, 1, (const int[]){41});
}

static void different_scores_are_taken_by_their_order(void **state) {
    (void)state;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){3}, 1);
    for (int n = 1; n < MOST; n += 1 + n / 8)
        for (int k = 1; k <= 10 && k <= n; k++) {
            Scored items[MOST];
            for (int i = 0; i < n; i++) { /* a permutation: item i scores i */
                const int at = (int)(rng_uniform(&rng, 0, i + 1));
                items[i] = items[at < i ? at : i];
                items[at < i ? at : i] = (Scored){(float)i, i};
            }
            topk_select(items, n, k);
            for (int i = 0; i < k; i++)
                assert_true(items[i].item >= n - k);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_scores_are_taken_as_torch_takes_them),
                                       cmocka_unit_test(different_scores_are_taken_by_their_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
