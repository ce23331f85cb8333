/* test_found_page.c: a page of what was found is well-formed and whole, whatever the photos and their names.
 */
#include "experiments/find/found_page.h"

#include "tests/datasets/index/index_support.h"
#include "tests/support/cli_support.h"
#include "tests/support/html_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int count(const char *page, const char *part) {
    int n = 0;
    for (; (page = strstr(page, part)); page += strlen(part))
        n++;
    return n;
}

static void all_kinds_of_photos(void **state) {
    static const char *texts[] = {"a <dog> & \"cat\""}, *without[] = {"people"}, *images[] = {"q.jpg"};
    const PhotoWish wish = {.texts = {texts, 1}, .images = {images, 1}, .without = {without, 1}};
    const FoundPhoto photos[] = {
        {.entry = {.path = FIXTURES "images/shape00/0000.jpg"}, .score = 0.5, .n_alike = 3},
        {.entry = {.path = FIXTURES "images/shape01/0000.jpg"}, .state = PHOTO_CHANGED},
        {.entry = {.path = "/gone/<b>.jpg"}, .state = PHOTO_GONE},
        {.entry = {.path = FIXTURES "merges.txt.gz"}},
        {.entry = {.path = "/bad\xff\x01name.jpg"}, .state = PHOTO_GONE}};
    char path[512], index_path[512], why[200];
    Error err = {0};
    support_write(scratch_path(state, "index", index_path, sizeof index_path), INDEX_FLOAT32);
    PhotoIndex *index = photo_index_open(index_path, &err);
    Arena *arena = arena_create();
    assert_int_equal(found_page_write(scratch_path(state, "page.html", path, sizeof path), &wish, index,
                                      photos, 5, true, &err),
                     0);
    const char *page = file_read(path, 1 << 24, arena, NULL, &err);
    assert_non_null(page);
    const char *fault = html_fault(page, why, sizeof why);
    if (fault)
        fail_msg("%s", fault);
    assert_int_equal(count(page, "<li "), 5);
    assert_int_equal(count(page, "<img width="), 2);
    assert_int_equal(count(page, "src=\"data:image/jpeg;base64,"), 2);
    assert_int_equal(count(page, "no longer there"), 2);
    assert_int_equal(count(page, "changed since"), 1);
    assert_non_null(strstr(page, "and 3 alike"));
    assert_non_null(strstr(page, "The best 5 of 9 photos"));
    assert_non_null(strstr(page, "<h1>a &lt;dog&gt; &amp; &quot;cat&quot; like q.jpg without people</h1>"));
    assert_non_null(strstr(page, "&lt;b&gt;.jpg"));
    assert_non_null(strstr(page, "merges.txt.gz")); /* and why there is no thumbnail */
    assert_int_equal(count(page, "http://") + count(page, "https://"),
                     count(page, "http://www.w3.org/")); /* needs nothing else */
    arena_free(arena);
    photo_index_close(index);
}

static void no_place_to_write(void **state) {
    static const char *texts[] = {"a"};
    const PhotoWish wish = {.texts = {texts, 1}};
    char index_path[512];
    Error err = {0};
    support_write(scratch_path(state, "index", index_path, sizeof index_path), INDEX_FLOAT32);
    PhotoIndex *index = photo_index_open(index_path, &err);
    assert_int_equal(found_page_write("/nowhere/at/all.html", &wish, index, NULL, 0, true, &err), -1);
    assert_non_null(strstr(err.text, "/nowhere/at/all.html"));
    photo_index_close(index);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_kinds_of_photos),
        TEST(no_place_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
