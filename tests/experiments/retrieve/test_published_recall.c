/* test_published_recall.c: published numbers stand only beside the weights and the dataset that they are of.
 */
#include "experiments/retrieve/published_recall.h"

#include "clip/named/named.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RN50 "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"
#define VIT_L_336 "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"

static void numbers_are_of_their_weights_and_sizes(void **state) {
    (void)state;
    const PublishedRecall *found = published_recall("coco", 5000, 25010, RN50);
    assert_non_null(found);
    assert_string_equal(found->model, named_of_digest(RN50));
    assert_true(found->text[0] == 48.84 && found->image[2] == 64.59);
    assert_ptr_equal(found, published_recall("coco", 5000, 25000, RN50));
    assert_true(published_recall("flickr30k", 1000, 5000, VIT_L_336)->text[1] == 98.5);
    assert_null(published_recall("coco", 5000, 24000, RN50));
    assert_null(published_recall("coco", 1000, 5000, RN50));
    assert_null(published_recall("mine", 1000, 5000, RN50));
    assert_null(published_recall("flickr30k", 1000, 5000, "0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_of_their_weights_and_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
