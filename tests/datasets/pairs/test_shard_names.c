/* test_shard_names.c: webdataset's notation for many shards. */
#include "datasets/pairs/shard_names.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(Lists *lists, const char *text, const char *expected) {
    ShardNames names = {0};
    const char *got = "";
    lists_assert_ok(lists, shard_names_expand(&names, lists_path(lists, text), lists->arena, &lists->err));
    for (int i = 0; i < names.n; i++)
        got = arena_printf(lists->arena, "%s%s%s", got, i ? " " : "", names.paths[i]);
    assert_string_equal(got, lists_path(lists, expected));
}

/* What Python's braceexpand, which webdataset uses, makes of them. */
static void braces_are_expanded(void **state) {
    Lists *lists = *state;
    expect(lists, "a.tar", "a.tar");
    expect(lists, "a.tar::b.tar", "a.tar b.tar");
    expect(lists, "s/{000..003}.tar", "s/000.tar s/001.tar s/002.tar s/003.tar");
    expect(lists, "{8..11}", "8 9 10 11");
    expect(lists, "{08..11}", "08 09 10 11");
    expect(lists, "{2..0}", "2 1 0");
    expect(lists, "{0..7..3}", "0 3 6");
    expect(lists, "{a,b}/{1..2}.tar", "a/1.tar a/2.tar b/1.tar b/2.tar");
    expect(lists, "{a,b{1,2}c,}x", "ax b1cx b2cx x");
    expect(lists, "x{0..1}::y::{p,q}", "x0 x1 y p q");
}

static void files_are_taken_as_they_stand(void **state) {
    Lists *lists = *state;
    lists_file(lists, "@/a{1,2}.tar", "x");
    expect(lists, "@/a{1,2}.tar", "@/a{1,2}.tar");
    expect(lists, "@/b{1,2}.tar", "@/b1.tar @/b2.tar");
}

static void what_is_no_notation_is_refused(void **state) {
    Lists *lists = *state;
    static const char *const cases[][2] = {
        {"a{1..2.tar", "a{1..2.tar: a brace is never closed"},
        {"a{1}.tar", "a{1}.tar: '{1}' is neither a range, as {000..099}, nor a list, as {a,b}"},
        {"{}", "{}: '{}' is neither a range, as {000..099}, nor a list, as {a,b}"},
        {"{1..x}", "{1..x}: '{1..x}' is neither a range, as {000..099}, nor a list, as {a,b}"},
        {"{1..2..0}", "{1..2..0}: '{1..2..0}' is neither a range, as {000..099}, nor a list, as {a,b}"},
        {"a::", "'a::': an empty name of a shard"},
        {"", "'': an empty name of a shard"},
        {"{0..999999999}", "{0..999999999}: more than 1000000 shards"},
        {"{0..999}{0..999}{0..9}", "{0..999}{0..999}{0..9}: more than 1000000 shards"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ShardNames names = {0};
        int result = shard_names_expand(&names, cases[i][0], lists->arena, &lists->err);
        lists_assert_error(lists, result, cases[i][1]);
    }
}

#define LISTS_TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(braces_are_expanded),
        LISTS_TEST(files_are_taken_as_they_stand),
        LISTS_TEST(what_is_no_notation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
