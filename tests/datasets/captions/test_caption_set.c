/* test_caption_set.c: kinds of files are told apart by their content; captions come image by image. */
#include "tests/datasets/captions/caption_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static void kinds_are_told_apart(void **state) {
    captions_check(*state, NULL,
                   "\xEF\xBB\xBF \n{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}], \"annotations\": "
                   "[{\"image_id\": 1, \"caption\": \"one\"}]}",
                   "a.jpg: one,");
    captions_check(*state, NULL, "a.jpg#0\tone\nb.jpg#0\ttwo\n", "a.jpg: one,; b.jpg: two,");
    captions_check(*state, NULL, "image\tcaption\na.jpg#0\tone\n", "a.jpg#0: one,");
    captions_check(*state, NULL, "x\na.jpg,one\tand two\n", "a.jpg: one\tand two,");
    captions_refuse(*state, NULL, "[]", "@/file: no captions");
    captions_refuse(*state, NULL, "[3]",
                    "@/file: entry[0]: no text 'image' with a 'caption', a text or a list of them");
    captions_refuse(*state, "val", "image\tcaption\na.jpg\tone\n",
                    "@/file: split 'val': only Karpathy's JSON files have splits");
}

static void captions_come_image_by_image(void **state) {
    CaptionSet set;
    lists_assert_ok(*state,
                    captions_read(*state, &set, NULL,
                                  "image\tcaption\nb.jpg\t1\na.jpg\t2\nb.jpg\t3\na.jpg\t4\nb.jpg\t5\n"));
    static const int image_of[] = {0, 0, 0, 1, 1};
    static const char *const texts[] = {"1", "3", "5", "2", "4"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(set.image_of[i], image_of[i]);
        assert_string_equal(set.captions[i], texts[i]);
    }
    assert_true(set.n_captions == 5 && set.n_without == 0);
    lists_assert_ok(
        *state, captions_read(*state, &set, NULL,
                              "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}, {\"id\": 2, \"file_name\": "
                              "\"b\"}], \"annotations\": [{\"image_id\": 2, \"caption\": \"x\"}]}"));
    assert_int_equal(set.n_without, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(kinds_are_told_apart),
                                       LISTS_TEST(captions_come_image_by_image)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
