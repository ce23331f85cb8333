/* test_boxes.c: a box is encoded as a file that holds it alone would be, black where it leaves the picture.
 */
#include "experiments/retrieve/boxes.h"

#include "clip/base/files.h"
#include "datasets/features/file_digests.h"
#include "datasets/images/image.h"
#include "tests/experiments/retrieve/demo_model.h"
#include "tests/support/image_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY DEMO_DRAWINGS "/key/test_030.jpg"

/* SCRATCH/name: the part of the drawing, as a PNG. */
static void write_part(Demo *demo, const char *name, MatchBox box) {
    Image image = {0};
    size_t size, row = 1 + 3 * (size_t)box.width;
    unsigned char *bytes = image_file_read(KEY, &size, demo->arena, &demo->err);
    assert_non_null(bytes);
    assert_int_equal(image_decode(&image, bytes, size, KEY, demo->arena, &demo->err), 0);
    unsigned char *lines = calloc((size_t)box.height, row); /* each begins with its filter, 0: none */
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++)
            if (box.x + x < image.width && box.y + y < image.height)
                memcpy(lines + (size_t)y * row + 1 + 3 * x,
                       image.rgb + ((size_t)(box.y + y) * (size_t)image.width + (size_t)(box.x + x)) * 3, 3);
    const PngKind kind = {
        .width = (uint32_t)box.width, .height = (uint32_t)box.height, .depth = 8, .colour = 2};
    Bytes png = make_png(lines, (size_t)box.height * row, &kind);
    char path[300];
    scratch_file(scratch_path(&demo->scratch, name, path, sizeof path), png.data, png.size);
    free(png.data);
    free(lines);
}

static void a_box_is_a_picture_of_its_own(void **state) {
    Demo *demo = *state;
    const int E = demo->model.clip->embed_dim;
    enum { N = 130 }; /* more than a batch */
    static const MatchBox kinds[] = {{5, 10, 30, 20}, {40, 50, 60, 70}, {200, 0, 10, 9}, {0, 0, 0, 0}};
    MatchBox boxes[N];
    Item items[N], parts[3] = {{"0.png", 0}, {"1.png", 0}, {"2.png", 0}};
    for (int i = 0; i < N; i++) {
        items[i] = (Item){"key/test_030.jpg", 0};
        boxes[i] = kinds[i % 4];
    }
    for (int i = 0; i < 3; i++)
        write_part(demo, parts[i].path, kinds[i]);
    float *features = arena_floats(demo->arena, N, (size_t)E),
          *alone = arena_floats(demo->arena, 4, (size_t)E);
    const ImageFolder drawings = {.root = DEMO_DRAWINGS, .quiet = true},
                      scratch = {.root = demo->scratch, .quiet = true};
    const ItemList list = {.items = items, .n = N}, three = {.items = parts, .n = 3},
                   whole = {.items = items, .n = 1};
    assert_int_equal(evaluation_boxes(features, &demo->model, &drawings, &list, boxes, &demo->err), 0);
    assert_int_equal(encode_folder(alone, &demo->model, &scratch, &three, &demo->err), 0);
    assert_int_equal(encode_folder(alone + 3 * E, &demo->model, &drawings, &whole, &demo->err), 0);
    for (int i = 0; i < N; i++)
        for (int e = 0; e < E; e++) {
            const float difference = features[(size_t)i * (size_t)E + (size_t)e] - alone[(i % 4) * E + e];
            assert_true(difference > -1e-5F && difference < 1e-5F);
        }
}

static void the_picture_at_fault_is_named(void **state) {
    Demo *demo = *state;
    float *features = arena_floats(demo->arena, 2, (size_t)demo->model.clip->embed_dim);
    Item items[] = {{"key/test_030.jpg", 0}, {"none.jpg", 0}};
    const MatchBox boxes[] = {{0, 0, 5, 5}, {0, 0, 5, 5}};
    const ItemList list = {.items = items, .n = 2};
    const ImageFolder folder = {.root = DEMO_DRAWINGS, .quiet = true};
    assert_int_equal(evaluation_boxes(features, &demo->model, &folder, &list, boxes, &demo->err), -1);
    assert_non_null(strstr(demo->err.text, DEMO_DRAWINGS "/none.jpg: cannot open"));
}

int main(void) {
    const struct CMUnitTest tests[] = {DEMO_TEST(a_box_is_a_picture_of_its_own),
                                       DEMO_TEST(the_picture_at_fault_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
