/* test_classifier_handle.c: labels from coop.h are those of the room below, bit for bit, however the file and
 * the images come, and what the command line prints; what is wrong is told by code, image by image. */
#include "clip/base/files.h"
#include "coop/classifier.h"
#include "coop/coop.h"
#include "coop/labels.h"
#include "datasets/images/image.h"
#include "tests/coop/library/learned_files.h"
#include "tests/support/cli_support.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { K = LEARNED_CLASSES, N = 4 };
static const char *const IMAGES[N] = {FIXTURES "images/shape00/0000.jpg", FIXTURES "images/shape01/0000.jpg",
                                      FIXTURES "images/shape00/0001.jpg", FIXTURES "images/shape01/0001.jpg"};
static const char *const TEMPLATES[] = {"a photo of a {}.", "a {} in the dark"};

static void expect_code(int code, int expected, const coop_error *error, const char *part) {
    if (code != expected || (int)error->code != expected || !strstr(error->message, part))
        fail_msg("code %d: %s", code, error->message);
}

static void expect_ok(int code, const coop_error *error) {
    expect_code(code, COOP_OK, error, "");
    assert_string_equal(error->message, "");
}

/* labels (N, K) as the room below makes them. */
static void reference(const char *path, coop_label *labels) {
    Error err = {0};
    Classifier *c;
    if (classifier_open(&c, path, NULL, &err) < 0)
        fail_msg("%s", err.text);
    const int E = classifier_info(c)->embed_dim;
    float *features = calloc((size_t)(N * E), sizeof *features), logits[N * K];
    assert_int_equal(
        loaded_model_encode(classifier_model(c), features, NULL, IMAGES, N, false, NULL, NULL, NULL, &err),
        0);
    assert_int_equal(classifier_logits(c, logits, features, N, &err), 0);
    for (int i = 0; i < N; i++) {
        Label ranked[K];
        labels_rank(ranked, logits + i * K, K);
        for (int k = 0; k < K; k++)
            labels[i * K + k] = (coop_label){ranked[k].label, ranked[k].probability};
    }
    free(features);
    classifier_close(c);
}

static void assert_labels(const coop_label *labels, const coop_label *expected, int n) {
    for (int i = 0; i < n; i++) {
        assert_int_equal(labels[i].index, expected[i].index);
        assert_true(labels[i].probability == expected[i].probability);
    }
}

/* The image as a file, as its bytes, as pixels, and as rows of pixels with a gap between them. */
static void check_forms(coop_classifier *c, const char *path, const coop_label *expected, Arena *arena) {
    FileMap map;
    Image image;
    Error err = {0};
    coop_error error;
    coop_label labels[K];
    assert_int_equal(file_map(&map, path, &err), 0);
    assert_int_equal(image_load(&image, path, arena, &err), 0);
    const size_t row = 3 * (size_t)image.width, step = row + 7;
    unsigned char *wide = ARENA_NEW(arena, unsigned char, step *(size_t)image.height);
    for (size_t y = 0; y < (size_t)image.height; y++)
        memcpy(wide + y * step, image.rgb + y * row, row);
    coop_image forms[] = {coop_image_file(path), coop_image_bytes(map.data, map.size),
                          coop_image_pixels(image.rgb, image.width, image.height),
                          coop_image_pixels(wide, image.width, image.height)};
    forms[3].stride = step;
    forms[3].size = step * (size_t)image.height;
    for (int i = 0; i < 4; i++) {
        expect_ok(coop_classify(c, &forms[i], 1, labels, K, NULL, &error), &error);
        assert_labels(labels, expected, K);
    }
    file_unmap(&map);
}

static void check_classifier(coop_classifier *c, const coop_label *expected, Arena *arena) {
    coop_image images[N];
    coop_label labels[N * K];
    coop_error error, errors[N];
    for (int i = 0; i < N; i++)
        images[i] = coop_image_file(IMAGES[i]);
    assert_int_equal(coop_classifier_classes(c), K);
    for (int k = 0; k < K; k++)
        assert_string_equal(coop_classifier_name(c, k), LEARNED_NAMES[k]);
    assert_null(coop_classifier_name(c, K));
    assert_null(coop_classifier_name(c, -1));
    expect_ok(coop_classify(c, images, N, labels, K, errors, &error), &error);
    assert_labels(labels, expected, N * K);
    expect_ok(coop_classify(c, images, N, labels, 2, NULL, NULL), &error);
    for (int i = 0; i < N; i++)
        assert_labels(labels + 2 * i, expected + K * i, 2);
    check_forms(c, IMAGES[0], expected, arena);
}

/* As `coop classify --json` prints it: nine digits. */
static void check_command(Cli *cli, const char *path, const coop_label *expected) {
    cli_ok(cli, "classify", path, IMAGES[0], IMAGES[1], IMAGES[2], IMAGES[3], "--json", "--top", "4");
    const char *at = cli->out;
    for (int i = 0; i < N * K; i++) {
        const char *name = LEARNED_NAMES[expected[i].index];
        at = strstr(at, "\"name\":\"");
        assert_non_null(at);
        at += strlen("\"name\":\"");
        if (strncmp(at, "r\\u", 3) != 0)
            assert_memory_equal(at, name, strlen(name));
        at = strstr(at, "\"probability\":") + strlen("\"probability\":");
        assert_true(fabs(strtod(at, NULL) - expected[i].probability) <= CLI_SAME);
    }
}

static void test_kinds(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "learned.safetensors");
    for (LearnedKind kind = 0; kind < LEARNED_KINDS; kind++) {
        coop_label expected[N * K];
        coop_error error;
        coop_classifier *c;
        FileMap map;
        learned_file_write(path, kind);
        reference(path, expected);
        check_command(cli, path, expected);
        for (int threads = 1; threads <= 3; threads++) {
            coop_options options;
            coop_options_init(&options, sizeof options);
            options.threads = threads;
            options.images = threads == 2 ? 1 : 0;
            expect_ok(coop_classifier_open(&c, path, &options, &error), &error);
            check_classifier(c, expected, cli->arena);
            coop_classifier_close(c);
        }
        assert_int_equal(file_map(&map, path, NULL), 0);
        expect_ok(coop_classifier_open_bytes(&c, map.data, map.size, NULL, NULL, &error), &error);
        check_classifier(c, expected, cli->arena);
        coop_classifier_close(c);
        file_unmap(&map);
    }
}

/* Logits of features are what labels come of. */
static void test_logits(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "learned.safetensors");
    coop_classifier *c;
    coop_error error;
    coop_image images[N];
    coop_label labels[N * K];
    float logits[N * K], features[N * 512];
    learned_file_write(path, LEARNED_CACHE);
    expect_ok(coop_classifier_open(&c, path, NULL, &error), &error);
    assert_true(coop_model_width(coop_classifier_model(c)) <= 512);
    for (int i = 0; i < N; i++)
        images[i] = coop_image_file(IMAGES[i]);
    expect_ok(coop_encode_images(coop_classifier_model(c), features, images, N, 0, NULL, &error), &error);
    expect_ok(coop_logits(c, logits, features, N, &error), &error);
    expect_ok(coop_classify(c, images, N, labels, K, NULL, &error), &error);
    for (int i = 0; i < N; i++) {
        Label ranked[K];
        labels_rank(ranked, logits + i * K, K);
        for (int k = 0; k < K; k++)
            assert_labels(&labels[i * K + k], &(coop_label){ranked[k].label, ranked[k].probability}, 1);
    }
    expect_code(coop_encode_texts(coop_classifier_model(c), features, LEARNED_NAMES, 1, 0, &error),
                COOP_USAGE, &error, "without its text tower");
    coop_classifier_close(c);
}

static void test_zeroshot(void **state) {
    (void)state;
    coop_options options;
    coop_model *model;
    coop_error error;
    coop_classifier *c;
    coop_label one, two;
    const coop_image image = coop_image_file(IMAGES[1]);
    coop_options_init(&options, sizeof options);
    options.vocabulary = LEARNED_VOCAB;
    expect_ok(coop_model_open(&model, LEARNED_WEIGHTS, &options, &error), &error);
    expect_ok(coop_classifier_zeroshot(&c, model, TEMPLATES, 1, LEARNED_NAMES, K, &error), &error);
    expect_ok(coop_classify(c, &image, 1, &one, 1, NULL, &error), &error);
    coop_classifier_close(c);
    expect_ok(coop_classifier_zeroshot(&c, model, NULL, 0, LEARNED_NAMES, K, &error), &error);
    expect_ok(coop_classify(c, &image, 1, &two, 1, NULL, &error), &error);
    assert_labels(&one, &two, 1);
    assert_ptr_equal(coop_classifier_model(c), model);
    coop_classifier_close(c);
    const char *const bad[] = {"no gap", NULL};
    expect_code(coop_classifier_zeroshot(&c, model, bad, 1, LEARNED_NAMES, K, &error), COOP_INPUT, &error,
                "no {}");
    assert_null(c);
    expect_code(coop_classifier_zeroshot(&c, model, TEMPLATES, 2, bad, 2, &error), COOP_USAGE, &error,
                "name 1 is NULL");
    expect_code(coop_classifier_zeroshot(&c, model, TEMPLATES, 2, NULL, 0, &error), COOP_USAGE, &error,
                "names");
    coop_model_close(model);
}

/* Bad images keep their places, and the labels of the others their bits. */
static void test_bad_images(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "learned.safetensors"), *none = cli_path(cli, "none.jpg");
    coop_classifier *c;
    coop_error error, errors[N + 4];
    coop_label expected[N * K], labels[(N + 4) * K];
    static const unsigned char pixels[27];
    learned_file_write(path, LEARNED_PROMPT);
    reference(path, expected);
    expect_ok(coop_classifier_open(&c, path, NULL, &error), &error);
    coop_image short_rows = coop_image_pixels(pixels, 3, 3);
    short_rows.size = 26;
    const coop_image images[N + 4] = {coop_image_file(none),
                                      coop_image_file(IMAGES[0]),
                                      coop_image_bytes("no image", 8),
                                      coop_image_file(IMAGES[1]),
                                      coop_image_file(IMAGES[2]),
                                      coop_image_pixels(pixels, 0, 3),
                                      short_rows,
                                      coop_image_file(IMAGES[3])};
    static const int places[N] = {1, 3, 4, 7};
    expect_code(coop_classify(c, images, N + 4, labels, K, errors, &error), COOP_PARTLY, &error,
                "4 of 8 images");
    for (int i = 0; i < N; i++) {
        expect_ok((int)errors[places[i]].code, &errors[places[i]]);
        assert_labels(labels + places[i] * K, expected + i * K, K);
    }
    expect_code(COOP_INPUT, (int)errors[0].code, &errors[0], "none.jpg: cannot open");
    expect_code(COOP_INPUT, (int)errors[2].code, &errors[2], "image: ");
    expect_code(COOP_USAGE, (int)errors[5].code, &errors[5], "0 x 3 pixels");
    expect_code(COOP_USAGE, (int)errors[6].code, &errors[6], "26 bytes");
    assert_int_equal(labels[0].index, -1);
    expect_code(coop_classify(c, images, N + 4, labels, K, NULL, &error), COOP_INPUT, &error, "none.jpg");
    coop_classifier_close(c);
}

static int count_down(void *context) {
    int *left = context;
    return (*left)-- <= 0;
}

/* Whenever it is told to stop, and then it can go on. */
static void test_stop(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "learned.safetensors");
    coop_classifier *c;
    coop_error error;
    coop_label expected[N * K], labels[K];
    coop_options options;
    int left = 1000000;
    const coop_image image = coop_image_file(IMAGES[0]);
    learned_file_write(path, LEARNED_COSINE);
    reference(path, expected);
    for (int threads = 1; threads <= 2; threads++) {
        coop_options_init(&options, sizeof options);
        options.stop = count_down;
        options.stop_context = &left;
        options.threads = threads;
        expect_ok(coop_classifier_open(&c, path, &options, &error), &error);
        left = 0;
        expect_code(coop_classify(c, &image, 1, labels, K, NULL, &error), COOP_STOPPED, &error, "stopped");
        left = 1000000;
        expect_ok(coop_classify(c, &image, 1, labels, K, NULL, &error), &error);
        assert_labels(labels, expected, K);
        coop_classifier_close(c);
    }
}

static void test_wrong_arguments(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "learned.safetensors");
    coop_classifier *c;
    coop_error error;
    coop_label label;
    const coop_image nothing = {0};
    assert_int_equal(coop_classifier_open(NULL, path, NULL, NULL), COOP_USAGE);
    assert_int_equal(coop_classifier_open(&c, NULL, NULL, NULL), COOP_USAGE);
    assert_int_equal(coop_classifier_open_bytes(&c, NULL, 0, NULL, NULL, NULL), COOP_USAGE);
    expect_code(coop_classifier_open(&c, path, NULL, &error), COOP_INPUT, &error, "cannot open");
    assert_null(c);
    learned_file_write(path, LEARNED_PROMPT);
    expect_ok(coop_classifier_open(&c, path, NULL, &error), &error);
    expect_code(coop_classify(c, &nothing, 1, &label, 1, NULL, &error), COOP_USAGE, &error, "neither");
    expect_code(coop_classify(c, &nothing, 1, &label, 0, NULL, &error), COOP_USAGE, &error, "top 0");
    expect_code(coop_classify(c, &nothing, 1, &label, K + 1, NULL, &error), COOP_USAGE, &error, "top 5 of 4");
    expect_code(coop_classify(c, NULL, 1, &label, 1, NULL, &error), COOP_USAGE, &error, "coop_classify");
    expect_code(coop_classify(NULL, &nothing, 1, &label, 1, NULL, &error), COOP_USAGE, &error,
                "coop_classify");
    expect_ok(coop_classify(c, NULL, 0, NULL, 1, NULL, &error), &error);
    coop_classifier_close(c);
    coop_classifier_close(NULL);
    assert_null(coop_classifier_model(NULL));
}

/* As where it was learned, unless it is told otherwise. */
static void test_exif(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "learned.safetensors");
    coop_error error;
    FileMap map;
    Image plain, turned;
    Error err = {0};
    assert_int_equal(file_map(&map, IMAGES[0], &err), 0);
    size_t size = map.size;
    const unsigned char *jpeg = jpeg_on_its_side(map.data, &size, cli->arena);
    assert_int_equal(image_decode(&plain, jpeg, size, "x", cli->arena, &err), 0);
    assert_int_equal(image_decode_upright(&turned, jpeg, size, "x", cli->arena, &err), 0);
    const coop_image image = coop_image_bytes(jpeg, size);
    const coop_image expected[] = {coop_image_pixels(plain.rgb, plain.width, plain.height),
                                   coop_image_pixels(turned.rgb, turned.width, turned.height)};
    for (int kind = 0; kind < 2; kind++) {
        learned_file_write(path, kind == 0 ? LEARNED_COSINE : LEARNED_LINEAR);
        for (coop_exif exif = COOP_EXIF_AS_LEARNED; exif <= COOP_EXIF_ROTATE; exif++) {
            coop_options options;
            coop_classifier *c;
            coop_label labels[K], wanted[K];
            const int turns = exif == COOP_EXIF_ROTATE || (exif == COOP_EXIF_AS_LEARNED && kind == 1);
            coop_options_init(&options, sizeof options);
            options.exif = exif;
            expect_ok(coop_classifier_open(&c, path, &options, &error), &error);
            expect_ok(coop_classify(c, &image, 1, labels, K, NULL, &error), &error);
            expect_ok(coop_classify(c, &expected[turns], 1, wanted, K, NULL, &error), &error);
            assert_labels(labels, wanted, K);
            expect_ok(coop_classify(c, &expected[!turns], 1, wanted, K, NULL, &error), &error);
            assert_true(labels[0].probability != wanted[0].probability);
            coop_classifier_close(c);
        }
    }
    file_unmap(&map);
}

/* A program may know less of it than the library. */
static void test_info(void **state) {
    Cli *cli = *state;
    const char *path = cli_path(cli, "learned.safetensors");
    coop_classifier *c;
    coop_error error;
    coop_info info;
    learned_file_write(path, LEARNED_LINEAR);
    expect_ok(coop_classifier_open(&c, path, NULL, &error), &error);
    coop_classifier_info(c, &info, sizeof info);
    assert_string_equal(info.method, "somehow");
    assert_string_equal(info.dataset, "rings");
    assert_int_equal(info.shots, 16);
    assert_int_equal(info.seed, 2);
    assert_true(info.val_accuracy == 0.75 && info.accuracy == 0.5);
    assert_int_equal(info.exif_rotate, 1);
    memset(&info, 7, sizeof info);
    coop_classifier_info(c, &info, offsetof(coop_info, shots));
    assert_string_equal(info.dataset, "rings");
    assert_int_equal(info.shots, 0x07070707);
    coop_classifier_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_kinds), CLI_TEST(test_logits),          CLI_TEST(test_bad_images),
        CLI_TEST(test_stop),  CLI_TEST(test_wrong_arguments), CLI_TEST(test_info),
        CLI_TEST(test_exif),  cmocka_unit_test(test_zeroshot)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
