/* test_feature_store.c: datasets/features/feature_store.c by itself: shelves, and features that wait to be
 * written. */
#include "datasets/features/feature_store.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { E = 3, N = 200 };

static const FeatureSource source = {
    .transform.size = 4, .embed_dim = E, .std = {1, 1, 1}, .model_digest = "abc"};
static const FeatureView centre = {0}, view_1 = {.random = VIEW_CROP, .seed = 7, .view = 1};

static Digest image(int i) {
    return digest_of(&i, sizeof i);
}

static void feature(float *out, int i, FeatureView view) {
    for (int e = 0; e < E; e++)
        out[e] = (float)(i * 10 + e) + 0.5f * (float)view.random;
}

static FeatureStore *open_store(void **state) {
    char folder[512];
    Error err = {0};
    FeatureStore *store =
        feature_store_open(scratch_path(state, "a/cache", folder, sizeof folder), &source, &err);
    if (!store)
        fail_msg("%s", err.text);
    return store;
}

/* Images first .. first + n - 1 onto the shelf of a view. */
static void add(FeatureStore *store, FeatureView view, int first, int n) {
    Digest images[N];
    float features[N * E];
    Error err = {0};
    for (int i = 0; i < n; i++) {
        images[i] = image(first + i);
        feature(features + i * E, first + i, view);
    }
    if (feature_store_select(store, view, &err) < 0 ||
        feature_store_add(store, images, features, n, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_holds(FeatureStore *store, FeatureView view, int first, int n) {
    Error err = {0};
    assert_int_equal(feature_store_select(store, view, &err), 0);
    for (int i = first - 1; i <= first + n; i++) {
        float found[E] = {0}, expected[E];
        Digest key = image(i);
        bool there = feature_store_find(store, &key, found);
        assert_int_equal(there, i >= first && i < first + n);
        assert_int_equal(feature_store_find(store, &key, NULL), there);
        feature(expected, i, view);
        if (there)
            assert_memory_equal(found, expected, sizeof found);
    }
}

static void test_at_once(void **state) {
    FeatureStore *store = open_store(state);
    assert_int_equal(scratch_count(state), 0); /* opening writes nothing */
    add(store, centre, 0, 5);
    FeatureStore *other = open_store(state);
    assert_holds(other, centre, 0, 5);
    assert_holds(other, view_1, 0, 0);
    feature_store_close(other);
    feature_store_close(store);
}

/* What one preparation of images has put there, no other one finds; OpenAI's is where it always was. */
static void test_transforms_apart(void **state) {
    static const Transform transforms[] = {{.size = 4},
                                           {.size = 4, .filter = FILTER_BILINEAR},
                                           {.size = 4, .fit = FIT_SQUASH},
                                           {.size = 4, .fit = FIT_SQUASH, .resize = 6},
                                           {.size = 4, .fit = FIT_PAD},
                                           {.size = 4, .fit = FIT_PAD, .fill = 9}};
    enum { N_TRANSFORMS = sizeof transforms / sizeof *transforms };
    char folder[512];
    Error err = {0};
    scratch_path(state, "a/cache", folder, sizeof folder);
    for (int i = 0; i < N_TRANSFORMS; i++) {
        FeatureSource other = source;
        other.transform = transforms[i];
        FeatureStore *store = feature_store_open(folder, &other, &err);
        assert_non_null(store);
        assert_holds(store, centre, 0, 0);
        add(store, centre, 0, 5);
        feature_store_close(store);
    }
    FeatureSource turned = source;
    turned.upright = true;
    FeatureStore *store = feature_store_open(folder, &turned, &err);
    assert_non_null(store);
    assert_holds(store, centre, 0, 0);
    feature_store_close(store);
    store = open_store(state);
    assert_holds(store, centre, 0, 5);
    feature_store_close(store);
    assert_true(folder_exists(scratch_path(state, "a/cache/1274171285eaf110", folder, sizeof folder)));
}

static void test_held(void **state) {
    FeatureStore *store = open_store(state);
    feature_store_hold(store, 1e6);
    add(store, centre, 0, 100);
    add(store, view_1, 50, 10);
    add(store, centre, 100, 100);
    assert_holds(store, centre, 0, 200);
    assert_holds(store, view_1, 50, 10);
    assert_int_equal(scratch_count(state), 0);
    feature_store_close(store);
    assert_int_equal(scratch_count(state), 0);
    store = open_store(state);
    assert_holds(store, centre, 0, 0);
    feature_store_close(store);
}

static void test_saved(void **state) {
    Error err = {0};
    FeatureStore *store = open_store(state);
    feature_store_hold(store, 1e6);
    add(store, centre, 0, 100);
    add(store, view_1, 50, 10);
    assert_int_equal(feature_store_save(store, &err), 0);
    assert_holds(store, centre, 0, 100);
    add(store, centre, 100, 20); /* written at once from here on */
    FeatureStore *other = open_store(state);
    assert_holds(other, centre, 0, 120);
    assert_holds(other, view_1, 50, 10);
    /* What was there before is found while others wait. */
    feature_store_hold(other, 1e6);
    add(other, centre, 120, 20);
    assert_holds(other, centre, 0, 140);
    assert_int_equal(feature_store_save(other, &err), 0);
    assert_int_equal(feature_store_save(other, &err), 0);
    feature_store_close(other);
    assert_holds(store, centre, 0, 140);
    feature_store_close(store);
}

static void test_nothing_to_save(void **state) {
    Error err = {0};
    FeatureStore *store = open_store(state);
    feature_store_hold(store, 1e6);
    assert_int_equal(feature_store_save(store, &err), 0);
    feature_store_close(store);
    assert_int_equal(scratch_count(state), 0);
}

/* Long work does not wait for its end. */
static void test_held_too_long(void **state) {
    FeatureStore *store = open_store(state);
    feature_store_hold(store, 1e-9);
    add(store, centre, 0, 10);
    add(store, centre, 10, 10);
    add(store, centre, 20, 10);
    FeatureStore *other = open_store(state);
    assert_holds(other, centre, 0, 30);
    feature_store_close(other);
    feature_store_close(store);
}

/* Two children fill one shelf at once, with overlapping lists; nothing is lost. */
static void test_two_processes(void **state) {
    pid_t children[2];
    for (int c = 0; c < 2; c++) {
        children[c] = fork();
        assert_true(children[c] >= 0);
        if (children[c] == 0) {
            FeatureStore *store = open_store(state);
            for (int i = 0; i < 100; i++)
                add(store, centre, i + 50 * c, 1);
            feature_store_close(store);
            _exit(0);
        }
    }
    for (int c = 0; c < 2; c++) {
        int status;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    FeatureStore *store = open_store(state);
    assert_holds(store, centre, 0, 150);
    feature_store_close(store);
}

static void test_cannot_write(void **state) {
    char path[512], expected[600];
    Error err = {0};
    scratch_file(scratch_path(state, "a", path, sizeof path), "x", 1);
    FeatureStore *store = open_store(state);
    feature_store_hold(store, 1e6);
    add(store, centre, 0, 10);
    assert_int_equal(feature_store_save(store, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    snprintf(expected, sizeof expected, "%s: cannot create the folder: ", path);
    assert_int_equal(strncmp(err.text, expected, strlen(expected)), 0);
    feature_store_close(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

/* Any flipped bit costs at most the image of its record, or all of them in the header; it is told once, and
 * gone when the image has been added again. */
static void test_flipped_bits(void **state) {
    enum { N_RECORDS = 4, RECORD = 32 + 4 * E + 4, HEADER = 96 };
    char pattern[600];
    glob_t found;
    Error err = {0};
    FeatureStore *store = open_store(state);
    add(store, centre, 0, N_RECORDS);
    feature_store_close(store);
    assert_int_equal(
        glob(scratch_path(state, "a/cache/*/centre.features", pattern, sizeof pattern), 0, NULL, &found), 0);
    const char *path = found.gl_pathv[0];
    Arena *arena = arena_create();
    size_t size;
    const char *bytes = file_read(path, 1 << 20, arena, &size, &err);
    assert_int_equal(size, HEADER + N_RECORDS * RECORD);
    for (size_t at = 0; at < HEADER + N_RECORDS * RECORD; at++) {
        const int record = at < HEADER ? -1 : (int)((at - HEADER) / RECORD);
        scratch_file(path, bytes, size);
        scratch_flip(path, at, (unsigned char)(1 << at % 8));
        store = open_store(state);
        for (int twice = 0; twice < 2; twice++) {
            assert_int_equal(feature_store_select(store, centre, &err), 0);
            const char *damage = feature_store_damage(store);
            assert_int_equal(damage != NULL, twice == 0);
            if (damage)
                assert_non_null(strstr(damage, record < 0 ? ": header: damaged" : ": 1 damaged record;"));
        }
        for (int i = 0; i < N_RECORDS; i++) {
            Digest key = image(i);
            assert_int_equal(feature_store_find(store, &key, NULL), record >= 0 && i != record);
        }
        if (record < 0)
            add(store, centre, 0, N_RECORDS);
        else
            add(store, centre, record, 1);
        feature_store_close(store);
        store = open_store(state);
        assert_holds(store, centre, 0, N_RECORDS);
        assert_null(feature_store_damage(store));
        feature_store_close(store);
    }
    arena_free(arena);
    globfree(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_at_once),          TEST(test_held),          TEST(test_saved),
        TEST(test_nothing_to_save),  TEST(test_held_too_long), TEST(test_two_processes),
        TEST(test_transforms_apart), TEST(test_cannot_write),  TEST(test_flipped_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
