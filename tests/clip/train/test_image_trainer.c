/* An image tower of either kind behind one name. */
#include "clip/train/image_trainer.h"

#include "clip/train/resnet_trainer.h"
#include "clip/train/vit_trainer.h"
#include "tests/support/resnet_support.h"
#include "tests/support/support.h"
#include "tests/support/train_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 2, SIDE = 16, EMBED = 10 };

static void test_vit(void **state) {
    (void)state;
    Error err = {0};
    float pixels[N * 3 * SIDE * SIDE], want[N * EMBED], got[N * EMBED], d_features[N * EMBED];
    TrainableClip *a = train_clip_tiny((TinyClip){.layers = 2}),
                  *b = train_clip_tiny((TinyClip){.layers = 2});
    parameters_train(&a->parameters, NULL, NULL);
    parameters_train(&b->parameters, NULL, NULL);
    VitTrainer *vit = vit_trainer_create(a, NULL, N, 0, &err);
    ImageTrainer *image = image_trainer_create(b, NULL, N, 0, &err);
    assert_non_null(vit);
    assert_non_null(image);
    fill_normal(pixels, N * 3 * SIDE * SIDE, 1, 1);
    fill_normal(d_features, N * EMBED, 1, 2);
    vit_trainer_forward(vit, want, pixels, N, PASS_TRAIN);
    vit_trainer_backward(vit, d_features);
    image_trainer_forward(image, got, pixels, N, PASS_TRAIN);
    image_trainer_backward(image, d_features);
    assert_memory_equal(got, want, sizeof got);
    const Parameter *p = parameters_find(&a->parameters, "visual.conv1.weight"),
                    *q = parameters_find(&b->parameters, "visual.conv1.weight");
    assert_memory_equal(p->gradient, q->gradient, p->count * sizeof(float));
    assert_true(image_trainer_flops(a, true) > 2.5 * image_trainer_flops(a, false));
    assert_null(image_trainer_create(b, NULL, N, 1000, &err));
    vit_trainer_free(vit);
    image_trainer_free(image);
    image_trainer_free(NULL);
    train_clip_free(a);
    train_clip_free(b);
}

static void test_resnet(void **state) {
    (void)state;
    enum { IMAGE = 3 * 32 * 32 };
    Error err = {0};
    const ResnetSize size = {32, 4, {1, 1, 1, 1}, EMBED};
    float pixels[N * IMAGE], want[N * EMBED], got[N * EMBED], d_features[N * EMBED];
    TrainableClip *a = resnet_clip(size), *b = resnet_clip(size);
    ResnetTrainer *resnet = resnet_trainer_create(a, NULL, N, 0, &err);
    ImageTrainer *image = image_trainer_create(b, NULL, N, 0, &err);
    assert_non_null(resnet);
    assert_non_null(image);
    fill_normal(pixels, N * IMAGE, 1, 1);
    fill_normal(d_features, N * EMBED, 1, 2);
    resnet_trainer_forward(resnet, want, pixels, N, PASS_TRAIN);
    resnet_trainer_backward(resnet, d_features);
    image_trainer_forward(image, got, pixels, N, PASS_TRAIN);
    image_trainer_backward(image, d_features);
    assert_memory_equal(got, want, sizeof got);
    const Parameter *p = parameters_find(&a->parameters, "visual.conv1.weight"),
                    *q = parameters_find(&b->parameters, "visual.conv1.weight");
    assert_memory_equal(p->gradient, q->gradient, p->count * sizeof(float));
    assert_true(image_trainer_flops(a, true) == resnet_trainer_flops(a, true));
    assert_null(image_trainer_create(b, NULL, N, 1000, &err));
    resnet_trainer_free(resnet);
    image_trainer_free(image);
    resnet_clip_free(a);
    resnet_clip_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vit), cmocka_unit_test(test_resnet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
