/* test_report_classes.c: the panels of report.html, a row each: report_classes.c, report_confusion.c and
 * report_mistakes.c. */
#include "clip/base/files.h"
#include "experiments/report/report.h"
#include "experiments/results/predictions.h"
#include "tests/support/report_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Every row has its panel, the best one stands open, each image stands once, and small matrices have numbers.
 */
static void test_choice(void **state) {
    Cli *cli = *state;
    static const char *const labels[] = {"second", "best", "third"};
    static const char image[] = "tests/fixtures/images/shape00/0000.jpg";
    for (int i = 0; i < 3; i++) {
        const char *folder = cli_path(cli, "out/point%d", i);
        int right = i == 1 ? 3 : 2;
        const char *csv = arena_printf(cli->arena,
                                       "path,label,class,predicted,predicted_class,confidence\n"
                                       "%s,0,cat,1,dog,0.9\na.jpg,1,dog,%d,x,0.9\na.jpg,2,x,2,x,0.9\n"
                                       "a.jpg,1,dog,1,dog,0.5\n",
                                       image, right == 3 ? 1 : 2);
        Error err = {0};
        result_give(cli, &(Given){"out", "pets", NULL, labels[i], 1, 1, 3, 25 * right,
                                  .point = arena_printf(cli->arena, "point%d", i)});
        assert_int_equal(make_folders(folder, &err), 0);
        scratch_file(arena_printf(cli->arena, "%s/" PREDICTIONS_FILE, folder), csv, strlen(csv));
    }
    cli_ok(cli, "report", cli_path(cli, "out"));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    assert_int_equal(page_count(page, "<div class=\"panel\">"), 3);
    assert_int_equal(page_count(page, "type=\"radio\" name=\"g0\""), 3);
    assert_int_equal(page_count(page, "checked=\"checked\""), 1);
    page_has(page,
             "id=\"g0m1\" checked=\"checked\"/><label for=\"g0m1\">best</label>\n<div class=\"panel\">");
    page_has(page, "<h4>best, 1 shot, seed 1: 75.0 %</h4>");
    assert_int_equal(page_count(page, "<use href=\"#g0i0\"/>"), 3);
    assert_int_equal(page_count(page, "data:image/jpeg"), 1);
    /* Of the dogs the best row finds both. */
    page_has(page, "<title>dog → dog: 2 of 2</title>");
    page_has(page, "text-anchor=\"middle\" class=\"full\">2</text>");
    page_has(page, "text-anchor=\"middle\">answer</text>");
    /* The style shows the chosen panel alone, and no buttons on paper. */
    page_has(page, ".choice .panel{display:none");
    page_has(page, ".choice input:checked+label+.panel{display:block}");
    page_has(strstr(page, "@media print"), ".choice input,.choice label{display:none}");
    page_has(strstr(page, "@media print"),
             "details:not([open]),.folded:not(:has(details[open])){display:none}");
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
