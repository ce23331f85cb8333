/* The parameters of OpenCLIP's models: names, order and numbers as in its state_dict. */
#include "clip/train/clip_parameters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const TowerConfig text = {.width = 512, .n_layers = 12, .n_positions = 77, .n_vocab = 49408};

/* Sizes of 600 MB are only counted: nobody touches them. */
static Parameters parameters_of(Arena *arena, const TowerConfig *image, int embed_dim, BlockShape block) {
    Parameters parameters = {.arena = arena};
    clip_parameters_add(&parameters, &text, image, embed_dim, (BlockShape){2048, false}, block);
    assert_false(arena_failed(arena));
    return parameters;
}

static void check_shape(const Parameters *parameters, const char *name, int n_dims, const int64_t *shape) {
    const Parameter *p = parameters_find(parameters, "%s", name);
    assert_true(p && p->n_dims == n_dims);
    assert_memory_equal(p->shape, shape, (size_t)n_dims * sizeof *shape);
}

static void test_vit(void **state) {
    (void)state;
    const TowerConfig image = {.width = 768, .n_layers = 12, .patch_size = 32, .image_size = 224};
    Arena *arena = arena_create();
    const Parameters parameters = parameters_of(arena, &image, 512, (BlockShape){3072, false});
    assert_int_equal(parameters.n, 302);
    assert_int_equal(parameters_count(&parameters, false), 151277313); /* ViT-B/32 */
    check_shape(&parameters, "visual.conv1.weight", 4, (int64_t[]){768, 3, 32, 32});
    check_shape(&parameters, "visual.positional_embedding", 2, (int64_t[]){50, 768});
    check_shape(&parameters, "text_projection", 2, (int64_t[]){512, 512});
    check_shape(&parameters, "logit_scale", 0, NULL);
    arena_free(arena);
}

static void test_resnet(void **state) {
    (void)state;
    const TowerConfig image = {.width = 64, .n_blocks = {3, 4, 6, 3}, .image_size = 224};
    Arena *arena = arena_create();
    const Parameters parameters = parameters_of(arena, &image, 1024, (BlockShape){0, false});
    size_t trained = 0;
    for (int i = 0; i < parameters.n; i++)
        trained += parameters.items[i].is_buffer ? 0 : parameters.items[i].count;
    assert_int_equal(trained, 102007137); /* RN50 */
    check_shape(&parameters, "visual.conv1.weight", 4, (int64_t[]){32, 3, 3, 3});
    check_shape(&parameters, "visual.layer3.0.downsample.0.weight", 4, (int64_t[]){1024, 512, 1, 1});
    check_shape(&parameters, "visual.attnpool.positional_embedding", 2, (int64_t[]){50, 2048});
    assert_null(parameters_find(&parameters, "visual.layer3.1.downsample.0.weight"));
    assert_true(parameters_find(&parameters, "visual.bn1.running_mean")->is_buffer);
    assert_true(parameters_find(&parameters, "visual.bn1.num_batches_tracked")->is_buffer);
    arena_free(arena);
}

static void test_order(void **state) {
    (void)state;
    static const char *const names[] = {"positional_embedding",
                                        "text_projection",
                                        "logit_scale",
                                        "visual.class_embedding",
                                        "visual.positional_embedding",
                                        "visual.proj",
                                        "visual.conv1.weight",
                                        "visual.ln_pre.weight",
                                        "visual.ln_pre.bias",
                                        "visual.transformer.resblocks.0.ln_1.weight",
                                        "visual.transformer.resblocks.0.ln_1.bias",
                                        "visual.transformer.resblocks.0.attn.in_proj_weight",
                                        "visual.transformer.resblocks.0.attn.in_proj_bias",
                                        "visual.transformer.resblocks.0.attn.out_proj.weight",
                                        "visual.transformer.resblocks.0.attn.out_proj.bias",
                                        "visual.transformer.resblocks.0.ls_1.gamma",
                                        "visual.transformer.resblocks.0.ln_2.weight",
                                        "visual.transformer.resblocks.0.ln_2.bias",
                                        "visual.transformer.resblocks.0.mlp.c_fc.weight",
                                        "visual.transformer.resblocks.0.mlp.c_fc.bias",
                                        "visual.transformer.resblocks.0.mlp.c_proj.weight",
                                        "visual.transformer.resblocks.0.mlp.c_proj.bias",
                                        "visual.transformer.resblocks.0.ls_2.gamma",
                                        "visual.ln_post.weight",
                                        "visual.ln_post.bias",
                                        "transformer.resblocks.0.ln_1.weight"};
    const TowerConfig image = {.width = 64, .n_layers = 1, .patch_size = 8, .image_size = 16};
    Arena *arena = arena_create();
    const Parameters parameters = parameters_of(arena, &image, 32, (BlockShape){256, true});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(parameters.items[i].name, names[i]);
    assert_string_equal(parameters.items[parameters.n - 3].name, "token_embedding.weight");
    assert_string_equal(parameters.items[parameters.n - 1].name, "ln_final.bias");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vit),
        cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
