/* test_image_stream.c: images in order whoever decodes them, bounded, and at once where the next one is
 * waited for. */
#define _GNU_SOURCE
#include "datasets/features/image_stream.h"

#include "tests/support/image_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { SIDE = 8, N_FILES = 40 };

/* What is asked for: names in the folder. */
typedef struct {
    const char *folder;
    int n;                            /* inputs in all */
    atomic_int asked;                 /* so far */
    int bad, no_image, waits, breaks; /* the inputs with these numbers; -1: none */
    atomic_bool go;                   /* ends the wait */
} Inputs;

static void next(void *context, StreamInput *input) {
    Inputs *inputs = context;
    const int i = atomic_fetch_add(&inputs->asked, 1);
    while (i == inputs->waits && !atomic_load(&inputs->go))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (i == inputs->breaks)
        error_set(&input->err, "broken");
    if (i >= inputs->n || i == inputs->breaks)
        return;
    assert_true(asprintf(&input->path, "%s/%s", inputs->folder,
                         i == inputs->bad        ? "missing"
                         : i == inputs->no_image ? "text"
                         : i % 2                 ? "dark.png"
                                                 : "light.png") > 0);
    input->is_found = i == inputs->no_image;
}

static void write_grey(const char *path, unsigned char value) {
    unsigned char lines[SIDE * (SIDE + 1)];
    memset(lines, value, sizeof lines);
    for (int y = 0; y < SIDE; y++)
        lines[y * (SIDE + 1)] = 0;
    Bytes png = make_png(lines, sizeof lines, &(PngKind)PNG(SIDE, SIDE, 8, 0));
    scratch_file(path, png.data, png.size);
    free(png.data);
}

static Inputs make_inputs(void **state, int n) {
    char path[512];
    write_grey(scratch_path(state, "light.png", path, sizeof path), 200);
    write_grey(scratch_path(state, "dark.png", path, sizeof path), 50);
    scratch_file(scratch_path(state, "text", path, sizeof path), "words", 5);
    return (Inputs){.folder = *state, .n = n, .bad = -1, .no_image = -1, .waits = -1, .breaks = -1};
}

static const FeatureSource source = {.transform = {.size = SIDE}, .embed_dim = 1, .model_digest = ""};

static ImageStream *open_stream(Inputs *inputs, int n_threads, int n_ahead) {
    Error err = {0};
    ImageStream *stream = image_stream_open(
        &source, &(StreamOptions){.n_threads = n_threads, .n_ahead = n_ahead}, next, inputs, &err);
    assert_non_null(stream);
    return stream;
}

static void in_order_whoever_decodes(void **state) {
    for (int n_threads = 1; n_threads <= 5; n_threads += 2) {
        Inputs inputs = make_inputs(state, N_FILES);
        inputs.bad = 11;
        inputs.no_image = 12;
        ImageStream *stream = open_stream(&inputs, n_threads, 9);
        const StreamImage *images[4];
        int n, at = 0;
        while ((n = image_stream_take(stream, images, 4, NULL, NULL)) > 0)
            for (int i = 0; i < n; i++, at++) {
                const StreamImage *image = images[i];
                assert_int_equal(image->rgb != NULL, at != 11 && at != 12);
                assert_int_equal(image->err.kind, at == 11 ? ERROR_INPUT : ERROR_NONE);
                if (image->rgb)
                    assert_int_equal(image->rgb[0], at % 2 ? 50 : 200);
                assert_int_equal(image->orientation, 1);
            }
        assert_int_equal(n, 0);
        assert_int_equal(at, N_FILES);
        image_stream_close(stream);
    }
}

static void what_waits_is_bounded(void **state) {
    Inputs inputs = make_inputs(state, 1000000000);
    ImageStream *stream = open_stream(&inputs, 3, 7);
    const StreamImage *images[7];
    assert_int_equal(image_stream_take(stream, images, 100, NULL, NULL), 7);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_in_range(atomic_load(&inputs.asked), 7, 7 + 3);
    image_stream_close(stream); /* and the rest is not asked for */
    assert_in_range(atomic_load(&inputs.asked), 7, 14 + 3);
}

/* Who is slow gets what there is. */
static void what_is_there_is_given(void **state) {
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        Inputs inputs = make_inputs(state, 6);
        inputs.waits = 3;
        ImageStream *stream = open_stream(&inputs, n_threads, 20);
        const StreamImage *images[20];
        int n_before = 0;
        while (n_before < 3)
            n_before += image_stream_take(stream, images, 20, NULL, NULL);
        assert_int_equal(n_before, 3);
        atomic_store(&inputs.go, true);
        int n, n_after = 0;
        while ((n = image_stream_take(stream, images, 20, NULL, NULL)) > 0)
            n_after += n;
        assert_int_equal(n_after, 3);
        image_stream_close(stream);
    }
}

static int say_stop(Error *err) {
    return error_run(err, "stop");
}

static void who_waits_can_be_stopped(void **state) {
    Inputs inputs = make_inputs(state, 6);
    inputs.waits = 0;
    ImageStream *stream = open_stream(&inputs, 2, 20);
    const StreamImage *images[20];
    Error err = {0};
    assert_int_equal(image_stream_take(stream, images, 20, say_stop, &err), -1);
    assert_string_equal(err.text, "stop");
    atomic_store(&inputs.go, true);
    image_stream_close(stream);
}

static void an_end_may_have_a_reason(void **state) {
    Inputs inputs = make_inputs(state, 6);
    inputs.breaks = 2;
    ImageStream *stream = open_stream(&inputs, 2, 20);
    const StreamImage *images[20];
    Error err = {0};
    int n, before = 0;
    while ((n = image_stream_take(stream, images, 20, NULL, &err)) > 0)
        before += n;
    assert_int_equal(before, 2);
    assert_int_equal(n, -1);
    assert_string_equal(err.text, "broken");
    image_stream_close(stream);
}

/* One image in memory, whose content is known, between two that are not. */
static void next_in_memory(void *context, StreamInput *input) {
    Inputs *inputs = context;
    const int i = atomic_load(&inputs->asked);
    next(context, input);
    if (i == 1) {
        input->bytes = (const unsigned char *)"BM of a kind";
        input->size = 12;
    }
    input->note.numbers[0] = (uint64_t)i + 5;
}

static bool is_known(void *context, const Digest *digest) {
    (void)context;
    const Digest known = digest_of("BM of a kind", 12);
    return digest_equal(digest, &known);
}

static void what_is_known_is_not_decoded(void **state) {
    Inputs inputs = make_inputs(state, 3);
    Error err = {0};
    const StreamImage *images[20];
    const StreamOptions options = {.n_threads = 2, .n_ahead = 20, .known = is_known};
    ImageStream *stream = image_stream_open(&source, &options, next_in_memory, &inputs, &err);
    assert_non_null(stream);
    int n = 0, taken;
    while ((taken = image_stream_take(stream, images, 20, NULL, &err)) > 0)
        for (int i = 0; i < taken; i++, n++) {
            assert_int_equal(images[i]->err.kind, ERROR_NONE);
            assert_int_equal(images[i]->is_known, n == 1);
            assert_int_equal(images[i]->rgb != NULL, n != 1);
            assert_int_equal(images[i]->note.numbers[0], n + 5);
        }
    assert_int_equal(n, 3);
    image_stream_close(stream);
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(in_order_whoever_decodes), SCRATCH_TEST(what_waits_is_bounded),
        SCRATCH_TEST(what_is_there_is_given),   SCRATCH_TEST(who_waits_can_be_stopped),
        SCRATCH_TEST(an_end_may_have_a_reason), SCRATCH_TEST(what_is_known_is_not_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
