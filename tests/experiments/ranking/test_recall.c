/* test_recall.c: CLIP_benchmark's recalls on the same features, ties included; ranks worked out by hand; and
 * the same bits in any number of threads. */
#include "experiments/ranking/recall.h"

#include "clip/base/arena.h"
#include "clip/base/random.h"
#include "clip/math/ops.h"
#include "clip/tensors/tensors_open.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE "tests/fixtures/ranking/recall.safetensors"

static const Tensor *find(const TensorFile *file, const char *name, const char *part) {
    char full[64];
    snprintf(full, sizeof full, "%s.%s", name, part);
    const Tensor *tensor = tensors_find(file, full);
    assert_non_null(tensor);
    return tensor;
}

static float *floats(const TensorFile *file, const char *name, const char *part, Arena *arena) {
    const Tensor *tensor = find(file, name, part);
    float *out = arena_floats(arena, 1, tensor->count);
    Error err = {0};
    assert_int_equal(tensor_to_float(file, tensor, out, &err), 0);
    return out;
}

static void check_direction(const Ranking *ranking, const double *expected, Pool *pool, int n_tied) {
    Recall recall;
    Error err = {0};
    assert_int_equal(recall_measure(&recall, ranking, pool, &err), 0);
    for (int k = 0; k < N_RECALLS; k++)
        assert_true(fabs(recall.recall[k] - expected[k]) < 1e-12);
    assert_true(recall.n_tied > n_tied);
}

/* Features are small whole numbers, so every score is exact, and hundreds are equal. */
static void check_case(const TensorFile *file, const char *name, Pool *pool) {
    Arena *arena = arena_create();
    const Tensor *images = find(file, name, "images"), *texts = find(file, name, "texts");
    const int n_images = (int)images->shape[0], n_texts = (int)texts->shape[0];
    int *owner = ARENA_NEW(arena, int, n_texts), *self = ARENA_NEW(arena, int, n_images);
    memcpy(owner, find(file, name, "owner")->data, (size_t)n_texts * sizeof *owner);
    for (int i = 0; i < n_images; i++)
        self[i] = i;
    double expected[2 * N_RECALLS];
    memcpy(expected, find(file, name, "recall")->data, sizeof expected);
    Ranking ranking = {.queries = floats(file, name, "texts", arena),
                       .items = floats(file, name, "images", arena),
                       .query_groups = owner,
                       .item_groups = self,
                       .n_queries = n_texts,
                       .n_items = n_images,
                       .E = (int)images->shape[1]};
    const Ranking back = {.queries = ranking.items,
                          .items = ranking.queries,
                          .query_groups = self,
                          .item_groups = owner,
                          .n_queries = n_images,
                          .n_items = n_texts,
                          .E = ranking.E};
    check_direction(&ranking, expected, pool, n_texts / 4);
    check_direction(&back, expected + N_RECALLS, pool, n_images / 4);
    arena_free(arena);
}

static void recalls_are_those_of_clip_benchmark(void **state) {
    (void)state;
    Error err = {0};
    TensorFile *file = tensors_open(FIXTURE, &err);
    assert_non_null(file);
    Pool *pool = pool_create(3);
    check_case(file, "tied", pool);
    check_case(file, "few", pool);
    check_case(file, "many", NULL);
    pool_free(pool);
    tensors_close(file);
}

static void a_rank_is_that_of_the_best_answer(void **state) {
    (void)state;
    /* query 0 scores {1, 0, 0.6, 0.6} and is answered by items 1 and 3: rank 3, a tie with item 2; query 1
     * scores {0, 1, 0.8, 0.8} and is answered by item 0: rank 4; nothing answers query 2. */
    const float items[] = {1, 0, 0, 1, 0.6F, 0.8F, 0.6F, 0.8F}, queries[] = {1, 0, 0, 1, 1, 0};
    const Ranking ranking = {.queries = queries,
                             .items = items,
                             .query_groups = (const int[]){7, 8, 9},
                             .item_groups = (const int[]){8, 7, 6, 7},
                             .n_queries = 3,
                             .n_items = 4,
                             .E = 2};
    Recall recall;
    Error err = {0};
    assert_int_equal(recall_measure(&recall, &ranking, NULL, &err), 0);
    assert_true(recall.mean_rank == 3.5 && recall.median_rank == 3);
    assert_int_equal(recall.n_without, 1);
    assert_int_equal(recall.n_tied, 1);
    assert_true(recall.recall[0] == 0);
    assert_true(fabs(recall.recall[1] - 2.0 / 3) < 1e-12);
}

/* As OpenCLIP counts, whose medians numpy makes: equal items come in their order, whatever topk takes. */
static void equal_items_come_in_their_order(void **state) {
    (void)state;
    const float items[] = {1, 0, 1, 0, 1, 0, 1, 0};
    const int self[] = {0, 1, 2, 3};
    const Ranking ranking = {items, items, self, self, 4, 4, 2};
    Recall recall;
    Error err = {0};
    assert_int_equal(recall_measure(&recall, &ranking, NULL, &err), 0);
    assert_true(recall.mean_rank == 2.5 && recall.within[0] == 0.25 && recall.within[1] == 1);
    assert_true(recall.median_rank == 2); /* floor(1.5) + 1 */
}

static void a_score_that_is_no_number_is_refused(void **state) {
    (void)state;
    const float items[] = {1, NAN};
    const Ranking ranking = {.queries = items,
                             .items = items,
                             .query_groups = (const int[]){0, 1},
                             .item_groups = (const int[]){0, 1},
                             .n_queries = 2,
                             .n_items = 2,
                             .E = 1};
    Recall recall;
    Error err = {0};
    assert_int_equal(recall_measure(&recall, &ranking, NULL, &err), -1);
    assert_string_equal(err.text, "the features are not finite");
}

static void threads_do_not_matter(void **state) {
    (void)state;
    enum { N = 150, E = 16 };
    Error err = {0};
    Rng rng;
    Recall one, three;
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    float *a = arena_floats(arena, N, E), *b = arena_floats(arena, N, E);
    int *groups = ARENA_NEW(arena, int, N);
    rng_seed(&rng, (uint32_t[]){5}, 1);
    for (int i = 0; i < N * E; i++) {
        a[i] = (float)rng_normal(&rng);
        b[i] = a[i] + (float)rng_normal(&rng);
        groups[i / E] = i / E / 2;
    }
    unit_rows_forward(a, NULL, a, N, E);
    unit_rows_forward(b, NULL, b, N, E);
    const Ranking ranking = {a, b, groups, groups, N, N, E};
    assert_int_equal(recall_measure(&one, &ranking, NULL, &err), 0);
    assert_int_equal(recall_measure(&three, &ranking, pool, &err), 0);
    assert_memory_equal(&one, &three, sizeof one);
    assert_true(one.recall[0] > 0.05 && one.recall[0] < 1 && one.mean_rank > 1);
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(recalls_are_those_of_clip_benchmark),
                                       cmocka_unit_test(a_rank_is_that_of_the_best_answer),
                                       cmocka_unit_test(equal_items_come_in_their_order),
                                       cmocka_unit_test(a_score_that_is_no_number_is_refused),
                                       cmocka_unit_test(threads_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
