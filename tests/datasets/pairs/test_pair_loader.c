/* test_pair_loader.c: batches are those of the order, whoever decodes them; broken pairs leave no gap. */
#include "datasets/pairs/pair_loader.h"

#include "clip/base/random.h"
#include "datasets/images/image.h"
#include "tests/support/image_support.h"
#include "tests/support/list_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { N = 12, S = 16, IMAGE = S * S * 3 };

/* N pairs "@/00.png" "caption 0", ...; those whose place has a 'b' are no images, those with a '-' are not
 * there. */
static PairSource *make_source(Lists *lists, const char *kinds) {
    const char *table = "filepath\ttitle\n";
    for (int i = 0; i < N; i++) {
        table = arena_printf(lists->arena, "%s%02d.png\tcaption %d\n", table, i, i);
        const char *path = lists_path(lists, arena_printf(lists->arena, "@/%02d.png", i));
        unsigned char scanlines[24 * (1 + 3 * 20)] = {0};
        for (size_t k = 0; k < sizeof scanlines; k++)
            scanlines[k] = k % 61 == 0 ? 0 : (unsigned char)(k * k * (i + 3) >> 4);
        Bytes png = make_png(scanlines, sizeof scanlines, &(PngKind)PNG(20, 24, 8, 2));
        if (kinds[i] == 'b')
            png.size = 40;
        if (kinds[i] != '-')
            scratch_file(path, png.data, png.size);
        free(png.data);
    }
    PairSource *source =
        pairs_open_table(lists_file(lists, "@/t.tsv", table), NULL, NULL, NULL, NULL, &lists->err);
    lists_assert_ok(lists, source ? 0 : -1);
    return source;
}

static PairLoaderOptions options(void) {
    return (PairLoaderOptions){.transform = {.size = S},
                               .augment = true,
                               .scale = {0.5, 1.0},
                               .shuffle = true,
                               .seed = 3,
                               .batch_size = 4,
                               .n_threads = 1,
                               .n_ahead = 2};
}

static PairLoader *start(Lists *lists, const PairSource *source, PairLoaderOptions wanted, int epoch,
                         int position) {
    PairLoader *loader = pair_loader_create(source, &wanted, &lists->err);
    lists_assert_ok(lists, loader ? 0 : -1);
    lists_assert_ok(lists, pair_loader_begin(loader, epoch, position, &lists->err));
    return loader;
}

static void next(Lists *lists, PairLoader *loader, LoadedBatch *batch) {
    lists_assert_ok(lists, pair_loader_next(loader, batch, &lists->err));
    assert_true(batch->waited >= 0 && batch->waited < 60);
}

/* The batch holds these pairs, each made anew here. */
static void expect_batch(Lists *lists, const PairSource *source, const LoadedBatch *batch,
                         PairLoaderOptions how, int epoch, const int *pairs, int n) {
    assert_int_equal(batch->n, n);
    for (int i = 0; i < n; i++) {
        Pair pair;
        Image image;
        Rng rng;
        unsigned char expected[IMAGE];
        lists_assert_ok(lists, pairs_get(source, pairs[i], 0, 0, &pair, lists->arena, &lists->err));
        assert_int_equal(image_decode(&image, pair.image, pair.size, "", lists->arena, NULL), 0);
        rng_stream(&rng, how.seed, STREAM_CROP, (uint32_t)pairs[i], (uint32_t)epoch);
        assert_int_equal(how.augment ? transform_scaled_crop(expected, &image, &how.transform, how.scale,
                                                             &rng, lists->arena, NULL)
                                     : transform_fit(expected, &image, &how.transform, lists->arena, NULL),
                         0);
        assert_string_equal(batch->captions[i], pair.caption);
        assert_memory_equal(batch->images + i * IMAGE, expected, IMAGE);
    }
}

/* Orders of torch.utils.data.DistributedSampler(range(12), 1, 0, seed=3) in epochs 0 and 2. */
static const int epoch0[] = {10, 9, 1, 6, 4, 11, 3, 7, 2, 0, 8, 5};
static const int epoch2[] = {11, 0, 9, 6, 10, 3, 4, 5, 8, 7, 1, 2};

static void batches_follow_the_order(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "            ");
    PairLoaderOptions how = options();
    PairLoader *loader = start(lists, source, how, 0, 0);
    assert_int_equal(pair_loader_batches(loader), 3);
    for (int epoch = 0; epoch <= 2; epoch += 2) {
        lists_assert_ok(lists, pair_loader_begin(loader, epoch, 0, &lists->err));
        for (int i = 0; i <= 3; i++) {
            LoadedBatch batch;
            next(lists, loader, &batch);
            expect_batch(lists, source, &batch, how, epoch, (epoch ? epoch2 : epoch0) + 4 * i, i < 3 ? 4 : 0);
            assert_int_equal(batch.position, i < 3 ? 4 * (i + 1) : N);
            assert_int_equal(batch.n_broken, 0);
            pair_loader_give_back(loader, &batch);
        }
    }
    pair_loader_free(loader);
    pairs_close(source);
}

static void the_last_batch_may_be_incomplete(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "            ");
    PairLoaderOptions how = options();
    static const int in_order[N] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    how.batch_size = 5;
    how.shuffle = how.augment = false;
    for (int drop = 0; drop < 2; drop++) {
        how.drop_last = drop;
        PairLoader *loader = start(lists, source, how, 1, 0);
        assert_int_equal(pair_loader_batches(loader), drop ? 2 : 3);
        const int sizes[] = {5, 5, drop ? 0 : 2, 0, 0};
        for (int i = 0; i < 5; i++) {
            LoadedBatch batch;
            next(lists, loader, &batch);
            expect_batch(lists, source, &batch, how, 1, in_order + (i < 3 ? 5 * i : 0), sizes[i]);
            assert_int_equal(batch.position, i < 2 ? 5 * (i + 1) : N);
            pair_loader_give_back(loader, &batch);
        }
        pair_loader_free(loader);
    }
    pairs_close(source);
}

static void broken_pairs_leave_no_gap(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, " -       bb ");
    PairLoaderOptions how = options();
    for (int threads = 1; threads <= 4; threads++)
        for (int ahead = 1; ahead <= 3; ahead++) {
            how.n_threads = threads;
            how.n_ahead = ahead;
            PairLoader *loader = start(lists, source, how, 0, 0);
            LoadedBatch a, b, c;
            next(lists, loader, &a);
            next(lists, loader, &b);
            next(lists, loader, &c);
            expect_batch(lists, source, &a, how, 0, (int[]){6, 4, 11, 3}, 4);
            expect_batch(lists, source, &b, how, 0, (int[]){7, 2, 0, 8}, 4);
            expect_batch(lists, source, &c, how, 0, (int[]){5}, 1);
            assert_int_equal(a.position, 7);
            assert_int_equal(b.position, 11);
            assert_int_equal(c.position, N);
            assert_int_equal(a.n_broken, 3);
            assert_int_equal(b.n_broken + c.n_broken, 0);
            assert_string_equal(a.broken[0], lists_path(lists, "@/10.png: PNG data: end of stream"));
            assert_string_equal(a.broken[1], lists_path(lists, "@/09.png: PNG data: end of stream"));
            assert_string_equal(a.broken[2],
                                lists_path(lists, "@/01.png: cannot open: No such file or directory"));
            assert_null(a.broken[3]);
            /* From the position behind a batch, the same ones come. */
            pair_loader_give_back(loader, &b);
            lists_assert_ok(lists, pair_loader_begin(loader, 0, a.position, &lists->err));
            next(lists, loader, &b);
            expect_batch(lists, source, &b, how, 0, (int[]){7, 2, 0, 8}, 4);
            assert_int_equal(b.position, 11);
            expect_batch(lists, source, &a, how, 0, (int[]){6, 4, 11, 3}, 4); /* still there */
            pair_loader_free(loader);
        }
    pairs_close(source);
}

/* Seven broken ones with a ring of two slots. */
static void more_broken_pairs_than_slots(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "--- ---- ---");
    PairLoaderOptions how = options();
    how.batch_size = 2;
    how.n_ahead = 1;
    how.n_threads = 3;
    how.shuffle = false;
    PairLoader *loader = start(lists, source, how, 0, 0);
    LoadedBatch batch;
    next(lists, loader, &batch);
    expect_batch(lists, source, &batch, how, 0, (int[]){3, 8}, 2);
    assert_int_equal(batch.n_broken, 7);
    assert_non_null(strstr(batch.broken[3], "04.png"));
    pair_loader_give_back(loader, &batch);
    next(lists, loader, &batch);
    assert_int_equal(batch.n, 0);
    assert_int_equal(batch.n_broken, 3);
    pair_loader_give_back(loader, &batch);
    pair_loader_free(loader);
    pairs_close(source);
}

static void epochs_without_a_batch_are_errors(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "------------");
    PairLoaderOptions how = options();
    LoadedBatch batch;
    PairLoader *loader = start(lists, source, how, 0, 0);
    int result = pair_loader_next(loader, &batch, &lists->err);
    lists_assert_error(lists, result,
                       "none of 12 pairs can be read; the first: @/10.png: cannot open: No such file or "
                       "directory");
    pair_loader_free(loader);
    pairs_close(source);
}

static void too_few_for_a_batch_is_an_error(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "---   ------");
    PairLoaderOptions how = options();
    how.drop_last = true;
    PairLoader *loader = start(lists, source, how, 0, 0);
    LoadedBatch batch;
    int result = pair_loader_next(loader, &batch, &lists->err);
    lists_assert_error(lists, result,
                       "of 12 pairs fewer than a batch of 4 can be read; the first that cannot: @/10.png: "
                       "cannot open: No such file or directory");
    /* At the end of an epoch that was begun further on it is none. */
    lists_assert_ok(lists, pair_loader_begin(loader, 0, 11, &lists->err));
    next(lists, loader, &batch);
    assert_int_equal(batch.n, 0);
    pair_loader_free(loader);
    how.batch_size = 13;
    assert_null(pair_loader_create(source, &how, &lists->err));
    lists_assert_error(lists, -1, "12 pairs do not fill a batch of 13");
    how.drop_last = false;
    pair_loader_free(pair_loader_create(source, &how, &lists->err));
    pairs_close(source);
}

static void images_that_cannot_be_fitted_are_named(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "            ");
    PairLoaderOptions how = options();
    Bytes thin = make_png("\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1",
                          40, &(PngKind)PNG(1, 20, 8, 0));
    scratch_file(lists_path(lists, "@/00.png"), thin.data, thin.size);
    free(thin.data);
    how.augment = how.shuffle = false;
    how.transform.fit = FIT_PAD;
    how.transform.size = 4;
    PairLoader *loader = start(lists, source, how, 0, 0);
    LoadedBatch batch;
    next(lists, loader, &batch);
    assert_int_equal(batch.n_broken, 1);
    assert_string_equal(batch.broken[0],
                        lists_path(lists, "@/00.png: resize: nothing is left of 1 x 20 pixels in a square of "
                                          "4"));
    pair_loader_free(loader);
    pairs_close(source);
}

/* Whatever is under way when it ends or begins anew. */
static void it_ends_and_begins_at_any_time(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "   b   -    ");
    PairLoaderOptions how = options();
    pair_loader_free(pair_loader_create(source, &how, &lists->err));
    pair_loader_free(NULL);
    for (int i = 0; i < 60; i++) {
        how.n_threads = 1 + i % 4;
        PairLoader *loader = start(lists, source, how, i % 5, i % (N + 1));
        for (int again = 0; again < i % 4; again++) {
            LoadedBatch batch;
            if (again % 2) {
                next(lists, loader, &batch);
                pair_loader_give_back(loader, &batch);
            }
            lists_assert_ok(lists, pair_loader_begin(loader, again, again * 3, &lists->err));
        }
        pair_loader_free(loader);
    }
    pairs_close(source);
}

/* Of every 8 pairs the first 4 are of one part and the last 4 of the other; each fills its gaps by itself. */
static void parts_have_batches_of_their_own(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "      -    b");
    PairLoaderOptions how = options();
    static const int pairs[2][4][2] = {{{10, 9}, {1, 2}, {0, 8}, {5}}, {{4, 3}, {7}, {0}, {0}}};
    static const int sizes[2][4] = {{2, 2, 2, 1}, {2, 1, 0, 0}},
                     positions[2][4] = {{2, 5, 7, 8}, {3, 4, 4, 4}};
    how.batch_size = 2;
    for (int part = 0; part < 2; part++) {
        how.part = (PairPart){part, 2, 8};
        PairLoader *loader = start(lists, source, how, 0, 0);
        assert_int_equal(pair_loader_batches(loader), 4 - 2 * part);
        for (int i = 0; i < 4; i++) {
            LoadedBatch batch;
            next(lists, loader, &batch);
            expect_batch(lists, source, &batch, how, 0, pairs[part][i], sizes[part][i]);
            assert_int_equal(batch.position, positions[part][i]);
            pair_loader_give_back(loader, &batch);
        }
        pair_loader_free(loader);
    }
    pairs_close(source);
}

static void decoding_goes_on_meanwhile(void **state) {
    Lists *lists = *state;
    PairSource *source = make_source(lists, "            ");
    PairLoader *loader = start(lists, source, options(), 0, 0);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    LoadedBatch batch;
    next(lists, loader, &batch);
    if (!scratch_instrumented())
        assert_true(batch.waited < 0.05);
    pair_loader_free(loader);
    pairs_close(source);
}

#define LISTS_TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(batches_follow_the_order),
        LISTS_TEST(the_last_batch_may_be_incomplete),
        LISTS_TEST(broken_pairs_leave_no_gap),
        LISTS_TEST(more_broken_pairs_than_slots),
        LISTS_TEST(epochs_without_a_batch_are_errors),
        LISTS_TEST(too_few_for_a_batch_is_an_error),
        LISTS_TEST(images_that_cannot_be_fitted_are_named),
        LISTS_TEST(it_ends_and_begins_at_any_time),
        LISTS_TEST(parts_have_batches_of_their_own),
        LISTS_TEST(decoding_goes_on_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
