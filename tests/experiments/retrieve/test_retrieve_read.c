/* test_retrieve_read.c: defaults, lists of checkpoints, and refusals that name their line or override. */
#include "experiments/retrieve/retrieve_read.h"

#include "clip/base/arena.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    RetrieveConfig config;
    Error err;
    Arena *arena;
    char path[300];
} Read;

static int read_text(Read *read, void **state, const char *text, const char *override) {
    read->err = (Error){0};
    scratch_path(state, "mine.yaml", read->path, sizeof read->path);
    scratch_file(read->path, text, strlen(text));
    return retrieve_config_read(&read->config, read->path, &override, override ? 1 : 0, read->arena,
                                &read->err);
}

static void what_is_not_said_has_a_default(void **state) {
    Read read = {.arena = arena_create()};
    assert_int_equal(
        read_text(&read, state, "model: {weights: [a.pt, RN50]}\ndata: {captions: d/c.json}\n", NULL), 0);
    const RetrieveConfig *config = &read.config;
    assert_string_equal(config->name, "mine");
    assert_string_equal(config->output, "runs/mine");
    assert_string_equal(config->cache, "runs/mine/cache");
    assert_string_equal(config->template, "{}");
    assert_string_equal(config->data.images, "d");
    assert_true(config->model.weights.n == 2 && config->model.precision == PRECISION_FLOAT32);
    assert_true(!config->data.split && !config->data.name && config->data.exif == EXIF_IGNORE);
    assert_int_equal(
        read_text(&read, state, "model: {weights: a.pt}\ndata: {captions: d/c.json}\n", "data.exif=rotate"),
        0);
    assert_true(config->data.exif == EXIF_ROTATE && config->model.weights.n == 1);
    arena_free(read.arena);
}

static void refuse(void **state, const char *text, const char *override, const char *part) {
    Read read = {.arena = arena_create()};
    assert_int_equal(read_text(&read, state, text, override), -1);
    if (!strstr(read.err.text, part))
        fail_msg("lacks '%s': %s", part, read.err.text);
    arena_free(read.arena);
}

static void what_is_wrong_is_named(void **state) {
    static const char least[] = "model: {weights: a.pt}\ndata: {captions: c.json}\n";
    refuse(state, "- a\n", NULL, "a map of keys");
    refuse(state, "model: {weights: a.pt}\n", NULL, "data");
    refuse(state, least, "template=x", "--set template=x: template 'x': no {} for the caption");
    refuse(state, least, "data.split=tset", "tset");
    refuse(state, "model: {weights: a.pt}\ndata: {captions: c.json, imges: d}\n", NULL,
           "line 2: unknown key 'imges' in data (did you mean 'images'?)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_said_has_a_default, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
