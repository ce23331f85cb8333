/* test_table.c: experiments/tables/table.c: numbers, alignment and how a table gives way to a narrow
 * terminal. */
#include "experiments/config/experiment.h"
#include "experiments/tables/table.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uniwidth.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

/* std of (80, 81, 82) over n = 3 is sqrt(2/3) = 0.816; over n - 1 it would print 1.0. */
static const TableEntry entries[] = {
    {"zero-shot", SHOTS_NONE, 0, 85.77},
    {"linear probe", 1, 1, 80},
    {"linear probe", 1, 2, 81},
    {"linear probe", 1, 3, 82},
    {"linear probe", 16, 1, 90.04},
    {"linear probe", 16, 2, 90.04},
    {"linear probe", 16, 3, 90.04},
    {"CoOp é", 1, 1, 70},
    {"CoOp é", 1, 2, NAN},
    {"CoOp é", 1, 3, 72},
    {"CoOp é", 16, 1, 90},
    {"CoOp é", 16, 2, 90.01},
    {"CoOp é", 16, 3, 90.02},
    {"CoOp é", SHOTS_ALL, 1, NAN},
    {"CoOp é", SHOTS_ALL, 2, NAN},
    {"one seed", 2, 1, 12.34},
};
#define N_ENTRIES ((int)(sizeof entries / sizeof *entries))

static void test_plain(void **state) {
    const TableStyle style = {.title = "pets: accuracy in %"};
    const char *expected = "pets: accuracy in %\n\n"
                           "method         zero-shot        1 shot   2 shots     16 shots   all\n"
                           "-------------------------------------------------------------------\n"
                           "zero-shot           85.8\n"
                           "linear probe                81.0 ± 0.8             90.0 ± 0.0\n"
                           "CoOp é                     71.0 ± 1.0*             90.0 ± 0.0     –\n"
                           "one seed                                    12.3\n"
                           "\n* some seeds are not finished\n";
    assert_string_equal(table_text(entries, N_ENTRIES, &style, *state), expected);
}

static void test_terminal(void **state) {
    const TableStyle style = {.terminal = true, .width = 120};
    char *text = table_text(entries, N_ENTRIES, &style, *state);
    assert_non_null(strstr(text, "\033[1m85.8\033[0m\n"));
    assert_non_null(strstr(text, "\033[1m81.0 ± 0.8\033[0m"));
    assert_null(strstr(text, "\033[1m71.0"));
    /* both print 90.0: both are best */
    char *first = strstr(text, "\033[1m90.0 ± 0.0\033[0m");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "\033[1m90.0 ± 0.0\033[0m"));
    assert_null(strstr(text, "\033[1m–"));
    assert_non_null(strstr(text, "────"));
}

/* Columns of the widest line, escapes not counted. */
static int widest_line(const char *text) {
    int widest = 0;
    char line[1024];
    while (*text) {
        size_t n = 0;
        for (; *text && *text != '\n'; text++)
            if (*text == '\033')
                text = strchr(text, 'm');
            else
                line[n++] = *text;
        line[n] = '\0';
        int width = u8_strwidth((const uint8_t *)line, "UTF-8");
        widest = width > widest ? width : widest;
        text += *text == '\n';
    }
    return widest;
}

/* The issue's own comparison: five shots, three seeds. */
static int fill(TableEntry *out) {
    static const char *const labels[] = {"zero-shot", "zero-shot ensemble (7)", "linear probe",
                                         "CoOp M=16 end", "CoOp M=16 middle csc"};
    static const int shots[] = {1, 2, 4, 8, 16};
    int n = 0;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < (i < 2 ? 1 : 15); j++)
            out[n++] = (TableEntry){labels[i], i < 2 ? SHOTS_NONE : shots[j / 3], j % 3, 50 + i + j};
    return n;
}

static void test_widths(void **state) {
    TableEntry many[64];
    int n = fill(many);
    for (int width = 40; width <= 130; width++) {
        const TableStyle style = {.width = width, .terminal = true};
        char *text = table_text(many, n, &style, *state);
        int widest = widest_line(text);
        if (width >= 50 && widest > width)
            fail_msg("%d columns where there are %d\n%s", widest, width, text);
        if (width >= 80)
            assert_non_null(strstr(text, width >= 110 ? "65.0 ± 0.8" : "65.0"));
        if (width >= 80)
            assert_non_null(strstr(text, "±"));
        if (width >= 100)
            assert_non_null(strstr(text, "zero-shot ensemble (7)"));
        assert_non_null(strstr(text, width < 50 ? "…" : "zero-shot"));
    }
    if (getenv("SHOW_TABLE"))
        for (int width = 60; width <= 120; width += 20) {
            const TableStyle style = {.width = width, .terminal = true, .title = "oxford_pets, RN50"};
            printf("%s\n", table_text(many, n, &style, *state));
        }
}

static void test_empty(void **state) {
    const TableStyle style = {0};
    assert_string_equal(table_text(entries, 0, &style, *state), "method      \n------------\n");
    const TableEntry missing = {"a", 1, 1, NAN};
    assert_string_equal(table_text(&missing, 1, &style, *state),
                        "method         1 shot\n---------------------\na                   –\n");
}

/* Columns with names stand in the order of these. */
static void test_named_columns(void **state) {
    static const char *const names[] = {"imagenet", "imagenetv2", "average"};
    const TableEntry list[] = {{"a", 3, 1, 15}, {"a", 1, 1, 10}, {"b", 2, 1, 20}, {"a", 2, 1, 20}};
    const TableStyle style = {.columns = names};
    assert_string_equal(table_text(list, 4, &style, *state),
                        "method         imagenet   imagenetv2   average\n"
                        "----------------------------------------------\n"
                        "a                  10.0         20.0      15.0\n"
                        "b                               20.0\n");
}

static void test_not_a_terminal(void **state) {
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    TableStyle style = table_style(file, "t");
    assert_true(!style.terminal && style.width == 0);
    fclose(file);
}

/* Names out of files do not command the terminal. */
static void test_hostile(void **state) {
    static const char evil[] = "\x1b]0;x\a\xc2\x9b\xe2\x80\xae\r\n\xff";
    const TableEntry hostile[] = {{evil, 1, 1, 50}, {"x", 2, 1, 60}};
    const char *const columns[] = {evil, "b"};
    const TableStyle style = {.title = evil, .columns = columns};
    const char *text = table_text(hostile, 2, &style, *state), *safe = printable(evil, *state);
    int n = 0;
    for (const char *at = text; (at = strstr(at, safe)); at++)
        n++;
    assert_int_equal(n, 3);
    assert_null(strpbrk(text, "\x1b\a\r\xff"));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_non_null(strstr(safe, "\\x1B]0;x\\x07"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_widths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_named_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
        cmocka_unit_test(test_not_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
