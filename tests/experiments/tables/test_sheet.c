/* test_sheet.c: experiments/tables/sheet.c and its formats: what stands where, and that no name becomes
 * markup. */
#include "experiments/config/experiment.h"
#include "experiments/tables/sheet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static const char *written(const Sheet *sheets, int n, SheetFormat format, int width, Arena *arena) {
    Buffer out = {0};
    sheets_write(&out, sheets, n, format, width, arena);
    const char *text = buffer_take(&out, arena);
    assert_non_null(text);
    return text;
}

static Sheet small_sheet(Arena *arena) {
    const TableEntry entries[] = {{"zero-shot", SHOTS_NONE, 0, 85.77},
                                  {"CoOp", 1, 1, 70},
                                  {"CoOp", 1, 2, 72},
                                  {"CoOp", 1, 3, NAN},
                                  {"probe", 1, 1, 60},
                                  {"probe", 2, 1, NAN}};
    CellTable cells;
    assert_true(cells_gather(&cells, entries, 6, arena));
    Sheet sheet = cells_sheet(&cells, arena);
    sheet.name = "accuracy-pets";
    sheet.caption = "pets: accuracy in %";
    sheet.n_foot = 1;
    return sheet;
}

static void test_text(void **state) {
    const Sheet sheet = small_sheet(*state);
    const char *expected = "pets: accuracy in %\n\n"
                           "method      zero-shot        1 shot   2 shots\n"
                           "---------------------------------------------\n"
                           "zero-shot        85.8\n"
                           "CoOp                    71.0 ± 1.0*\n"
                           "---------------------------------------------\n"
                           "probe                          60.0         –\n"
                           "\n* some seeds are not finished\n";
    assert_string_equal(written(&sheet, 1, SHEET_TEXT, 0, *state), expected);
    const Sheet two[] = {sheet, sheet};
    const char *both = written(two, 2, SHEET_TEXT, 0, *state);
    assert_string_equal(both + strlen(both) - strlen(expected), expected);
    assert_int_equal(both[strlen(expected)], '\n');
}

/* Names give way, numbers do not. */
static void test_narrow(void **state) {
    Sheet sheet = small_sheet(*state);
    sheet_cell(&sheet, 0, 0)->text = "a very long name of a méthode";
    const char *text = written(&sheet, 1, SHEET_TEXT, 50, *state);
    assert_non_null(strstr(text, "a very long n…        85.8\n"));
    assert_non_null(strstr(written(&sheet, 1, SHEET_TEXT, 5, *state), "\na very long… "));
    assert_non_null(strstr(written(&sheet, 1, SHEET_TEXT, 0, *state), "\na very long name of a méthode "));
}

static void test_latex(void **state) {
    const Sheet sheet = small_sheet(*state), two[] = {sheet, sheet};
    const char *text = written(two, 2, SHEET_LATEX, 0, *state);
    const char *expected = "% \\usepackage{booktabs}\n\n"
                           "\\begin{table}\n\\centering\n\\caption{pets: accuracy in \\%}\n"
                           "\\label{tab:accuracy-pets}\n\\begin{tabular}{lrrr}\n\\toprule\n"
                           "method & zero-shot & 1 shot & 2 shots \\\\\n\\midrule\n"
                           "zero-shot & $\\mathbf{85.8}$ &  &  \\\\\n"
                           "CoOp &  & $\\mathbf{71.0}_{\\pm 1.0}^{*}$ &  \\\\\n\\midrule\n"
                           "probe &  & $60.0$ & -- \\\\\n\\bottomrule\n\\end{tabular}\n"
                           "\\par\\smallskip{\\footnotesize {*} some seeds are not finished\\par}\n"
                           "\\end{table}\n\n";
    assert_memory_equal(text, expected, strlen(expected));
    assert_non_null(strstr(text, "\\label{tab:accuracy-pets-2}"));
    assert_null(strstr(text, "\\providecommand"));
}

static void test_markdown(void **state) {
    const Sheet sheet = small_sheet(*state);
    assert_string_equal(written(&sheet, 1, SHEET_MARKDOWN, 0, *state),
                        "**pets: accuracy in %**\n\n"
                        "| method | zero-shot | 1 shot | 2 shots |\n|:---|---:|---:|---:|\n"
                        "| zero-shot | **85.8** |  |  |\n"
                        "| CoOp |  | **71.0 ± 1.0\\*** |  |\n"
                        "| probe |  | 60.0 | – |\n\n\\* some seeds are not finished\n");
}

static const char evil[] = "%_&#~^\\{}|$<>\"`[x]*--''\n\xe2\x80\xae中é";

static void test_hostile_latex(void **state) {
    Sheet sheet = small_sheet(*state);
    sheet_cell(&sheet, 0, 0)->text = sheet.caption = sheet.name = evil;
    const char *text = written(&sheet, 1, SHEET_LATEX, 0, *state);
    const char *escaped =
        "\\%\\_\\&\\#\\textasciitilde{}\\textasciicircum{}\\textbackslash{}\\{\\}\\textbar{}"
        "\\$\\textless{}\\textgreater{}{\\char34}{\\char96\\kern0pt}{[}x{]}{*}-{\\kern0pt}-'{\\kern0pt}'"
        "\\textbackslash{}x0A\\textbackslash{}xE2\\textbackslash{}x80"
        "\\textbackslash{}xAE\\coopletter{4E2D}{中}é";
    const char *first = strstr(text, escaped);
    assert_non_null(first);
    assert_non_null(strstr(first + 1, escaped));
    const char *label = strstr(text, "\\label{tab:") + strlen("\\label{tab:");
    assert_int_equal(label[strspn(label, "_x-")], '}');
    sheet.caption = "5 ± 1";
    assert_non_null(strstr(written(&sheet, 1, SHEET_LATEX, 0, *state), "{5 $\\pm$ 1}"));
    assert_non_null(strstr(text, "\\providecommand{\\coopletter}[2]"));
}

static void test_hostile_markdown(void **state) {
    Sheet sheet = small_sheet(*state);
    sheet_cell(&sheet, 0, 0)->text = evil;
    const char *text = written(&sheet, 1, SHEET_MARKDOWN, 0, *state);
    assert_non_null(strstr(text, "\n| %\\_&amp;\\#\\~^\\\\\\{\\}\\|\\$&lt;&gt;\"\\`\\[x\\]\\*--''"
                                 "\\\\x0A\\\\xE2\\\\x80\\\\xAE中é | **85.8** |"));
}

/* On a terminal what acts is spelled out too. */
static void test_hostile_text(void **state) {
    Sheet sheet = small_sheet(*state);
    sheet_cell(&sheet, 0, 0)->text = "\x1b[1m\n中";
    assert_non_null(strstr(written(&sheet, 1, SHEET_TEXT, 0, *state), "\n\\x1B[1m\\x0A中        85.8\n"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_text),          TEST(test_narrow),           TEST(test_latex),       TEST(test_markdown),
        TEST(test_hostile_latex), TEST(test_hostile_markdown), TEST(test_hostile_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
