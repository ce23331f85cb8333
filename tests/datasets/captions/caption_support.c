/* caption_support.c: see caption_support.h */
#include "tests/datasets/captions/caption_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int captions_read(Lists *lists, CaptionSet *set, const char *split, const char *text) {
    lists->err = (Error){0};
    return caption_set_read(set, lists_file(lists, "@/file", text), split, lists->arena, &lists->err);
}

/* "a.jpg: first, second; b.jpg: third" */
void captions_check(Lists *lists, const char *split, const char *text, const char *expected) {
    CaptionSet set;
    const char *found = "";
    lists_assert_ok(lists, captions_read(lists, &set, split, text));
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

void captions_refuse(Lists *lists, const char *split, const char *text, const char *message) {
    CaptionSet set;
    lists_assert_error(lists, captions_read(lists, &set, split, text), message);
}
