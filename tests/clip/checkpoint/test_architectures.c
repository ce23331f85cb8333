/* test_architectures.c: the table of OpenAI's models against numbers of parameters that are known from their
 * files. */
#include "clip/checkpoint/architectures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Parameters of one block of width C: norms, attention, MLP. */
static long block_size(long C) {
    return 4 * C + 4 * C * C + 4 * C + 8 * C * C + 5 * C;
}

static long text_size(const Architecture *a) {
    long C = a->text_width;
    return (long)ARCHITECTURE_VOCABULARY * C + ARCHITECTURE_POSITIONS * C +
           ARCHITECTURE_TEXT_LAYERS * block_size(C) + 2 * C + C * a->embed_dim;
}

static long vit_size(const Architecture *a) {
    long C = a->vision[0], P = a->vision[2], side = a->image_size / P;
    return C * 3 * P * P + C + (side * side + 1) * C + 4 * C + a->vision[1] * block_size(C) +
           C * a->embed_dim;
}

/* A convolution and the two vectors of its batch norm that are learned. */
static long conv_size(long n_in, long n_out, long kernel) {
    return n_in * n_out * kernel * kernel + 2 * n_out;
}

static long resnet_size(const Architecture *a) {
    long W = a->resnet_width, n_in = W, C = 32 * W, side = a->image_size / 32;
    long size = conv_size(3, W / 2, 3) + conv_size(W / 2, W / 2, 3) + conv_size(W / 2, W, 3);
    for (int i = 0; i < 4; i++)
        for (int block = 0; block < a->vision[i]; block++) {
            long planes = W << i;
            size +=
                conv_size(n_in, planes, 1) + conv_size(planes, planes, 3) + conv_size(planes, 4 * planes, 1);
            size += block == 0 ? conv_size(n_in, 4 * planes, 1) : 0;
            n_in = 4 * planes;
        }
    return size + (side * side + 1) * C + 3 * (C * C + C) + C * a->embed_dim + a->embed_dim;
}

/* Sums of all parameters, with logit_scale, as openai/CLIP's notebook prints them for a model. */
static void test_parameters(void **state) {
    (void)state;
    const struct {
        const char *name;
        long parameters;
    } known[] = {{"RN50", 102007137},     {"RN101", 119688033},    {"RN50x4", 178300601},
                 {"ViT-B/32", 151277313}, {"ViT-B/16", 149620737}, {"ViT-L/14", 427616513}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const Architecture *a = architecture_find(known[i].name);
        assert_non_null(a);
        assert_int_equal(text_size(a) + (a->resnet_width ? resnet_size(a) : vit_size(a)) + 1,
                         known[i].parameters);
    }
}

static void test_table(void **state) {
    (void)state;
    int n = 0;
    for (; architecture_at(n); n++) {
        const Architecture *a = architecture_at(n);
        assert_ptr_equal(architecture_find(a->name), a);
        assert_int_equal(a->image_size % (a->resnet_width ? 32 : a->vision[2]), 0);
        assert_int_equal(a->text_width % 64, 0); /* heads of 64 */
        assert_int_equal((a->resnet_width ? 32 * a->resnet_width : a->vision[0]) % 64, 0);
        assert_true(strlen(a->name) < 32);
    }
    assert_int_equal(n, 9);
    assert_null(architecture_at(-1));
    assert_null(architecture_at(n + 1));
    assert_null(architecture_find("RN51"));
    assert_null(architecture_find(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_parameters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
