/* test_pair_labelled.c: captions from templates. */
#include "datasets/pairs/pairs.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"tabby_cat", "dog"};
static Item items[] = {{"a.jpg", 0}, {"b.jpg", 1}};
static const ItemList list = {items, 2};

static PairSource *open_list(Lists *lists, const char *const *templates, int n) {
    return pairs_open_labelled(lists_path(lists, "@"), &list, names, 2, templates, n, &lists->err);
}

static const char *caption(Lists *lists, const PairSource *source, int index, uint32_t seed, int epoch) {
    Pair pair;
    lists_assert_ok(lists, pairs_get(source, index, seed, epoch, &pair, lists->arena, &lists->err));
    assert_string_equal(pair.name, lists_path(lists, index ? "@/b.jpg" : "@/a.jpg"));
    return pair.caption;
}

static void names_take_their_place(void **state) {
    Lists *lists = *state;
    lists_files(lists, (const char *[]){"@/a.jpg", "@/b.jpg", NULL});
    PairSource *source = open_list(lists, (const char *[]){"a {}, {}."}, 1);
    assert_int_equal(pairs_count(source), 2);
    assert_string_equal(caption(lists, source, 0, 1, 0), "a tabby cat, tabby cat.");
    assert_string_equal(caption(lists, source, 1, 1, 0), "a dog, dog.");
    pairs_close(source);
}

static void templates_change_with_the_epoch(void **state) {
    Lists *lists = *state;
    lists_files(lists, (const char *[]){"@/a.jpg", "@/b.jpg", NULL});
    PairSource *source = open_list(lists, (const char *[]){"1 {}", "2 {}", "3 {}"}, 3);
    int n_of[3] = {0}, n_other_pair = 0, n_other_seed = 0;
    for (int epoch = 0; epoch < 300; epoch++) {
        const char *text = caption(lists, source, 0, 7, epoch);
        assert_string_equal(text, caption(lists, source, 0, 7, epoch));
        n_of[text[0] - '1']++;
        n_other_pair += *text != *caption(lists, source, 1, 7, epoch);
        n_other_seed += *text != *caption(lists, source, 0, 8, epoch);
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(n_of[i], 60, 140);
    assert_in_range(n_other_pair, 150, 250);
    assert_in_range(n_other_seed, 150, 250);
    pairs_close(source);
}

static void bad_templates_are_refused(void **state) {
    Lists *lists = *state;
    assert_null(open_list(lists, (const char *[]){"a {}", "a photo"}, 2));
    lists_assert_error(lists, -1, "@: template 'a photo' has no {} for the class name");
    assert_null(open_list(lists, NULL, 0));
    lists_assert_error(lists, -1, "@: no templates for the captions");
    assert_null(
        pairs_open_labelled("images", &(ItemList){0}, names, 2, (const char *[]){"{}"}, 1, &lists->err));
    lists_assert_error(lists, -1, "images: no pairs of an image and a caption");
}

static void digests_tell_lists_apart(void **state) {
    Lists *lists = *state;
    PairSource *a = open_list(lists, (const char *[]){"1 {}", "2 {}"}, 2);
    PairSource *b = open_list(lists, (const char *[]){"1 {}", "2 {}"}, 2);
    PairSource *c = open_list(lists, (const char *[]){"2 {}", "1 {}"}, 2);
    assert_string_equal(pairs_digest(a), pairs_digest(b));
    assert_string_not_equal(pairs_digest(a), pairs_digest(c));
    pairs_close(a);
    pairs_close(b);
    pairs_close(c);
}

#define LISTS_TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(names_take_their_place),
        LISTS_TEST(templates_change_with_the_epoch),
        LISTS_TEST(bad_templates_are_refused),
        LISTS_TEST(digests_tell_lists_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
