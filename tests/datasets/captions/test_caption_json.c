/* test_caption_json.c: Karpathy's files and COCO's annotations, and what is wrong with them, in one line
 * each. */
#include "tests/datasets/captions/caption_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

#define KARPATHY                                                                                             \
    "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": [{\"raw\": \"one\", "       \
    "\"tokens\": [\"one\"]}, {\"raw\": \"two \\\"]\"}]},\n{\"filepath\": \"val2014\", \"filename\": "        \
    "\"b.jpg\", \"split\": \"train\", \"sentences\": [{\"raw\": \"three\"}]}], \"dataset\": \"flickr30k\"}"

static void karpathys_files_have_splits(void **state) {
    CaptionSet set;
    captions_check(*state, NULL, KARPATHY, "a.jpg: one, two \"],");
    captions_check(*state, "train", KARPATHY, "val2014/b.jpg: three,");
    captions_check(*state, "all", KARPATHY, "a.jpg: one, two \"],; val2014/b.jpg: three,");
    lists_assert_ok(*state, captions_read(*state, &set, NULL, KARPATHY));
    assert_string_equal(set.dataset, "flickr30k");
    captions_refuse(*state, "val", KARPATHY, "@/file: no captions of the split val");
    captions_refuse(*state, NULL,
                    "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"tset\", \"sentences\": []}]}",
                    "@/file: images[0]: split 'tset': train, restval, val or test is needed");
    captions_refuse(*state, NULL,
                    "{\"images\": [{\"filename\": \"../a.jpg\", \"split\": \"test\", \"sentences\": []}]}",
                    "@/file: images[0]: path with '..': '../a.jpg'");
    captions_refuse(
        *state, NULL,
        "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": [{\"rew\": 1}]}]}",
        "@/file: images[0]: sentence 0 has no text 'raw'");
    captions_refuse(*state, NULL,
                    "{\"images\": [{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": []}, "
                    "{\"filename\": \"a.jpg\", \"split\": \"test\", \"sentences\": []}]}",
                    "@/file: images[1]: image 'a.jpg' comes twice");
}

static void cocos_annotations_come_in_any_order(void **state) {
    captions_check(
        *state, NULL,
        "{\"info\": {\"x\": [1, \"]}\"]}, \"annotations\": [{\"image_id\": 9, \"caption\": \"one\"}, "
        "{\"image_id\": 2, \"caption\": \"two\"}, {\"image_id\": 9, \"caption\": \"three\"}], \"images\": "
        "[{\"id\": 9, \"file_name\": \"nine.jpg\"}, {\"id\": 2, \"file_name\": \"two.jpg\"}]}",
        "two.jpg: two,; nine.jpg: one, three,");
    captions_refuse(*state, NULL,
                    "{\"images\": [], \"annotations\": [{\"image_id\": 9, \"caption\": \"one\"}]}",
                    "@/file: annotations[0]: there is no image 9");
    captions_refuse(*state, NULL, "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}]}",
                    "@/file: no 'annotations'");
    captions_refuse(*state, NULL, "{\"annotations\": []}", "@/file: no 'images'");
    captions_refuse(*state, NULL,
                    "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}, {\"id\": 1, \"file_name\": \"b\"}], "
                    "\"annotations\": []}",
                    "@/file: images: id 1 comes twice");
    captions_refuse(*state, "test", "{\"images\": [], \"annotations\": []}",
                    "@/file: split 'test': only Karpathy's JSON files have splits");
    captions_refuse(*state, NULL, "{\"images\": [{\"file\": 1}]}",
                    "@/file: images[0]: neither 'sentences' nor an 'id' and a 'file_name'");
}

static void lists_have_an_image_an_entry(void **state) {
    captions_check(*state, NULL,
                   "[{\"image\": \"val2014/a.jpg\", \"caption\": [\"one\", \"two\"]}, "
                   "{\"image\": \"b.jpg\", \"caption\": \"three\"}, {\"image\": \"b.jpg\", "
                   "\"caption\": \"four\"}]",
                   "val2014/a.jpg: one, two,; b.jpg: three, four,");
    captions_refuse(*state, NULL, "[{\"image\": \"a\", \"caption\": 3}]",
                    "@/file: entry[0]: no text 'image' with a 'caption', a text or a list of them");
    captions_refuse(*state, NULL, "[{\"image\": \"a\", \"caption\": [\"x\", 3]}]",
                    "@/file: entry[0]: caption[1]: a text is needed");
    captions_refuse(*state, NULL,
                    "[{\"image\": \"a\", \"caption\": [\"x\"]}, {\"image\": \"a\", \"caption\": []}]",
                    "@/file: entry[1]: image 'a' comes twice");
    captions_refuse(*state, "test", "[]", "@/file: split 'test': only Karpathy's JSON files have splits");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(karpathys_files_have_splits),
                                       LISTS_TEST(cocos_annotations_come_in_any_order),
                                       LISTS_TEST(lists_have_an_image_an_entry)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
