/* test_report.c: `coop report` and the page that `coop run` leaves, through the real program: well-formed,
 * complete, the same bytes each time, with and without gnuplot, with hostile names and missing files. */
#include "experiments/report/report.h"
#include "experiments/results/metrics.h"
#include "experiments/results/predictions.h"
#include "tests/support/report_support.h"
#include "tests/support/scratch.h"

#include "clip/base/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SMALL                                                                                                \
    "grid: {num_shots: [1, 2], seed: [1, 2]}\noptim: {max_epoch: 2, batch_size: 8}\nmethods:\n"              \
    "  - zeroshot: {}\n  - linear_probe: {}\n  - coop: {n_ctx: [2, 3], csc: [false, true]}\n"

/* Nothing can be started by name. */
static void without_programs(void) {
    setenv("PATH", "/nonexistent", 1);
}

static bool has_gnuplot(void) {
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

/* --- a real experiment --- */

static void test_run(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL),
               *page_path = cli_path(cli, "out/" REPORT_FILE);
    cli_ok(cli, "run", yaml, "--set", "outputs.report=false");
    assert_false(cli_exists(page_path));
    cli_ok(cli, "run", yaml);
    const char *page = page_read(cli, page_path);
    static const char *const parts[] = {"<h2>Golden</h2>",
                                        "CoOp M=3 end csc",
                                        "Context length M, 2 shots: test accuracy in %.",
                                        "Contexts, 2 shots: test accuracy in %.",
                                        "Context length M: 2</th>",
                                        "All methods, 2 shots: test accuracy in %.",
                                        "<i>100 %</i>",
                                        "What training took",
                                        "Loss of each epoch.",
                                        "Learning rate.",
                                        "Accuracy of each class in %",
                                        "Confusion: ",
                                        "class=\"matrix\"",
                                        "Nearest words",
                                        "max_epoch: 2",
                                        ".results th:first-child,.numbers th:first-child,.words "
                                        "th:first-child{position:sticky;left:0;",
                                        ".scroll{overflow-x:auto}",
                                        "@media print",
                                        "name=\"viewport\""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        page_has(page, parts[i]);
    assert_int_equal(page_count(page, " taken for <b>"), page_count(page, "<use href=\"#g0i"));
    assert_in_range(page_count(page, "href=\"data:image/jpeg;base64,/9j/"), 1,
                    page_count(page, "<use href=\"#g0i"));
    if (has_gnuplot()) {
        assert_int_equal(page_count(page, "class=\"plot\""), 5);
        assert_int_equal(page_count(page, "class=\"legend\""), 3); /* one for all three of training */
        static const char *const axes[] = {
            ">training images per class<", ">test accuracy in %<",     ">epoch<",
            ">cross-entropy (nats)<",      ">training accuracy in %<", ">learning rate<"};
        for (size_t i = 0; i < sizeof axes / sizeof *axes; i++)
            page_has(page, axes[i]);
        assert_int_equal(page_count(page, "id='f1-gpDot'") + page_count(page, "id=\"f1-gpDot\""), 1);
        assert_int_equal(page_count(page, "id='gp"), 0);
    } else
        fprintf(stderr, "no gnuplot here: curves are not tested\n");
    /* coop report makes the same bytes, and the tables. */
    const char *copy = cli_path(cli, "copy.html"), *csv = cli_path(cli, "out/results.csv");
    cli_copy(page_path, copy);
    const char *csv_before = cli_read(cli, csv, NULL);
    unlink(page_path);
    unlink(csv);
    cli_ok(cli, "report", cli_path(cli, "out"));
    assert_non_null(strstr(cli->out, "accuracy in %, mean ± std over seeds"));
    assert_non_null(strstr(cli->err, "wrote "));
    cli_assert_same_files(cli, page_path, copy);
    assert_string_equal(cli_read(cli, csv, NULL), csv_before);
}

static void test_without_gnuplot(void **state) {
    Cli *cli = *state;
    cli->before = without_programs;
    cli_ok(cli, "run", cli_experiment(cli, "out", "vit", SMALL));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    page_has(page, "tables stand in place of curves");
    assert_int_equal(page_count(page, "class=\"plot\""), 0);
    page_has(page, "<th>training images per class</th>");
    page_has(page, "<th>epoch</th>");
}

/* --- results made by hand --- */

/* Texts of every kind that must stay text, and files that are not there. */
static void test_hostile(void **state) {
    Cli *cli = *state;
    static const char evil[] = "</title></td><script>alert('x')</script>\"&\x1b[1m";
    const char *folder = cli_path(cli, "<b>&\"'"), *point = arena_printf(cli->arena, "%s/point", folder);
    const char *config = "{\"method\":{\"<i>\":\"<u>\",\"name\":\"<s>\"}}";
    const char *other = "{\"method\":{\"<i>\":\"&\",\"name\":\"<s>\"}}";
    GIVE("<b>&\"'", evil, evil, evil, 1, 1, 3, 50, config);
    GIVE("<b>&\"'", evil, NULL, "other", 1, 1, 3, 40, other);
    Error err = {0};
    assert_int_equal(make_folders(point, &err), 0);
    static const char csv[] =
        "path,label,class,predicted,predicted_class,confidence\n"
        "\"<img "
        "src=\"\"x\"\">.jpg\",0,\"<a>,&\"\"\",1,<b>'</b>,0.9\n/etc/passwd,0,\"<a>,&\"\"\",0,\"<a>\",0.9\n"
        "\xff.jpg,1,x,1,x,0.5\nm/c.jpg,2,\"\n\",0,x,0.5\n";
    scratch_file(arena_printf(cli->arena, "%s/" PREDICTIONS_FILE, point), csv, strlen(csv));
    static const char metrics[] = "{\"epoch\": 1, \"lr\": 1, \"loss\": 2, \"accuracy\": 50}\n<script>\n";
    scratch_file(arena_printf(cli->arena, "%s/" METRICS_FILE, point), metrics, strlen(metrics));
    scratch_file(arena_printf(cli->arena, "%s/config.yaml", point), evil, strlen(evil));
    scratch_file(arena_printf(cli->arena, "%s/prompt.safetensors", point), evil, strlen(evil));
    cli_ok(cli, "report", folder, "--quiet");
    assert_null(strpbrk(cli->out, "\x1b\r\xff"));
    assert_non_null(strstr(cli->out, "\\x1B[1m"));
    const char *page = page_read(cli, arena_printf(cli->arena, "%s/" REPORT_FILE, folder));
    assert_null(strpbrk(page, "\x1b\r\xff"));
    static const char *const parts[] = {"&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\\x1B[1m",
                                        "&lt;b&gt;&#39;&lt;/b&gt;",
                                        "title=\"&lt;img src=&quot;x&quot;&gt;.jpg\"",
                                        "no image",
                                        "&lt;i&gt;, 1 shot: test accuracy in %.",
                                        "&lt;u&gt;",
                                        "line 2: damaged, or not the numbers",
                                        "prompt.safetensors"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        page_has(page, parts[i]);
}

static void test_old_results(void **state) {
    Cli *cli = *state;
    GIVE("out", "eurosat", NULL, "x", 1, 1, 10, 50, NULL);
    GIVE("out", "eurosat", NULL, "x", 1, 2, 10, 60, NULL);
    GIVE("out", "eurosat", NULL, "x", 16, 1, 10, 80, NULL);
    cli_ok(cli, "report", cli_path(cli, "out"));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    page_has(page, PREDICTIONS_FILE " is not there: the run was made before runs kept it");
    page_has(page, ">55.0 ± 5.0</td>");
    page_has(page, "<th>CoOp M=16 end, published [1]</th><td>50.6</td><td>83.5</td>");
    /* Predictions of another run are not shown as this one's. */
    static const char csv[] = "path,label,class,predicted,predicted_class,confidence\na,0,x,0,x,1\n";
    Error err = {0};
    assert_int_equal(make_folders(cli_path(cli, "out/point"), &err), 0);
    scratch_file(cli_path(cli, "out/point/" PREDICTIONS_FILE), csv, strlen(csv));
    cli_ok(cli, "report", cli_path(cli, "out"));
    page_has(page_read(cli, cli_path(cli, "out/" REPORT_FILE)), "does not belong to its result");
}

/* The paper's numbers stand beside a dataset of its own alone: by name and number of classes. */
static void test_several_folders(void **state) {
    Cli *cli = *state;
    GIVE("a", "dtd", NULL, "x", 16, 1, 46, 50, NULL);
    GIVE("b", "eurosat", NULL, "x", 16, 1, 10, 60, NULL);
    const char *out = cli_path(cli, "both.html");
    cli_ok(cli, "report", cli_path(cli, "a"), cli_path(cli, "b"), "--out", out);
    const char *page = page_read(cli, out);
    page_has(page, "<h1>a, b</h1>");
    page_has(page, "<h2>average of 2 datasets</h2>");
    page_has(page, "<td class=\"best\">55.0</td>");
    assert_int_equal(page_count(page, "<tr class=\"published\">"), 1);
    page_has(cli->out, "average of 2 datasets, RN50: accuracy in %");
    assert_false(cli_exists(cli_path(cli, "a/" REPORT_FILE)));
}

/* H = 2 * 60 * 50 / 110 = 54.5, of the averages 2 * 70 * 60 / 130 = 64.6. */
static void test_transfer(void **state) {
    Cli *cli = *state;
    static const char base[] = "{\"dataset\":{\"subsample_classes\":\"base\"}}",
                      new[] = "{\"dataset\":{\"subsample_classes\":\"new\"}}";
    GIVE("out", "pets_base", NULL, "x", 1, 1, 3, 60, base);
    GIVE("out", "pets_new", "pets_base", "x", 1, 1, 3, 50, new);
    GIVE("out", "dtd", "pets_base", "x", 1, 1, 3, 5, NULL);
    GIVE("out", "cars_base", NULL, "x", 1, 1, 3, 80, base);
    GIVE("out", "cars_new", "cars_base", "x", 1, 1, 3, 70, new);
    GIVE("out", "pets_base", NULL, "not moved", 1, 1, 3, 61, base);
    cli_ok(cli, "report", cli_path(cli, "out"));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    page_has(page, "<h2>Transfer</h2>");
    page_has(page,
             "<th>x</th><td>60.0</td><td class=\"best\">50.0</td><td class=\"best\">5.0</td><td>54.5</td>");
    page_has(page, "<th>not moved</th><td class=\"best\">61.0</td><td></td><td></td><td></td>");
    page_has(page, "<th>x</th><td class=\"best\">70.0</td><td class=\"best\">60.0</td><td>64.6</td>");
    page_has(cli->out, "x, learned on pets_base");
}

/* Folders in the place of the files: not even root writes them. */
static void test_read_only(void **state) {
    Cli *cli = *state;
    GIVE("out", "dtd", NULL, "x", 16, 1, 46, 50, NULL);
    Error err = {0};
    const char *page = cli_path(cli, "out/" REPORT_FILE), *csv = cli_path(cli, "out/results.csv");
    assert_int_equal(make_folders(page, &err) | make_folders(csv, &err), 0);
    cli_ok(cli, "report", cli_path(cli, "out"), "--quiet");
    assert_non_null(strstr(cli->out, "dtd, RN50: accuracy in %"));
    assert_string_equal(cli->err,
                        arena_printf(cli->arena,
                                     "note: %s: cannot write: Is a directory; the file is not rebuilt\n"
                                     "note: %s: cannot write: Is a directory; the page is not written (--out "
                                     "FILE puts it elsewhere)\n",
                                     csv, page));
    cli_ok(cli, "report", cli_path(cli, "out"), "--out", cli_path(cli, "page.html"));
    page_has(page_read(cli, cli_path(cli, "page.html")), "<h2>");
    /* What was asked for by name is missed. */
    assert_int_equal(cli_run(cli, "report", cli_path(cli, "out"), "--out", page), 4);
    assert_non_null(strstr(cli->out, "dtd, RN50: accuracy in %"));
    assert_non_null(strstr(cli->err, "coop report: "));
}

static void test_refusals(void **state) {
    Cli *cli = *state;
    const char *folder = cli_path(cli, "out"), *lines = cli_path(cli, "out/results.jsonl");
    cli_refuses(cli, 3, folder, "no such folder", "report", folder);
    Error err = {0};
    assert_int_equal(make_folders(folder, &err), 0);
    cli_refuses(cli, 3, lines, "no results", "report", folder);
    scratch_file(lines, "", 0);
    cli_refuses(cli, 3, lines, "no results", "report", folder);
    scratch_file(lines, "{]\n", 3);
    cli_refuses(cli, 3, lines, "line 1: not JSON", "report", folder);
    scratch_file(lines, "{}\n", 3);
    cli_refuses(cli, 3, lines, "line 1: not a result", "report", folder);
    assert_false(cli_exists(cli_path(cli, "out/" REPORT_FILE)));
    cli_refuses(cli, 2, "coop report: usage: coop report DIR", "", "report");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_run),         CLI_TEST(test_without_gnuplot), CLI_TEST(test_hostile),
        CLI_TEST(test_old_results), CLI_TEST(test_several_folders), CLI_TEST(test_transfer),
        CLI_TEST(test_read_only),   CLI_TEST(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
