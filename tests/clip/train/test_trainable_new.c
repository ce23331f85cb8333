/* New models: how their weights are spread, and that a seed gives the same again. */
#include "clip/train/trainable_clip.h"

#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT                                                                                                 \
    "\"text_cfg\": {\"width\": 64, \"heads\": 1, \"layers\": 3, \"vocab_size\": 600, \"ls_init_value\": "    \
    "0.2}"
#define VIT                                                                                                  \
    "{\"embed_dim\": 80, \"vision_cfg\": {\"width\": 128, \"layers\": 2, \"patch_size\": 16, "               \
    "\"image_size\": 96},\n" TEXT "}"
#define RESNET                                                                                               \
    "{\"embed_dim\": 80, \"vision_cfg\": {\"width\": 16, \"layers\": [1, 2, 1, 1], \"patch_size\": null, "   \
    "\"image_size\": 64},\n" TEXT "}"

static TrainableClip *create(void **state, const char *config, uint32_t seed) {
    char path[512];
    Error err = {0};
    scratch_file(scratch_path(state, "config.json", path, sizeof path), config, strlen(config));
    TrainableClip *clip = trainable_clip_create(path, seed, PRECISION_FLOAT32, &err);
    if (!clip)
        fail_msg("%s", err.text);
    return clip;
}

/* The root mean square, the largest of all, and the mean in units of its error. */
static void check_spread(const TrainableClip *clip, const char *name, double rms, double most) {
    const Parameter *p = parameters_find(&clip->parameters, "%s", name);
    if (!p)
        fail_msg("no %s", name);
    double square = 0, sum = 0, max = 0;
    for (size_t i = 0; i < p->count; i++) {
        square += (double)p->value[i] * p->value[i];
        sum += p->value[i];
        max = fmax(max, fabs((double)p->value[i]));
    }
    const double n = (double)p->count, got = sqrt(square / n);
    if (!(fabs(got - rms) <= 4 * rms / sqrt(2 * n)) || fabs(sum) > 4 * rms * sqrt(n) || max > most)
        fail_msg("%s: rms %g where %g is right, mean %g, largest %g where %g is", name, got, rms, sum / n,
                 max, most);
}

static void check_normal(const TrainableClip *clip, const char *name, double deviation) {
    check_spread(clip, name, deviation, 6 * deviation);
}

static void check_uniform(const TrainableClip *clip, const char *name, double bound) {
    check_spread(clip, name, bound / sqrt(3), bound);
}

static void check_constant(const TrainableClip *clip, const char *name, float value) {
    const Parameter *p = parameters_find(&clip->parameters, "%s", name);
    for (size_t i = 0; i < p->count; i++)
        if (p->value[i] != value)
            fail_msg("%s: %g where %g is right", name, (double)p->value[i], (double)value);
}

static void test_text(void **state) {
    TrainableClip *clip = create(state, VIT, 1);
    check_normal(clip, "token_embedding.weight", 0.02);
    check_normal(clip, "positional_embedding", 0.01);
    check_normal(clip, "text_projection", 1.0 / 8);
    check_normal(clip, "transformer.resblocks.1.attn.in_proj_weight", 1.0 / 8);
    check_normal(clip, "transformer.resblocks.2.attn.out_proj.weight", 1 / 8.0 / sqrt(6));
    check_normal(clip, "transformer.resblocks.0.mlp.c_proj.weight", 1 / 8.0 / sqrt(6));
    check_normal(clip, "transformer.resblocks.0.mlp.c_fc.weight", 1 / sqrt(128));
    check_uniform(clip, "transformer.resblocks.0.mlp.c_fc.bias", 1 / 8.0);
    check_uniform(clip, "transformer.resblocks.0.mlp.c_proj.bias", 1 / 16.0);
    check_constant(clip, "transformer.resblocks.0.attn.in_proj_bias", 0);
    check_constant(clip, "transformer.resblocks.0.attn.out_proj.bias", 0);
    check_constant(clip, "transformer.resblocks.0.ln_1.weight", 1);
    check_constant(clip, "transformer.resblocks.0.ln_2.bias", 0);
    check_constant(clip, "transformer.resblocks.0.ls_1.gamma", 0.2f);
    check_constant(clip, "ln_final.weight", 1);
    check_constant(clip, "logit_scale", 2.6592600f);
    trainable_clip_free(clip);
}

static void test_vit(void **state) {
    TrainableClip *clip = create(state, VIT, 2);
    check_normal(clip, "visual.class_embedding", 1 / sqrt(128));
    check_normal(clip, "visual.positional_embedding", 1 / sqrt(128));
    check_normal(clip, "visual.proj", 1 / sqrt(128));
    check_uniform(clip, "visual.conv1.weight", 1 / sqrt(3 * 16 * 16));
    check_uniform(clip, "visual.transformer.resblocks.1.attn.in_proj_weight", sqrt(6.0 / (4 * 128)));
    check_uniform(clip, "visual.transformer.resblocks.1.attn.out_proj.weight", 1 / sqrt(128));
    check_uniform(clip, "visual.transformer.resblocks.1.mlp.c_fc.weight", 1 / sqrt(128));
    check_uniform(clip, "visual.transformer.resblocks.1.mlp.c_proj.weight", 1 / sqrt(512));
    check_uniform(clip, "visual.transformer.resblocks.1.mlp.c_proj.bias", 1 / sqrt(512));
    check_constant(clip, "visual.transformer.resblocks.1.attn.in_proj_bias", 0);
    check_constant(clip, "visual.ln_pre.weight", 1);
    check_constant(clip, "visual.ln_post.bias", 0);
    assert_null(parameters_find(&clip->parameters, "visual.transformer.resblocks.0.ls_1.gamma"));
    trainable_clip_free(clip);
}

static void test_resnet(void **state) {
    TrainableClip *clip = create(state, RESNET, 3);
    check_uniform(clip, "visual.conv1.weight", 1 / sqrt(27));
    check_uniform(clip, "visual.layer2.1.conv2.weight", 1 / sqrt(9 * 32));
    check_uniform(clip, "visual.layer3.0.downsample.0.weight", 1 / sqrt(128));
    check_constant(clip, "visual.bn3.weight", 1); /* of the stem */
    check_constant(clip, "visual.layer2.1.bn3.weight", 0);
    check_constant(clip, "visual.layer2.1.bn2.weight", 1);
    check_constant(clip, "visual.layer2.0.downsample.1.weight", 1);
    check_constant(clip, "visual.layer2.0.downsample.1.bias", 0);
    check_constant(clip, "visual.layer2.1.bn1.running_var", 1);
    check_constant(clip, "visual.layer2.1.bn1.running_mean", 0);
    check_normal(clip, "visual.attnpool.positional_embedding", 1 / sqrt(512));
    check_normal(clip, "visual.attnpool.k_proj.weight", 1 / sqrt(512));
    check_normal(clip, "visual.attnpool.c_proj.weight", 1 / sqrt(512));
    check_uniform(clip, "visual.attnpool.v_proj.bias", 1 / sqrt(512));
    trainable_clip_free(clip);
}

static void test_seed(void **state) {
    TrainableClip *a = create(state, VIT, 9), *b = create(state, VIT, 9), *c = create(state, VIT, 10);
    bool differs = false;
    for (int i = 0; i < a->parameters.n; i++) {
        const Parameter *p = &a->parameters.items[i];
        assert_memory_equal(p->value, b->parameters.items[i].value, p->count * sizeof *p->value);
        differs |= memcmp(p->value, c->parameters.items[i].value, p->count * sizeof *p->value) != 0;
    }
    assert_true(differs);
    trainable_clip_free(a);
    trainable_clip_free(b);
    trainable_clip_free(c);
}

static void test_missing(void **state) {
    (void)state;
    Error err = {0};
    assert_null(trainable_clip_create("no/such.json", 1, PRECISION_FLOAT32, &err));
    assert_non_null(strstr(err.text, "no/such.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_vit, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_resnet, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_seed, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
