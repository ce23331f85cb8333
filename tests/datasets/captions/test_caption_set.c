/* test_caption_set.c: images and captions of every kind of file, and what is wrong with files, in one line
 * each. */
#include "datasets/captions/caption_set.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static int read_text(Lists *lists, CaptionSet *set, const char *split, const char *text) {
    lists->err = (Error){0};
    return caption_set_read(set, lists_file(lists, "@/file", text), split, lists->arena, &lists->err);
}

/* "a.jpg: first, second; b.jpg: third" */
static void check(Lists *lists, const char *split, const char *text, const char *expected) {
    CaptionSet set;
    const char *found = "";
    lists_assert_ok(lists, read_text(lists, &set, split, text));
    for (int i = 0; i < set.images.n; i++) {
        found = arena_printf(lists->arena, "%s%s%s:", found, i > 0 ? "; " : "", set.images.items[i].path);
        for (int c = 0; c < set.n_captions; c++)
            if (set.image_of[c] == i)
                found = arena_printf(lists->arena, "%s %s,", found, set.captions[c]);
    }
    assert_string_equal(found, expected);
    for (int c = 1; c < set.n_captions; c++)
        assert_true(set.image_of[c] >= set.image_of[c - 1]);
}

static void refuse(Lists *lists, const char *split, const char *text, const char *message) {
    CaptionSet set;
    lists_assert_error(lists, read_text(lists, &set, split, text), message);
}

#define KARPATHY                                                                                             \
    "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": [{\"raw\": \"one\", "       \
    "\"tokens\": [\"one\"]}, {\"raw\": \"two \\\"]\"}]},\n{\"filepath\": \"val2014\", \"filename\": "        \
    "\"b.jpg\", \"split\": \"train\", \"sentences\": [{\"raw\": \"three\"}]}], \"dataset\": \"flickr30k\"}"

static void karpathys_files_have_splits(void **state) {
    CaptionSet set;
    check(*state, NULL, KARPATHY, "a.jpg: one, two \"],");
    check(*state, "train", KARPATHY, "val2014/b.jpg: three,");
    check(*state, "all", KARPATHY, "a.jpg: one, two \"],; val2014/b.jpg: three,");
    lists_assert_ok(*state, read_text(*state, &set, NULL, KARPATHY));
    assert_string_equal(set.dataset, "flickr30k");
    refuse(*state, "val", KARPATHY, "@/file: no captions of the split val");
    refuse(*state, NULL, "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"tset\", \"sentences\": []}]}",
           "@/file: images[0]: split 'tset': train, restval, val or test is needed");
    refuse(*state, NULL,
           "{\"images\": [{\"filename\": \"../a.jpg\", \"split\": \"test\", \"sentences\": []}]}",
           "@/file: images[0]: path with '..': '../a.jpg'");
    refuse(*state, NULL,
           "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": [{\"rew\": 1}]}]}",
           "@/file: images[0]: sentence 0 has no text 'raw'");
    refuse(*state, NULL,
           "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": []}, "
           "{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": []}]}",
           "@/file: images[1]: image 'a.jpg' comes twice");
}

static void cocos_annotations_come_in_any_order(void **state) {
    check(*state, NULL,
          "{\"info\": {\"x\": [1, \"]}\"]}, \"annotations\": [{\"image_id\": 9, \"caption\": \"one\"}, "
          "{\"image_id\": 2, \"caption\": \"two\"}, {\"image_id\": 9, \"caption\": \"three\"}], \"images\": "
          "[{\"id\": 9, \"file_name\": \"nine.jpg\"}, {\"id\": 2, \"file_name\": \"two.jpg\"}]}",
          "two.jpg: two,; nine.jpg: one, three,");
    refuse(*state, NULL, "{\"images\": [], \"annotations\": [{\"image_id\": 9, \"caption\": \"one\"}]}",
           "@/file: annotations[0]: there is no image 9");
    refuse(*state, NULL, "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}]}", "@/file: no 'annotations'");
    refuse(*state, NULL, "{\"annotations\": []}", "@/file: no 'images'");
    refuse(*state, NULL,
           "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}, {\"id\": 1, \"file_name\": \"b\"}], "
           "\"annotations\": []}",
           "@/file: images: id 1 comes twice");
    refuse(*state, "test", "{\"images\": [], \"annotations\": []}",
           "@/file: split 'test': only Karpathy's JSON files have splits");
    refuse(*state, NULL, "{\"images\": [{\"file\": 1}]}",
           "@/file: images[0]: neither 'sentences' nor an 'id' and a 'file_name'");
}

static void flickrs_text_is_cut_behind_the_name(void **state) {
    check(*state, NULL, "image,caption\na.jpg,One, with a comma .\nb.jpg, two\na.jpg,three\n\n",
          "a.jpg: One, with a comma ., three,; b.jpg: two,");
    check(*state, NULL, "a.jpg#0\tone\na.jpg#1\ttwo\n", "a.jpg: one, two,");
    refuse(*state, NULL, "image,caption\na.jpg,one\nb.png,two\n",
           "@/file: line 3: no image's name that ends in .jpg, with a comma behind it");
    refuse(*state, NULL, "image,caption\na.jpg,\n", "@/file: line 2: an empty caption");
    refuse(*state, NULL, "image,caption\na.jpg,\xFF\n", "@/file: line 2: the caption is not UTF-8");
    refuse(*state, NULL, "", "@/file: empty file");
    refuse(*state, NULL, "nothing\n", "@/file: no captions");
}

static void tables_have_named_columns(void **state) {
    check(*state, NULL, "n\timage\tcaption\n1\ta.png\tOne, two\n2\tb.png\t three \n3\ta.png\tfour\n",
          "a.png: One, two, four,; b.png:  three ,");
    check(*state, NULL, "filepath\ttitle\r\na.png\tone\r\n", "a.png: one,");
    check(*state, NULL, "filepath,title\na.png,\"one, two\"\n", "a.png: one, two,");
    check(*state, NULL, "\xEF\xBB\xBFid,caption,image\r\n1,\"one, two\",a.png\r\n", "a.png: one, two,");
    check(*state, NULL, "image,caption\na.jpg,\"one, two\"\n", "a.jpg: \"one, two\","); /* Flickr's text */
    refuse(*state, NULL, "image\ttext\na\tb\n",
           "@/file: line 1: no column 'caption' (or 'title'); separated by '\\t', "
           "there are 'image', 'text'");
    refuse(*state, NULL, "image\tcaption\n/etc/a\tb\n", "@/file: line 2: absolute path: '/etc/a'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(karpathys_files_have_splits), LISTS_TEST(cocos_annotations_come_in_any_order),
        LISTS_TEST(flickrs_text_is_cut_behind_the_name), LISTS_TEST(tables_have_named_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
