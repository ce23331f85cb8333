/* test_pair_table.c: tables of pairs: what is read, what is left out and said, what is refused and how. */
#include "datasets/pairs/pairs.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A table "@/pairs.tsv" with this text, opened with the given separator. */
static PairSource *open_text(Lists *lists, const char *text, const char *separator) {
    return pairs_open_table(lists_file(lists, "@/pairs.tsv", text), separator, NULL, NULL, NULL, &lists->err);
}

static void expect_pair(Lists *lists, const PairSource *source, int index, const char *name,
                        const char *caption) {
    Pair pair;
    lists_assert_ok(lists, pairs_get(source, index, 0, 0, &pair, lists->arena, &lists->err));
    assert_string_equal(pair.name, lists_path(lists, name));
    assert_string_equal(pair.caption, caption);
    assert_int_equal(pair.size, 1);
    assert_int_equal(pair.image[0], 'x');
}

static void expect_refusal(Lists *lists, const char *text, const char *separator, const char *message) {
    PairSource *source = open_text(lists, text, separator);
    assert_null(source);
    lists_assert_error(lists, -1, message);
}

static void rows_become_pairs(void **state) {
    Lists *lists = *state;
    lists_files(lists, (const char *[]){"@/a.jpg", "@/b/c d.png", NULL});
    const char *text = "\xEF\xBB\xBFtitle\tother\tfilepath\r\n"
                       "a dog, running\t1\ta.jpg\r\n"
                       "\r\n"
                       "\"two\nlines of \"\"quotes\"\"\"\t\tb/c d.png\r\n"
                       "gr\xc3\xbc\xc3\x9f\x65 \xe7\x8a\xac\t3\t@/a.jpg";
    PairSource *source = open_text(lists, lists_path(lists, text), NULL);
    lists_assert_ok(lists, source ? 0 : -1);
    assert_int_equal(pairs_count(source), 3);
    assert_null(pairs_remark(source, 0));
    expect_pair(lists, source, 0, "@/a.jpg", "a dog, running");
    expect_pair(lists, source, 1, "@/b/c d.png", "two\nlines of \"quotes\"");
    expect_pair(lists, source, 2, "@/a.jpg", "gr\xc3\xbc\xc3\x9f\x65 \xe7\x8a\xac");
    pairs_close(source);
}

static void separators_keys_and_roots(void **state) {
    Lists *lists = *state;
    lists_files(lists, (const char *[]){"@/images/a.jpg", NULL});
    const char *table = lists_file(lists, "@/t.csv", "file,text\na.jpg,\"one, two\tthree\"\n");
    PairSource *source =
        pairs_open_table(table, ",", "file", "text", lists_path(lists, "@/images"), &lists->err);
    lists_assert_ok(lists, source ? 0 : -1);
    expect_pair(lists, source, 0, "@/images/a.jpg", "one, two\tthree");
    pairs_close(source);
    lists_files(lists, (const char *[]){"@/a.jpg", NULL});
    static const char *const separators[] = {"\t", "\\t", ";", "|", " "};
    for (size_t i = 0; i < 5; i++) {
        char text[] = "filepath_title\na.jpg_\n\na.jpg_dog\n";
        for (char *at = text; (at = strchr(at, '_'));)
            *at = i < 2 ? '\t' : *separators[i];
        source = open_text(lists, text, separators[i]);
        lists_assert_ok(lists, source ? 0 : -1);
        assert_int_equal(pairs_count(source), 1);
        expect_pair(lists, source, 0, "@/a.jpg", "dog");
        pairs_close(source);
    }
}

/* As pandas reads them. */
static void blanks_and_quotes_within_fields_are_text(void **state) {
    Lists *lists = *state;
    lists_files(lists, (const char *[]){"@/a.jpg", "@/ b.jpg", NULL});
    PairSource *source = open_text(
        lists, "filepath\ttitle\na.jpg\t spaced \n b.jpg\tq\"uo\"te\na.jpg\t \"y\"\na.jpg\t'x", NULL);
    lists_assert_ok(lists, source ? 0 : -1);
    expect_pair(lists, source, 0, "@/a.jpg", " spaced ");
    expect_pair(lists, source, 1, "@/ b.jpg", "q\"uo\"te");
    expect_pair(lists, source, 2, "@/a.jpg", " \"y\"");
    expect_pair(lists, source, 3, "@/a.jpg", "'x");
    pairs_close(source);
}

/* pandas would make them "nan". */
static void empty_captions_are_left_out(void **state) {
    Lists *lists = *state;
    lists_files(lists, (const char *[]){"@/a.jpg", NULL});
    PairSource *source =
        open_text(lists, "filepath\ttitle\na.jpg\tx\nb.jpg\t\nc.jpg\t\"  \"\na.jpg\tnull\n", NULL);
    assert_int_equal(pairs_count(source), 2);
    assert_string_equal(pairs_remark(source, 0),
                        lists_path(lists, "@/pairs.tsv: 2 pairs without a caption left out (first: line 3)"));
    assert_null(pairs_remark(source, 1));
    expect_pair(lists, source, 1, "@/a.jpg", "null");
    pairs_close(source);
}

static void missing_columns_name_those_there_are(void **state) {
    Lists *lists = *state;
    expect_refusal(lists, "file\tcaption\nx\ty\n", NULL,
                   "@/pairs.tsv: line 1: no column 'filepath'; separated by '\\t', there are 'file', "
                   "'caption'");
    expect_refusal(lists, "filepath\tcaption\nx\ty\n", NULL,
                   "@/pairs.tsv: line 1: no column 'title'; separated by '\\t', there are 'filepath', "
                   "'caption'");
    expect_refusal(lists, "filepath,title\nx,y\n", NULL,
                   "@/pairs.tsv: line 1: no column 'filepath'; separated by '\\t', there is "
                   "'filepath,title'");
    expect_refusal(lists, "filepath\ttitle\nx\ty\n", ",",
                   "@/pairs.tsv: line 1: no column 'filepath'; separated by ',', there is "
                   "'filepath?title'");
    expect_refusal(lists, "filepath,title,title\n", ",", "@/pairs.tsv: line 1: column 'title' comes twice");
}

static void bad_tables_are_refused(void **state) {
    Lists *lists = *state;
    expect_refusal(lists, "", NULL, "@/pairs.tsv: empty file");
    expect_refusal(lists, "\n\n", NULL, "@/pairs.tsv: empty file");
    expect_refusal(lists, "filepath\ttitle\n", NULL, "@/pairs.tsv: no pairs of an image and a caption");
    expect_refusal(lists, "filepath\ttitle\na\t\n", NULL,
                   "@/pairs.tsv: no pairs of an image and a caption; @/pairs.tsv: 1 pair without a caption "
                   "left out (first: line 2)");
    expect_refusal(lists, "filepath\ttitle\na\tb\nc\n", NULL,
                   "@/pairs.tsv: line 3: 1 field where the header has 2");
    expect_refusal(lists, "filepath\ttitle\na\tb\nc\td\te\n", NULL,
                   "@/pairs.tsv: line 3: 3 fields where the header has 2");
    expect_refusal(lists, "filepath\ttitle\n\n\tb\n", NULL, "@/pairs.tsv: line 3: empty path");
    expect_refusal(lists, "filepath\ttitle\na\tb\r\nc\t\"1\n2\"\r\nd\tgr\xfc\xdf\x65\n", NULL,
                   "@/pairs.tsv: line 5: the caption is not UTF-8");
    expect_refusal(lists, "filepath\ttitle\na\t\"said\" he\n", NULL,
                   "@/pairs.tsv: line 2: text after a closing quote");
    expect_refusal(lists, "filepath\ttitle\na\tb\nc\t\"never\nd\te\n", NULL,
                   "@/pairs.tsv: line 3: a quote is never closed");
    static const char *const separators[] = {"", ", ", "\"", "\n"};
    for (size_t i = 0; i < 4; i++) {
        assert_null(open_text(lists, "filepath\ttitle\na\tb\n", separators[i]));
        assert_non_null(strstr(lists->err.text, "one character is needed"));
    }
    assert_null(pairs_open_table(lists_path(lists, "@/none.tsv"), NULL, NULL, NULL, NULL, &lists->err));
    lists_assert_error(lists, -1, "@/none.tsv: cannot open: No such file or directory");
}

static void missing_images_are_named_when_they_are_got(void **state) {
    Lists *lists = *state;
    PairSource *source = open_text(lists, "filepath\ttitle\ngone.jpg\ta\n.\tb\n", NULL);
    Pair pair;
    int result = pairs_get(source, 0, 0, 0, &pair, lists->arena, &lists->err);
    lists_assert_error(lists, result, "@/gone.jpg: cannot open: No such file or directory");
    result = pairs_get(source, 1, 0, 0, &pair, lists->arena, &lists->err);
    lists_assert_error(lists, result, "@/.: cannot open: Is a directory");
    pairs_close(source);
}

static void digests_tell_lists_apart(void **state) {
    Lists *lists = *state;
    static const char *const texts[] = {
        "filepath\ttitle\na\tb\nc\td\n", "title\tx\tfilepath\nb\t1\ta\nd\t\tc\n",
        "filepath\ttitle\na\tb\nc\te\n", "filepath\ttitle\na\tb\ne\td\n",
        "filepath\ttitle\nc\td\na\tb\n", "filepath\ttitle\na\tb\n"};
    char first[65] = "";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        PairSource *source = open_text(lists, texts[i], NULL);
        lists_assert_ok(lists, source ? 0 : -1);
        assert_int_equal(strspn(pairs_digest(source), "0123456789abcdef"), 64);
        if (i == 0)
            strcpy(first, pairs_digest(source));
        assert_int_equal(strcmp(first, pairs_digest(source)) == 0, i < 2);
        pairs_close(source);
    }
}

#define LISTS_TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(rows_become_pairs),
        LISTS_TEST(separators_keys_and_roots),
        LISTS_TEST(blanks_and_quotes_within_fields_are_text),
        LISTS_TEST(empty_captions_are_left_out),
        LISTS_TEST(missing_columns_name_those_there_are),
        LISTS_TEST(bad_tables_are_refused),
        LISTS_TEST(missing_images_are_named_when_they_are_got),
        LISTS_TEST(digests_tell_lists_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
