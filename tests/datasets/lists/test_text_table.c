/* test_text_table.c: tables of texts: which columns are found, what of a row is refused and how. */
#include "datasets/lists/text_table.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

typedef struct {
    Lists *lists;
    const char *rows; /* "2 a b -; ..." */
} Rows;

static int take_row(void *context, char *const *fields, int line, Error *err) {
    Rows *rows = context;
    if (strcmp(fields[0], "bad") == 0)
        return error_set(err, "a bad row");
    rows->rows = arena_printf(rows->lists->arena, "%s%d %s|%s|%s; ", rows->rows, line, fields[0], fields[1],
                              fields[2] ? fields[2] : "-");
    return 0;
}

static int read_text(Rows *rows, const char *text, char separator, bool strict) {
    static const TableColumn columns[] = {
        {.name = "image", .other = "filepath"}, {.name = "caption"}, {.name = "tag", .optional = true}};
    const TextTable table = {.path = lists_file(rows->lists, "@/t", text),
                             .separator = separator,
                             .max_size = 1000,
                             .strict = strict,
                             .columns = columns,
                             .n_columns = 3};
    rows->lists->err = (Error){0};
    rows->rows = "";
    return text_table_read(&table, take_row, rows, rows->lists->arena, &rows->lists->err);
}

static void check(Lists *lists, const char *text, char separator, const char *expected) {
    Rows rows = {.lists = lists};
    lists_assert_ok(lists, read_text(&rows, text, separator, true));
    assert_string_equal(rows.rows, expected);
}

static void refuse(Lists *lists, const char *text, const char *message) {
    Rows rows = {.lists = lists};
    lists_assert_error(lists, read_text(&rows, text, 0, true), message);
}

static void columns_are_found_by_name_in_any_order(void **state) {
    check(*state, "caption\tn\timage\n b, c \t1\ta\n", 0, "2 a| b, c |-; ");
    check(*state, "\xEF\xBB\xBFtag,filepath,caption\r\nx,a,b\r\n,c,\"d, \"\"e\"\"\"\r\n", 0,
          "2 a|b|x; 3 c|d, \"e\"|; ");
    check(*state, "image;caption\na;b\n\n\nc;\"d\ne\"\nf;g", ';', "2 a|b|-; 5 c|d\ne|-; 7 f|g|-; ");
    check(*state, "image\tcaption\n", 0, "");
}

static void what_is_wrong_names_its_line(void **state) {
    refuse(*state, "", "@/t: empty file");
    refuse(*state, "image,text\n",
           "@/t: line 1: no column 'caption'; separated by ',', there are 'image', 'text'");
    refuse(*state, "text\n",
           "@/t: line 1: no column 'image' (or 'filepath'); separated by ',', there is 'text'");
    refuse(*state, "image\tcaption\tfilepath\n", "@/t: line 1: column 'filepath' comes twice");
    refuse(*state, "image\tcaption\na\tb\nc\n", "@/t: line 3: 1 field where the header has 2");
    refuse(*state, "image\tcaption\na\t \n", "@/t: line 2: empty caption");
    refuse(*state, "image\tcaption\n\xFF\tb\n", "@/t: line 2: the image is not UTF-8");
    refuse(*state, "image\tcaption\tn\nbad\tb\tc\n", "@/t: line 2: a bad row");
    refuse(*state, "image\tcaption\na\t\"b\n", "@/t: line 2: a quote is never closed");
}

static void rows_that_are_not_strict_say_themselves_what_they_want(void **state) {
    Rows rows = {.lists = *state};
    lists_assert_ok(*state, read_text(&rows, "image\tcaption\n\t\xFF\n", 0, false));
    assert_string_equal(rows.rows, "2 |\xFF|-; ");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(columns_are_found_by_name_in_any_order),
                                       LISTS_TEST(what_is_wrong_names_its_line),
                                       LISTS_TEST(rows_that_are_not_strict_say_themselves_what_they_want)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
