/* The gradients of every parameter of the fixture's ViT and text tower, against PyTorch's in double: their
 * lengths, and what they have along two waves (tests/fixtures/README.md). */
#include "clip/train/image_trainer.h"
#include "clip/train/text_trainer.h"
#include "tests/support/support.h"
#include "tests/support/train_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4, SIDE = 32, EMBED = 64, VOCABULARY = 718 };

static void step_images(TrainableClip *clip, Pool *pool) {
    Error err = {0};
    float *pixels = arena_floats(clip->arena, N * 3 * SIDE, SIDE), features[N * EMBED], d_features[N * EMBED];
    ImageTrainer *trainer = image_trainer_create(clip, pool, N, 0, &err);
    assert_non_null(trainer);
    fill_waves(pixels, N * 3 * SIDE, SIDE, 0.1, 0.37);
    for (int i = 0; i < N * 3 * SIDE * SIDE; i++)
        pixels[i] *= 8;
    fill_waves(d_features, N, EMBED, 0.2, 0.9);
    image_trainer_forward(trainer, features, pixels, N, PASS_TRAIN);
    image_trainer_backward(trainer, d_features);
    image_trainer_free(trainer);
}

static void step_texts(TrainableClip *clip, Pool *pool) {
    Error err = {0};
    int tokens[N][4 + N], lengths[N];
    const int *prompts[N];
    float features[N * EMBED], d_features[N * EMBED];
    TokenTree tree;
    for (int i = 0; i < N; i++) {
        prompts[i] = tokens[i];
        lengths[i] = 4 + i;
        for (int j = 0; j < lengths[i]; j++)
            tokens[i][j] = (7 * j + (j > 1 ? 31 * i : 0)) % 300;
        tokens[i][0] = VOCABULARY - 2;
        tokens[i][lengths[i] - 1] = VOCABULARY - 1;
    }
    fill_waves(d_features, N, EMBED, 0.5, 1.3);
    assert_int_equal(token_tree_build(&tree, prompts, lengths, N, clip->arena, &err), 0);
    TextTrainer *trainer = text_trainer_create(clip, pool, 0, &err);
    assert_non_null(trainer);
    assert_int_equal(text_trainer_forward(trainer, features, &tree, PASS_TRAIN, &err), 0);
    text_trainer_backward(trainer, d_features);
    text_trainer_free(trainer);
}

static double along(const float *x, size_t n, double a, double b) {
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        const double wave = sin(a + b * (double)i);
        sum += (double)x[i] * wave;
        square += wave * wave;
    }
    return sum / sqrt(square);
}

static void test_gradients(void **state) {
    (void)state;
    TrainableClip *clip = train_clip_read(FIXTURES "clip_vit.safetensors");
    TensorFile *golden = fixture_open(FIXTURES "golden_gradients.safetensors");
    Pool *pool = pool_create(2);
    parameters_train(&clip->parameters, NULL, NULL);
    step_images(clip, pool);
    step_texts(clip, pool);
    for (int i = 0; i < tensors_count(golden); i++) {
        const char *name = tensors_at(golden, i)->name;
        const float *want = fixture_floats(golden, name, clip->arena, NULL);
        const Parameter *p = parameters_find(&clip->parameters, "%s", name);
        assert_non_null(p);
        double square = 0;
        for (size_t k = 0; k < p->count; k++)
            square += (double)p->gradient[k] * (double)p->gradient[k];
        const double got[] = {sqrt(square), along(p->gradient, p->count, 0.3, 0.7),
                              along(p->gradient, p->count, 0.6, 2.1)};
        for (int k = 0; k < 3; k++)
            if (!(fabs(got[k] - (double)want[k]) <= 3e-6 * (double)want[0]))
                fail_msg("%s: %.8g where PyTorch has %.8g", name, got[k], (double)want[k]);
    }
    assert_int_equal(tensors_count(golden), 97); /* all but logit_scale */
    pool_free(pool);
    tensors_close(golden);
    train_clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
