/* test_caption_text.c: Flickr's text files and tables, and what is wrong with them, in one line each. */
#include "tests/datasets/captions/caption_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static void flickrs_text_is_cut_behind_the_name(void **state) {
    captions_check(*state, NULL, "image,caption\na.jpg,One, with a comma .\nb.jpg, two\na.jpg,three\n\n",
                   "a.jpg: One, with a comma ., three,; b.jpg: two,");
    captions_check(*state, NULL, "a.jpg#0\tone\na.jpg#1\ttwo\n", "a.jpg: one, two,");
    captions_refuse(*state, NULL, "image,caption\na.jpg,one\nb.png,two\n",
                    "@/file: line 3: no image's name that ends in .jpg, with a comma behind it");
    captions_refuse(*state, NULL, "image,caption\na.jpg,\n", "@/file: line 2: an empty caption");
    captions_refuse(*state, NULL, "image,caption\na.jpg,\xFF\n", "@/file: line 2: the caption is not UTF-8");
    captions_refuse(*state, NULL, "", "@/file: empty file");
    captions_refuse(*state, NULL, "nothing\n", "@/file: no captions");
}

static void tables_have_named_columns(void **state) {
    captions_check(*state, NULL, "n\timage\tcaption\n1\ta.png\tOne, two\n2\tb.png\t three \n3\ta.png\tfour\n",
                   "a.png: One, two, four,; b.png:  three ,");
    captions_check(*state, NULL, "filepath\ttitle\r\na.png\tone\r\n", "a.png: one,");
    captions_check(*state, NULL, "filepath,title\na.png,\"one, two\"\n", "a.png: one, two,");
    captions_check(*state, NULL, "\xEF\xBB\xBFid,caption,image\r\n1,\"one, two\",a.png\r\n",
                   "a.png: one, two,");
    captions_check(*state, NULL, "image,caption\na.jpg,\"one, two\"\n",
                   "a.jpg: \"one, two\","); /* Flickr's text */
    captions_refuse(*state, NULL, "image\ttext\na\tb\n",
                    "@/file: line 1: no column 'caption' (or 'title'); separated by '\\t', "
                    "there are 'image', 'text'");
    captions_refuse(*state, NULL, "image\tcaption\n/etc/a\tb\n", "@/file: line 2: absolute path: '/etc/a'");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(flickrs_text_is_cut_behind_the_name),
                                       LISTS_TEST(tables_have_named_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
