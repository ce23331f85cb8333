/* test_encoding.c: equal texts have equal features, long ones are cut and counted, images are of unit length.
 */
#include "experiments/retrieve/encoding.h"

#include "tests/experiments/retrieve/demo_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static double length(const float *row, int E) {
    double sum = 0;
    for (int i = 0; i < E; i++)
        sum += (double)row[i] * row[i];
    return sqrt(sum);
}

static void equal_texts_are_encoded_once(void **state) {
    Demo *demo = *state;
    enum { N = 1200 };
    const int E = demo->model.clip->embed_dim;
    const size_t bytes = (size_t)E * sizeof(float);
    const char **texts = ARENA_NEW(demo->arena, const char *, N);
    float *features = arena_floats(demo->arena, N, (size_t)E), alone[512];
    char text[2000] = "";
    TextCuts cuts;
    assert_true(E <= 512);
    for (int i = 0; i < 300; i++)
        strcat(text, "key ");
    for (int i = 0; i < N; i++)
        texts[i] = i == 700 || i == 900 ? text : arena_printf(demo->arena, "a key %d", i % 600);
    assert_int_equal(encode_captions(features, &cuts, &demo->model, texts, N, true, &demo->err), 0);
    assert_true(cuts.n == 1 && cuts.first == 700);
    for (int i = 600; i < N; i++)
        if (i != 700 && i != 900)
            assert_memory_equal(features + (size_t)i * (size_t)E, features + (size_t)(i - 600) * (size_t)E,
                                bytes);
    assert_memory_equal(features + (size_t)700 * (size_t)E, features + (size_t)900 * (size_t)E, bytes);
    assert_memory_not_equal(features, features + E, bytes);
    assert_true(fabs(length(features, E) - 1) < 1e-5);
    assert_int_equal(encode_captions(alone, &cuts, &demo->model, texts + 5, 1, true, &demo->err), 0);
    assert_true(fabs(length(alone, E) - 1) < 1e-5 && cuts.n == 0);
    for (int i = 0; i < E; i++)
        assert_true(fabsf(alone[i] - features[5 * E + i]) < 1e-5F);
}

static void a_folder_is_encoded_in_the_order_of_its_list(void **state) {
    Demo *demo = *state;
    const int E = demo->model.clip->embed_dim;
    float *features = arena_floats(demo->arena, 3, (size_t)E);
    Item items[] = {{"key/test_030.jpg", 0}, {"cup/test_030.jpg", 0}, {"key/test_030.jpg", 0}};
    const ItemList list = {.items = items, .n = 3};
    const ImageFolder folder = {.root = DEMO_DRAWINGS, .quiet = true};
    assert_int_equal(encode_folder(features, &demo->model, &folder, &list, &demo->err), 0);
    assert_memory_equal(features, features + 2 * E, (size_t)E * sizeof *features);
    assert_memory_not_equal(features, features + E, (size_t)E * sizeof *features);
    assert_true(fabs(length(features + E, E) - 1) < 1e-5);
    items[1].path = "none.jpg";
    assert_int_equal(encode_folder(features, &demo->model, &folder, &list, &demo->err), -1);
    assert_non_null(strstr(demo->err.text, DEMO_DRAWINGS "/none.jpg: cannot open"));
}

int main(void) {
    const struct CMUnitTest tests[] = {DEMO_TEST(equal_texts_are_encoded_once),
                                       DEMO_TEST(a_folder_is_encoded_in_the_order_of_its_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
