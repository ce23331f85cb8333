/* test_contact_sheet.c: a page that is well-formed, in the order of labels and probabilities, whatever the
 * names are. */
#include "experiments/labels/contact_sheet.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 200 };

static const char *const names[] = {"cup", "red_fox", "a<b>&\""};

/* The page, owned by the arena. */
static const char *write_page(void **state, ContactSheet *sheet, Arena *arena) {
    char path[512];
    Error err = {0};
    scratch_path(state, "sheet.html", path, sizeof path);
    if (contact_sheet_write(sheet, path, &err) < 0)
        fail_msg("%s", err.text);
    const char *text = file_read(path, 1 << 26, arena, NULL, &err);
    assert_non_null(text);
    return text;
}

/* Each text behind the one before. */
static void assert_in_order(const char *page, const char *const *texts, int n) {
    for (int i = 0; i < n; i++) {
        const char *at = strstr(page, texts[i]);
        if (!at)
            fail_msg("no '%s' behind '%s'", texts[i], i ? texts[i - 1] : "");
        page = at;
    }
}

static void groups_by_label(void **state) {
    Arena *arena = arena_create();
    unsigned char *rgb = calloc(SIDE * SIDE, 3);
    ContactSheet *sheet = contact_sheet_create("Labels", names, 3, NULL);
    static const struct {
        const char *path;
        int label;
        double probability;
    } images[] = {{"p/1.jpg", 0, 0.5}, {"p/2.jpg", 1, 0.25}, {"p/3<x>.jpg", 1, 0.75}, {"p/4.jpg", 2, 1}};
    for (int i = 0; i < 4; i++)
        assert_int_equal(contact_sheet_add(sheet, images[i].path, rgb, SIDE, images[i].label,
                                           images[i].probability, "", NULL),
                         0);
    assert_int_equal(contact_sheet_add(sheet, "p/bad", NULL, SIDE, -1, 0, "p/bad: start: <no image>", NULL),
                     0);
    const char *page = write_page(state, sheet, arena);
    static const char *const order[] = {"5 images",
                                        "red fox 2</a>",
                                        "cup 1</a>",
                                        "a&lt;b&gt;&amp;&quot; 1</a>",
                                        "Could not be read 1</a>",
                                        "<h2>red fox",
                                        "title=\"p/3&lt;x&gt;.jpg\"",
                                        "width=\"128\" height=\"128\"",
                                        "data:image/jpeg;base64,",
                                        "<b>75.0 %</b>",
                                        "3&lt;x&gt;.jpg</span>",
                                        "<b>25.0 %</b>",
                                        "<h2>cup",
                                        "<b>50.0 %</b>",
                                        "<h2>a&lt;b&gt;",
                                        "<h2>Could not be read",
                                        "p/bad: start: &lt;no image&gt;",
                                        "</html>"};
    assert_in_order(page, order, sizeof order / sizeof *order);
    assert_null(strstr(page, "http://") ? strstr(strstr(page, "http://") + 1, "http://")
                                        : NULL); /* the name of XHTML */
    contact_sheet_free(sheet);
    free(rgb);
    arena_free(arena);
}

/* A page of a million pictures would be of no use. */
static void pages_are_bounded(void **state) {
    Arena *arena = arena_create();
    ContactSheet *sheet = contact_sheet_create("Labels", names, 3, NULL);
    for (int i = 0; i < CONTACT_SHEET_MOST + 7; i++)
        assert_int_equal(contact_sheet_add(sheet, "x", NULL, SIDE, -1, 0, "bad", NULL), 0);
    static const char *const texts[] = {"10007 images", "The first 10000 are shown, 7 are not."};
    assert_in_order(write_page(state, sheet, arena), texts, 2);
    contact_sheet_free(sheet);
    arena_free(arena);
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {SCRATCH_TEST(groups_by_label), SCRATCH_TEST(pages_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
