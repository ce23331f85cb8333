/* test_classifier_file.c: classifier.safetensors comes back as it was written, and what is not understood is
 * refused by name, in every kind (coop/learned). What kinds compute is in test_classifier.c. */
#include "coop/classifier_file.h"

#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "coop/learned/cache_kind.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = 2, E = 3, N_KEYS = 3 };
static const char *names[] = {"cat", "r\xc3\xb3sa"};
static const float text[K * E] = {1, 0, 0, 0, 0.6f, 0.8f}, keys[N_KEYS * E] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
static const int labels[N_KEYS] = {0, 1, 1};
static const double weights[K * E] = {1, -2, 0.5, 3, 0, 1e-3}, bias[K] = {0.25, -1e30};

static Prompt make_head(bool has_texts) {
    return (Prompt){.n_classes = K,
                    .embed_dim = E,
                    .class_names = names,
                    .text_features = has_texts ? text : NULL,
                    .logit_scale = 1.5f,
                    .backbone = "tiny",
                    .backbone_digest = "d1",
                    .vocab_digest = "d2",
                    .dataset = "pets",
                    .checkpoint = "/there",
                    .image_size = 16,
                    .std = {1, 1, 1}};
}

static void write_file(const char *path, const ClassifierKind *kind, const TensorOut *tensors, int n) {
    Error err = {0};
    const Prompt head = make_head(kind->has_texts);
    if (classifier_file_write(path, &head, kind, tensors, n, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_round_trip(void **state) {
    static const ClassifierKind *const kinds[] = {&cosine_kind, &linear_kind, &unit_linear_kind, &cache_kind};
    const TensorOut layer[] = {{"weights", DTYPE_F64, 2, {K, E}, weights}, {"bias", DTYPE_F64, 1, {K}, bias}};
    const ImageCache cache = {N_KEYS, keys, labels, 1.5f, 5.5f};
    char path[512];
    TensorOut cached[IMAGE_CACHE_TENSORS];
    image_cache_tensors(cached, &cache, E);
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    for (int i = 0; i < 4; i++) {
        const bool is_cache = kinds[i] == &cache_kind, is_cosine = kinds[i] == &cosine_kind;
        ClassifierFile read;
        Error err = {0};
        Arena *arena = arena_create();
        write_file(path, kinds[i], is_cache ? cached : layer,
                   is_cache    ? IMAGE_CACHE_TENSORS
                   : is_cosine ? 0
                               : 2);
        TensorFile *file = fixture_open(path);
        assert_true(classifier_file_is_one(file));
        assert_true(tensors_checked(file));
        if (classifier_file_read(&read, file, arena, &err) < 0)
            fail_msg("%s", err.text);
        assert_ptr_equal(read.kind, kinds[i]);
        assert_int_equal(read.head.n_classes, K);
        assert_int_equal(read.head.embed_dim, E);
        assert_string_equal(read.head.class_names[1], names[1]);
        assert_string_equal(read.head.dataset, "pets");
        assert_null(read.head.ctx);
        assert_true((read.head.text_features != NULL) == kinds[i]->has_texts);
        ImageCache again;
        if (is_cache) {
            assert_int_equal(image_cache_read(&again, file, K, E, arena, &err), 0);
            assert_true(again.n_keys == N_KEYS && again.alpha == 1.5f && again.beta == 5.5f);
            assert_memory_equal(again.keys, keys, sizeof keys);
            assert_memory_equal(again.labels, labels, sizeof labels);
        }
        tensors_close(file);
        arena_free(arena);
    }
}

static void refuse(const char *path, const ClassifierKind *kind, const TensorOut *tensors, int n,
                   const char *expected) {
    ClassifierFile read;
    Error err = {0};
    Arena *arena = arena_create();
    write_file(path, kind, tensors, n);
    TensorFile *file = fixture_open(path);
    assert_int_equal(classifier_file_read(&read, file, arena, &err), -1);
    assert_string_equal(err.text, arena_printf(arena, "%s: %s", path, expected));
    assert_int_equal(err.kind, ERROR_INPUT);
    tensors_close(file);
    arena_free(arena);
}

static void test_bad_layers(void **state) {
    static const double infinite[K] = {0, INFINITY};
    char path[512];
    const TensorOut w = {"weights", DTYPE_F64, 2, {K, E}, weights}, b = {"bias", DTYPE_F64, 1, {K}, bias};
    const TensorOut floats = {"weights", DTYPE_F32, 2, {K, E}, text};
    const TensorOut wide = {"weights", DTYPE_F64, 2, {1, K * E}, weights};
    const TensorOut bad = {"bias", DTYPE_F64, 1, {K}, infinite}, many = {"bias", DTYPE_F64, 1, {E}, weights};
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    refuse(path, &linear_kind, &w, 1, "tensor bias: missing");
    refuse(path, &linear_kind, &b, 1, "tensor weights: missing");
    refuse(path, &linear_kind, (TensorOut[]){floats, b}, 2, "tensor weights: type F32 where F64 is needed");
    refuse(path, &linear_kind, (TensorOut[]){wide, b}, 2,
           "tensor weights: shape [1, 6] where [2, ?] is needed");
    refuse(path, &unit_linear_kind, (TensorOut[]){w, many}, 2, "tensor bias: shape [3] where [2] is needed");
    refuse(path, &unit_linear_kind, (TensorOut[]){w, bad}, 2, "tensor bias: element 1 is not finite");
}

static void test_bad_caches(void **state) {
    static const int unknown[N_KEYS] = {0, 2, 1};
    char path[512];
    ImageCache cache = {N_KEYS, keys, labels, 1.5f, NAN};
    TensorOut tensors[IMAGE_CACHE_TENSORS];
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    image_cache_tensors(tensors, &cache, E);
    refuse(path, &cache_kind, tensors, 4, "tensor beta: element 0 is NaN");
    refuse(path, &cache_kind, tensors, 3, "tensor beta: missing");
    refuse(path, &cache_kind, tensors, 1, "tensor labels: I32 of shape [3] is needed");
    tensors[1].data = unknown;
    refuse(path, &cache_kind, tensors, 4, "tensor labels: element 1 is 2, where there are 2 classes");
    image_cache_tensors(tensors, &cache, E);
    tensors[0].shape[0] = 1;
    tensors[0].shape[1] = E * N_KEYS;
    refuse(path, &cache_kind, tensors, 4, "tensor keys: shape [1, 9] where [?, 3] is needed");
}

static void test_kinds(void **state) {
    char path[512];
    ClassifierKind unknown = cosine_kind;
    assert_ptr_equal(classifier_kind("cosine"), &cosine_kind);
    assert_ptr_equal(classifier_kind("unit_linear"), &unit_linear_kind);
    assert_null(classifier_kind("cosines"));
    unknown.name = "of next year";
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    refuse(path, &unknown, NULL, 0, "metadata: kind 'of next year' is not known");
}

/* Any flipped byte is noticed. */
static void test_damage(void **state) {
    char path[512];
    Error err = {0};
    scratch_path(state, CLASSIFIER_FILE, path, sizeof path);
    write_file(path, &cosine_kind, NULL, 0);
    FileMap map;
    assert_int_equal(file_map(&map, path, &err), 0);
    const size_t size = map.size;
    file_unmap(&map);
    for (size_t at = 0; at < size; at++) {
        scratch_flip(path, at, 4);
        assert_null(tensors_open(path, &err));
        scratch_flip(path, at, 4);
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(test_round_trip), IN_SCRATCH(test_bad_layers),
                                       IN_SCRATCH(test_bad_caches), IN_SCRATCH(test_kinds),
                                       IN_SCRATCH(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
