/* test_differences.c: experiments/report/differences.c, `coop report` and the page: which results are
 * compared, what is said of those that are not, and in which formats. Numbers are SciPy's. */
#include "experiments/report/report.h"
#include "tests/support/report_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void give(Cli *cli, const char *dataset, const char *label, int num_shots, int seed, double accuracy) {
    GIVE("out", dataset, NULL, label, num_shots, seed, 2, accuracy, NULL);
}

/* Seeds 1, 2 and 3. */
static void give_three(Cli *cli, const char *dataset, const char *label, double a, double b, double c) {
    const double accuracies[] = {a, b, c};
    for (int i = 0; i < 3; i++)
        give(cli, dataset, label, 16, i + 1, accuracies[i]);
}

static void give_pets(Cli *cli) {
    give(cli, "pets", "zero", SHOTS_NONE, 0, 77);
    give_three(cli, "pets", "A", 80.5, 82.25, 81);
    give_three(cli, "pets", "B", 78, 83, 80.25);
}

static void give_three_datasets(Cli *cli) {
    give_pets(cli);
    give(cli, "cars", "zero", SHOTS_NONE, 0, 59);
    give_three(cli, "cars", "A", 60, 61.5, 63.25);
    give(cli, "cars", "B", 16, 1, 58);
    give(cli, "cars", "B", 16, 2, 62);
    give(cli, "dtd", "zero", SHOTS_NONE, 0, 52);
    give_three(cli, "dtd", "A", 50.5, 52, 51);
    give_three(cli, "dtd", "B", 49, 47.5, 50);
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("lacks: %s\nhas: %s", part, text);
}

#define OUT cli_path(cli, "out")

static void test_seeds(void **state) {
    Cli *cli = *state;
    give_pets(cli);
    give_three(cli, "pets", "same as A", 80.5, 82.25, 81);
    give(cli, "pets", "A", 1, 1, 50);
    cli_ok(cli, "report", OUT);
    has(cli->out,
        "\n\npets, RN50, 16 shots: difference from A (the best) in percentage points, 95 % t interval over "
        "paired seeds\n\n"
        "method      difference    95 % interval   pairs   wins/ties/losses\n"
        "------------------------------------------------------------------\n"
        "zero             -4.25   [-6.49, -2.01]       3              0/0/3\n"
        "B                -0.83   [-4.87, +3.21]       3              1/0/2\n"
        "same as A         0.00     [0.00, 0.00]       3              0/3/0\n");
    assert_null(strstr(cli->out, "rank"));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    page_has(page, "<section id=\"differences\">");
    page_has(page, "<th>B</th><td>-0.83</td><td>[-4.87, +3.21]</td><td>3</td><td>1/0/2</td>");
    assert_int_equal(page_count(page, "<details open=\"open\"><summary>pets"), 1);
}

/* Of several datasets; a result without a partner is counted. */
static void test_datasets(void **state) {
    Cli *cli = *state;
    give_three_datasets(cli);
    give_three(cli, "pets", "C", 90, 90, 90);
    cli_ok(cli, "report", OUT);
    has(cli->out,
        "\n\n3 datasets, RN50, 16 shots: difference from A (the best) in percentage points, 95 % t interval "
        "over paired datasets\n\n"
        "method   difference    95 % interval   pairs   wins/ties/losses   unpaired\n"
        "--------------------------------------------------------------------------\n"
        "zero          -2.00   [-8.44, +4.44]       3              1/0/2        0/0\n"
        "B             -1.31   [-3.52, +0.91]       3              0/0/3        0/1\n"
        "C             +8.75                –       1              1/0/0        0/6\n\n"
        "–: fewer than two pairs have no interval\n"
        "unpaired: results of the method alone / of A alone, which count for nothing here\n");
    has(cli->out, "\n\n3 datasets, RN50: average rank of the accuracy on each dataset (1 is the best)\n\n"
                  "method                               16 shots\n"
                  "---------------------------------------------\n"
                  "zero                                     2.33\n"
                  "A                                        1.33\n"
                  "B                                        2.33\n"
                  "C                                           –\n"
                  "---------------------------------------------\n"
                  "datasets                                    3\n"
                  "methods ranked                              3\n"
                  "Friedman's chi-square                    2.00\n"
                  "p-value                                0.3679\n"
                  "critical difference (Nemenyi, 5 %)       1.91\n\n"
                  "16 shots: without some of the datasets, so left out: C\n"
                  "16 shots: 1 ranked mean is over fewer seeds than others of the dataset\n");
    page_has(page_read(cli, cli_path(cli, "out/" REPORT_FILE)), "<td class=\"best\">1.33</td>");
}

static void test_baseline(void **state) {
    Cli *cli = *state;
    give_pets(cli);
    give(cli, "pets", "B", 1, 1, 50);
    give(cli, "pets", "B", 1, 2, 50);
    cli_ok(cli, "report", OUT, "--baseline", "zero");
    has(cli->out, "1 shot: difference from zero in");
    has(cli->out, "\nB            -27.00   [-27.00, -27.00]       2              0/0/2\n");
    has(cli->out, "16 shots: difference from zero in");
    page_has(page_read(cli, cli_path(cli, "out/" REPORT_FILE)), "16 shots: difference from zero in");
    cli_ok(cli, "report", OUT, "--baseline", "A");
    has(cli->err, "note: pets, 1 shot: no differences: it has no row 'A'\n");
    cli_refuses(cli, 2, "coop report: ", "--baseline Zeroo: no row has this name (did you mean 'zero'?)",
                "report", OUT, "--baseline", "Zeroo");
    cli_refuses(cli, 2, "coop report: ", "(rows are: zero; A; B)", "report", OUT, "--baseline", "other");
}

/* A method of base classes is known by its own name on the new ones. */
static void test_parts(void **state) {
    Cli *cli = *state;
    static const char config[] = "{\"dataset\":{\"subsample_classes\":\"base\"}}";
    static const char of_new[] = "{\"dataset\":{\"subsample_classes\":\"new\"}}";
    for (int seed = 1; seed <= 2; seed++)
        for (int i = 0; i < 2; i++) {
            const char *label = i ? "A" : "B";
            GIVE("out", "pets_base", NULL, label, 4, seed, 2, 70 + i + seed, config);
            GIVE("out", "pets_new", "pets_base", label, 4, seed, 2, 60 + 3 * i, of_new);
        }
    cli_ok(cli, "report", OUT, "--baseline", "A");
    has(cli->out, "pets_base, RN50, 4 shots: difference from A in");
    has(cli->out, "pets_new, RN50, 4 shots: difference from A, learned on the base classes in");
    has(cli->out,
        "\nB, learned on the base classes        -3.00   [-3.00, -3.00]       2              0/0/2\n");
}

/* Fewer than two of anything: accuracies alone, and a note where more was asked for. */
static void test_too_few(void **state) {
    Cli *cli = *state;
    give(cli, "pets", "zero", SHOTS_NONE, 0, 77);
    give(cli, "pets", "A", 16, 1, 80);
    give(cli, "pets", "B", 16, 1, 81);
    cli_ok(cli, "report", OUT, "--quiet");
    assert_null(strstr(cli->out, "difference"));
    assert_string_equal(cli->err, "");
    assert_null(strstr(page_read(cli, cli_path(cli, "out/" REPORT_FILE)), "id=\"differences\""));
    cli_ok(cli, "report", OUT, "--format", "markdown");
    assert_null(strstr(cli->out, "difference"));
    assert_string_equal(cli->err,
                        "note: pets, 16 shots: no differences: no row has two seeds in common with 'B'\n");
}

/* What is printed is all that is written. */
static void test_formats(void **state) {
    Cli *cli = *state;
    give_three_datasets(cli);
    cli_ok(cli, "report", OUT, "--format", "latex");
    assert_string_equal(cli->err, "");
    assert_false(cli_exists(cli_path(cli, "out/" REPORT_FILE)));
    assert_false(cli_exists(cli_path(cli, "out/results.csv")));
    static const char head[] = "% \\usepackage{booktabs}\n\n\\begin{table}\n";
    assert_memory_equal(cli->out, head, strlen(head));
    static const char *const labels[] = {
        "accuracy-average_of_3_datasets",  "accuracy-pets",   "accuracy-cars", "accuracy-dtd",
        "differences-3_datasets-16_shots", "ranks-3_datasets"};
    const char *at = cli->out;
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        at = strstr(at, arena_printf(cli->arena, "\\label{tab:%s}", labels[i]));
        assert_non_null(at);
    }
    has(at, "\nA & $\\mathbf{1.33}$ \\\\\n");
    has(cli->out, "\nB & $-1.31$ & $[-3.52, +0.91]$ & $3$ & $0/0/3$ & $0/1$ \\\\\n");
    cli_ok(cli, "report", OUT, "--format", "markdown", "--out", cli_path(cli, "page.html"));
    has(cli->out, "\n| B | -1.31 | \\[-3.52, +0.91\\] | 3 | 0/0/3 | 0/1 |\n");
    assert_true(cli_exists(cli_path(cli, "page.html")));
    assert_false(cli_exists(cli_path(cli, "out/" REPORT_FILE)));
    cli_refuses(cli, 2, "coop report: ", "--format html: known are text, latex and markdown", "report", OUT,
                "--format", "html");
    cli_ok(cli, "report", OUT, "--format", "text");
    assert_true(cli_exists(cli_path(cli, "out/" REPORT_FILE)));
    assert_true(cli_exists(cli_path(cli, "out/results.csv")));
}

static void give_measure(Cli *cli, const char *dataset, const char *label, double a, double b) {
    GIVE("out", dataset, NULL, label, SHOTS_NONE, 0, 0, a, NULL);
    GIVE("other", dataset, NULL, label, SHOTS_NONE, 0, 0, b, NULL, .backbone = "RN101");
}

/* A recall at 10 is no better than one at 1, but one checkpoint may be than another. */
static void test_measures(void **state) {
    Cli *cli = *state;
    give_measure(cli, "swap", "text", 60, 62);
    give_measure(cli, "swap", "image", 90, 91);
    give_measure(cli, "add", "text", 70, 75);
    cli_ok(cli, "report", OUT);
    assert_null(strstr(cli->out, "difference"));
    assert_null(strstr(cli->out, "rank"));
    has(cli->out, "measure        zero-shot\n");
    cli_ok(cli, "report", OUT, cli_path(cli, "other"), "--format", "markdown", "--out",
           cli_path(cli, "p.html"));
    has(cli->out, "\n| measure | zero-shot |\n");
    assert_null(strstr(cli->out, "**91.0**"));
    has(cli->out, "2 datasets, text, several backbones, zero-shot: difference from text, RN101 (the best)");
    has(cli->out, "\n| text, RN50 | -3.50 | \\[-22.56, +15.56\\] | 2 | 0/0/2 |\n");
    assert_null(strstr(cli->out, "image, several backbones"));
    page_has(page_read(cli, cli_path(cli, "p.html")), "<th>measure</th><th>%</th></tr>"); /* the average */
    page_has(page_read(cli, cli_path(cli, "p.html")), "<th>measure</th><th>%</th><th>of</th></tr>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_seeds),   CLI_TEST(test_datasets), CLI_TEST(test_baseline), CLI_TEST(test_parts),
        CLI_TEST(test_too_few), CLI_TEST(test_formats),  CLI_TEST(test_measures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
