/* test_report_costs.c: experiments/report/report_costs.c: seconds and trained parameters on the page, as they
 * are in the results. */
#include "tests/support/report_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void give(Cli *cli, const char *dataset, const char *label, int num_shots, int seed, double accuracy,
                 double seconds, double parameters) {
    result_give(cli, &(Given){.folder = "out",
                              .dataset = dataset,
                              .label = label,
                              .num_shots = num_shots,
                              .seed = seed,
                              .n_classes = 3,
                              .accuracy = accuracy,
                              .train_seconds = seconds,
                              .trained_parameters = parameters});
}

static const char *page_of(Cli *cli) {
    cli_ok(cli, "report", cli_path(cli, "out"));
    return page_read(cli, cli_path(cli, "out/report.html"));
}

static void give_some(Cli *cli) {
    give(cli, "pets", "written", SHOTS_NONE, 1, 40, 0, 0);
    give(cli, "pets", "fast", 1, 1, 50, 0.0001, 64);
    give(cli, "pets", "slow", 1, 1, 60, 10, 2048);
    give(cli, "pets", "slow", 1, 2, 70, 30, 2048);
    give(cli, "pets", "slow", 4, 1, 80, 2000, 2539567104);
    give(cli, "pets", "old", 4, 1, 70, 0, 0); /* of a version that kept neither */
}

static void test_table(void **state) {
    Cli *cli = *state;
    give_some(cli);
    const char *page = page_of(cli);
    static const char *const parts[] = {
        "<th>written</th><td>40.0</td><td></td><td></td>",
        "<th>fast</th><td>50.0</td><td>&lt; 0.001</td><td>64</td>",
        "<th>slow</th><td>65.0 ± 5.0</td><td>20.0</td><td>2,048</td>",
        "<th>slow</th><td>80.0</td><td>2000.0</td><td>2,539,567,104</td>",
        "<th>old</th><td>70.0</td><td></td><td></td>",
        "<label for=\"g0c1\">1 shot</label>",
        "<input type=\"radio\" name=\"g0c\" id=\"g0c2\" checked=\"checked\"/>",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        page_has(page, parts[i]);
    assert_int_equal(page_count(page, "name=\"g0c\""), 2); /* zero-shot has no table of its own */
    const char *first = arena_strdup(cli->arena, page);
    assert_string_equal(page_of(cli), first);
}

/* Of the number of shots that most rows have: 1, where slow is at 10^1.3 s, fast at 10^-4 s. */
static void test_picture(void **state) {
    Cli *cli = *state;
    give_some(cli);
    give(cli, "pets", "third", 1, 1, 55, 0.5, 64);
    const char *page = page_of(cli);
    if (system("gnuplot --version >/dev/null 2>&1") != 0) {
        assert_null(strstr(page, "Accuracy against the time"));
        return;
    }
    page_has(page, "Accuracy against the time of training, 1 shot: means over seeds, std of the accuracy.");
    page_has(page, ">seconds of training<");
    page_has(page, ">0.0001<");
    page_has(page, ">100<");
    assert_null(strstr(page, ">1000<"));
}

/* Averages over datasets have means of both; where one dataset has no time there is none. */
static void test_average(void **state) {
    Cli *cli = *state;
    give(cli, "pets", "x", 1, 1, 50, 1, 100);
    give(cli, "dtd", "x", 1, 1, 70, 3, 200);
    give(cli, "pets", "y", 1, 1, 50, 1, 100);
    give(cli, "dtd", "y", 1, 1, 50, 0, 100);
    const char *page = page_of(cli);
    page_has(page, "<th>x</th><td>60.0</td><td>2.000</td><td>150</td>");
    page_has(page, "<th>y</th><td>50.0</td><td></td><td>100</td>");
}

static void test_without_times(void **state) {
    Cli *cli = *state;
    GIVE("out", "pets", NULL, "x", 1, 1, 3, 50, NULL);
    assert_null(strstr(page_of(cli), "What training took"));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_table), CLI_TEST(test_picture), CLI_TEST(test_average),
                                       CLI_TEST(test_without_times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
