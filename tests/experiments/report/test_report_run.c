/* test_report_run.c: experiments/report/report_run.c: the head of the page says what was run, and what it
 * does not know. */
#include "coop/coop.h"
#include "experiments/report/report.h"
#include "tests/support/report_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void add(Cli *cli, char key, int num_shots, int seed, const char *finished) {
    char keys[65] = "";
    memset(keys, key, 64);
    Error err = {0};
    Result result = {.key = keys,
                     .dataset = "oxford_pets",
                     .method = "m",
                     .label = "m",
                     .folder = "f",
                     .num_shots = num_shots,
                     .seed = seed,
                     .accuracy = 50,
                     .n_classes = 37,
                     .n_train = 37,
                     .n_test = 3669,
                     .split_train = 2944,
                     .split_val = 736,
                     .train_seconds = num_shots > 0 ? 30 : NAN,
                     .total_seconds = 40,
                     .backbone = "RN50",
                     .model_digest = "0123456789abcdef",
                     .program = "coop 0.9 <x>",
                     .finished = finished};
    if (result_append(cli_path(cli, "out"), &result, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_head(void **state) {
    Cli *cli = *state;
    add(cli, 'a', 4, 2, "2024-05-02T12:00:00Z");
    add(cli, 'b', 1, 1, "2024-05-01T11:00:00Z");
    add(cli, 'c', -1, 0, "2024-05-01T12:00:00Z");
    cli_ok(cli, "report", cli_path(cli, "out"));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    static const char *const parts[] = {
        "<dt>Model</dt><dd>RN50, weights 0123456789ab</dd>\n",
        "<dt>Finished</dt><dd>2024-05-01 11:00:00 UTC to 2024-05-02 12:00:00 UTC</dd>",
        "<dd>2 min, of that training 60 s</dd>",
        "<dt>Run by</dt><dd>coop 0.9 &lt;x&gt;</dd>",
        "<dt>Page by</dt><dd>coop " COOP_VERSION "</dd>",
        "<tr><th>oxford pets</th><td>37</td><td>2944</td><td>736</td><td>3669</td><td>1, 4</td><td>1, 2</td>"
        "<td>1</td><td>3</td></tr>"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        page_has(page, parts[i]);
    assert_true(strstr(page, "What was run") < strstr(page, "<main>"));
}

/* Of a result that an older program left. */
static void test_unknown(void **state) {
    Cli *cli = *state;
    GIVE("out", "dtd", NULL, "x", 16, 1, 46, 50, NULL);
    cli_ok(cli, "report", cli_path(cli, "out"));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    page_has(page, "<dt>Run by</dt><dd>a version that did not record it</dd>");
    page_has(page, "<dd>not recorded</dd>");
    page_has(page, "<tr><th>dtd</th><td>46</td><td>–</td><td>–</td><td>4</td><td>16</td><td>1</td>");
}

static void test_real_run(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run",
           cli_experiment(cli, "out", "vit",
                          "grid: {num_shots: [1], seed: [1]}\nmethods:\n  - linear_probe: {}\n"));
    const Result *result = &cli_results(cli, "out", NULL).results[0];
    assert_string_equal(result->program, "coop " COOP_VERSION);
    assert_in_range(result->split_train, result->n_train, 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_head), CLI_TEST(test_unknown), CLI_TEST(test_real_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
