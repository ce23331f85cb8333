/* An image tower of either kind behind one name. */
#include "clip/train/image_trainer.h"

#include "clip/train/vit_trainer.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
