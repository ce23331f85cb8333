/* What a name adds to the config beside its weights, and what a model makes of it. */
#include "clip/checkpoint/config_named.h"

#include "clip/base/files.h"
#include "clip/checkpoint/model.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const float clip_mean[3] = CLIP_MEAN, clip_std[3] = CLIP_STD, half[3] = {0.5f, 0.5f, 0.5f};

static Named parse(const char *name, Arena *arena) {
    Named named;
    Error err = {0};
    if (named_parse(&named, name, arena, &err) < 0)
        fail_msg("%s", err.text);
    return named;
}

/* Without any config, all is as the table says. */
static void test_alone(void **state) {
    (void)state;
    static const struct {
        const char *name;
        Activation activation;
        const float *mean, *std;
        bool squash;
    } cases[] = {
        {"ViT-B-32:laion2b_s34b_b79k", ACTIVATION_GELU, clip_mean, clip_std, false},
        {"ViT-B-32:openai", ACTIVATION_QUICK_GELU, clip_mean, clip_std, false},
        {"ViT-L-14:laion2b_s32b_b82k", ACTIVATION_GELU, half, half, false},
        {"ViT-H-14:dfn5b", ACTIVATION_QUICK_GELU, clip_mean, clip_std, true},
    };
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Named named = parse(cases[i].name, arena);
        ModelConfig config = {0};
        config_add_named(&config, &named, "w", arena);
        assert_null(config.path);
        assert_string_equal(config.name, arena_printf(arena, "the name %s", cases[i].name));
        assert_int_equal(config.text.activation, cases[i].activation);
        assert_int_equal(config.image.activation, cases[i].activation);
        assert_true(config.has_pixels);
        assert_memory_equal(config.mean, cases[i].mean, sizeof half);
        assert_memory_equal(config.std, cases[i].std, sizeof half);
        assert_int_equal(config.images.squash, cases[i].squash);
        assert_null(config.note);
    }
    arena_free(arena);
}

/* A config goes first, and what differs is said. */
static void test_config_first(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const Named named = parse("ViT-L-14:laion2b_s32b_b82k", arena);
    ModelConfig config = {.path = "c.json", .text.activation = ACTIVATION_QUICK_GELU};
    config_add_named(&config, &named, "w", arena);
    assert_int_equal(config.text.activation, ACTIVATION_QUICK_GELU);
    assert_string_equal(config.note,
                        "c.json: quick_gelu, where the name ViT-L-14:laion2b_s32b_b82k stands for "
                        "gelu; the config goes first");
    config = (ModelConfig){.path = "c.json",
                           .text.activation = ACTIVATION_GELU,
                           .has_pixels = true,
                           .pixels_path = "p.json",
                           .mean = CLIP_MEAN,
                           .std = CLIP_STD};
    config_add_named(&config, &named, "w", arena);
    assert_memory_equal(config.mean, clip_mean, sizeof half);
    assert_string_equal(config.note, "p.json: images are prepared otherwise than the name "
                                     "ViT-L-14:laion2b_s32b_b82k stands for; the config goes first");
    config = (ModelConfig){.path = "c.json", .text.activation = ACTIVATION_GELU, .images_fault = "no"};
    config_add_named(&config, &named, "w", arena);
    assert_false(config.has_pixels); /* and still cannot be followed */
    arena_free(arena);
}

static void test_unknown(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const Named named = parse("me/mine", arena), openai = parse("ViT-B/32", arena);
    ModelConfig config = {.path = "config.json", .text.activation = ACTIVATION_GELU};
    config_add_named(&config, &named, "w", arena);
    assert_non_null(strstr(config.note, "w: no preprocessor_config.json beside it; images are assumed"));
    config = (ModelConfig){.path = "config.json", .has_pixels = true};
    config_add_named(&config, &named, "w", arena);
    assert_null(config.note);
    config = (ModelConfig){0};
    config_add_named(&config, &openai, "w", arena); /* its code tells */
    assert_null(config.name);
    arena_free(arena);
}

/* The golden ViT under a name of OpenCLIP's: the same weights, another model. */
static void test_model(void **state) {
    Arena *arena = arena_create();
    Error err = {0};
    size_t size;
    setenv("HF_HUB_CACHE", *state, 1);
    const char *hub =
        arena_printf(arena, "%s/models--laion--CLIP-ViT-L-14-laion2B-s32B-b82K", (char *)*state);
    const char *snapshot = arena_printf(arena, "%s/snapshots/1", hub);
    const char *weights = file_read(FIXTURES "clip_vit.safetensors", 1 << 24, arena, &size, &err);
    assert_non_null(weights);
    assert_int_equal(make_folders(snapshot, &err), 0);
    assert_int_equal(make_folders(arena_printf(arena, "%s/refs", hub), &err), 0);
    scratch_file(arena_printf(arena, "%s/refs/main", hub), "1", 1);
    scratch_file(arena_printf(arena, "%s/open_clip_model.safetensors", snapshot), weights, size);
    Clip *plain = clip_open(FIXTURES "clip_vit.safetensors", CLIP_BOTH, &err);
    Clip *clip = clip_open("ViT-L-14:laion2b_s32b_b82k", CLIP_BOTH, &err);
    if (!plain || !clip)
        fail_msg("%s", err.text);
    assert_string_equal(clip->activation, "gelu");
    assert_string_equal(clip->activation_source, "the name ViT-L-14:laion2b_s32b_b82k");
    assert_int_equal(clip->text.activation, ACTIVATION_GELU);
    assert_int_equal(clip->vit.activation, ACTIVATION_GELU);
    assert_memory_equal(clip->mean, half, sizeof half);
    assert_null(clip->note);
    assert_string_not_equal(clip_digest(clip), clip_digest(plain));
    clip_free(clip);
    clip_free(plain);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone), cmocka_unit_test(test_config_first), cmocka_unit_test(test_unknown),
        cmocka_unit_test_setup_teardown(test_model, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
