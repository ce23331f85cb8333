/* test_index_build.c: an index holds what the tower gives, and its counts say what an update did. */
#define _GNU_SOURCE
#include "experiments/find/index_build.h"

#include "clip/math/half.h"
#include "datasets/index/index_writer.h"
#include "experiments/find/index_about.h"
#include "tests/experiments/find/find_support.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 5 };

typedef struct {
    void *scratch;
    Arena *arena;
    LoadedModel model;
    const char *paths[N + 1], *index, *folder;
    IndexRequest request;
} Setting;

static int setup(void **state) {
    const LoadedModelOptions options = {.towers = CLIP_IMAGE | CLIP_DIGEST, .n_threads = 2};
    Error err = {0};
    Setting *s = calloc(1, sizeof *s);
    char path[512];
    if (!s || scratch_setup(&s->scratch) < 0 || !(s->arena = arena_create()) ||
        loaded_model_open(&s->model, FIXTURES "clip_vit.safetensors", &options, &err) < 0)
        return -1;
    char *real = realpath(s->scratch, NULL);
    s->folder = arena_strdup(s->arena, real);
    free(real);
    for (int i = 0; i < N; i++) {
        s->paths[i] = arena_printf(s->arena, "%s/%d.jpg", s->folder, i);
        cli_copy(arena_printf(s->arena, FIXTURES "images/shape%02d/0001.jpg", i), s->paths[i]);
    }
    s->index = arena_strdup(s->arena, scratch_path(&s->scratch, "index", path, sizeof path));
    const IndexAbout about = {.checkpoint = FIXTURES "clip_vit.safetensors"};
    s->request = (IndexRequest){.model = &s->model,
                                .out = s->index,
                                .about = index_about_text(&about, &s->model, s->arena, &err),
                                .next = given_next,
                                .stop_inputs = given_stop,
                                .folders = &s->folder,
                                .n_folders = 1,
                                .quiet = true};
    *state = s;
    return s->request.about ? 0 : -1;
}

static int teardown(void **state) {
    Setting *s = *state;
    loaded_model_close(&s->model);
    arena_free(s->arena);
    scratch_teardown(&s->scratch);
    free(s);
    return 0;
}

static IndexCounts build(Setting *s, int first, int n) {
    GivenFiles files = {s->paths + first, n, 0, false};
    IndexCounts counts;
    Error err = {0};
    s->request.inputs = &files;
    if (index_build(&counts, &s->request, &err) < 0)
        fail_msg("%s", err.text);
    return counts;
}

static void expect(IndexCounts is, uint64_t total, long added, long changed, long reused, long deleted,
                   long same) {
    assert_true(is.total == total);
    assert_int_equal(is.added, added);
    assert_int_equal(is.changed, changed);
    assert_int_equal(is.reused, reused);
    assert_int_equal(is.deleted, deleted);
    assert_int_equal(is.same, same);
}

/* To the bit what the images are encoded to otherwise: in float, and rounded to bfloat16. */
static void features_are_the_towers(void **state) {
    Setting *s = *state;
    Error err = {0};
    const int E = loaded_model_source(&s->model).embed_dim;
    float *wanted = arena_floats(s->arena, N, (size_t)E), *is = arena_floats(s->arena, 1, (size_t)E);
    assert_int_equal(loaded_model_encode(&s->model, wanted, NULL, s->paths, N, true, NULL, NULL, NULL, &err),
                     0);
    for (int numbers = INDEX_FLOAT32; numbers <= INDEX_BFLOAT16; numbers++) {
        s->request.numbers = (IndexNumbers)numbers;
        unlink(s->index);
        expect(build(s, 0, N), N, N, 0, 0, 0, 0);
        PhotoIndex *index = photo_index_open(s->index, &err);
        for (int i = 0; i < N; i++) {
            IndexEntry entry;
            const float *row = wanted + (size_t)i * (size_t)E;
            assert_int_equal(photo_index_entry(index, (uint64_t)i, &entry, &err), 0);
            assert_string_equal(entry.path, s->paths[i]);
            assert_int_equal(photo_index_feature(index, (uint64_t)i, is, &err), 0);
            if (numbers == INDEX_FLOAT32)
                assert_memory_equal(is, row, (size_t)E * sizeof *is);
            for (int k = 0; k < E; k++)
                assert_true(fabsf(is[k] - row[k]) <= fabsf(row[k]) / 256);
        }
        photo_index_close(index);
    }
}

static void counts_say_what_was_done(void **state) {
    Setting *s = *state;
    expect(build(s, 0, 3), 3, 3, 0, 0, 0, 0);
    expect(build(s, 0, N), N, 2, 0, 0, 0, 3);
    cli_copy(FIXTURES "images/shape09/0001.jpg", s->paths[0]);     /* changed */
    assert_int_equal(unlink(s->paths[1]), 0);                      /* deleted */
    assert_int_equal(rename(s->paths[4], s->paths[1]), 0);         /* moved */
    s->paths[4] = arena_printf(s->arena, "%s/new.jpg", s->folder); /* new */
    cli_copy(FIXTURES "images/shape08/0001.jpg", s->paths[4]);
    expect(build(s, 0, N), N, 1, 1, 1, 1, 2);
}

/* One that cannot be read is counted, and what was so far at its path leaves. */
static void a_bad_photo(void **state) {
    Setting *s = *state;
    expect(build(s, 0, 2), 2, 2, 0, 0, 0, 0);
    scratch_file(s->paths[1], "\xff\xd8\xff", 3);
    IndexCounts counts = build(s, 0, 3);
    expect(counts, 2, 1, 0, 0, 0, 1);
    assert_int_equal(counts.bad, 1);
}

/* While one adds, another is refused and changes nothing; nothing is kept of its own either. */
static void two_at_once(void **state) {
    Setting *s = *state;
    GivenFiles files = {s->paths, N, 0, false};
    IndexCounts counts;
    Error err = {0};
    expect(build(s, 0, 1), 1, 1, 0, 0, 0, 0);
    const IndexKind kind = {INDEX_FLOAT32, loaded_model_source(&s->model).embed_dim, s->request.about};
    IndexWriter *first = index_writer_open(s->index, &kind, &err);
    assert_non_null(first);
    s->request.inputs = &files;
    assert_int_equal(index_build(&counts, &s->request, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_non_null(strstr(err.text, "another program is adding"));
    index_writer_close(first);
    expect(build(s, 0, N), N, N - 1, 0, 0, 0, 1);
}

/* A folder that is empty as when its disk is not mounted takes nothing away. */
static void a_disk_that_is_not_there(void **state) {
    Setting *s = *state;
    IndexCounts counts;
    Error err = {0};
    GivenFiles none = {0};
    build(s, 0, 2);
    for (int i = 0; i < N; i++)
        assert_int_equal(unlink(s->paths[i]), 0);
    s->request.inputs = &none;
    assert_int_equal(index_build(&counts, &s->request, &err), -1);
    assert_non_null(strstr(err.text, "is a disk not mounted?"));
    PhotoIndex *index = photo_index_open(s->index, &err);
    assert_true(index->n == 2 && index->n_dead == 0);
    photo_index_close(index);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(features_are_the_towers),  TEST(counts_say_what_was_done), TEST(a_bad_photo), TEST(two_at_once),
        TEST(a_disk_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
