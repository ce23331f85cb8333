/* test_published.c: experiments/report/published.c: what others report stands on the page where the
 * comparison is fair, and nowhere else. */
#include "tests/support/report_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROW "<tr class=\"published\">"

static const struct {
    const char *name;
    int n_classes;
} datasets[] = {{"dtd", 47},        {"caltech101", 100},     {"oxford_pets", 37}, {"stanford_cars", 196},
                {"food101", 101},   {"oxford_flowers", 102}, {"sun397", 397},     {"eurosat", 10},
                {"imagenet", 1000}, {"fgvc_aircraft", 100},  {"ucf101", 101}};
enum { N_DATASETS = 11 };

/* All classes of the first n datasets, by one row. */
static void give_all(Cli *cli, const char *folder, int n, const char *backbone, int num_shots) {
    for (int i = 0; i < n; i++)
        result_give(cli, &(Given){.folder = folder,
                                  .dataset = datasets[i].name,
                                  .label = "x",
                                  .num_shots = num_shots,
                                  .seed = 1,
                                  .n_classes = datasets[i].n_classes,
                                  .accuracy = 50,
                                  .backbone = backbone});
}

static const char *page_of(Cli *cli, const char *folder) {
    cli_ok(cli, "report", cli_path(cli, "%s", folder));
    return page_read(cli, cli_path(cli, "%s/report.html", folder));
}

/* Of an average over all of them every row that has one of the columns: the paper has 1 shot, not 4. */
static void test_average(void **state) {
    Cli *cli = *state;
    give_all(cli, "out", N_DATASETS, NULL, 1);
    give_all(cli, "out", N_DATASETS, NULL, 4);
    const char *page = page_of(cli, "out");
    page_has(page, "<h2>average of 11 datasets</h2>");
    page_has(page, ROW "<th>CoOp M=16 end, published [1]</th><td>59.6</td><td></td></tr>");
    page_has(page, ROW "<th>Tip-Adapter-F, published [2]</th>"
                       "<td>64.6</td><td>69.8</td></tr>");
    page_has(page, ROW "<th>GDA, published [3]</th><td>62.2</td>"
                       "<td>69.8</td></tr>");
    page_has(page,
             "<p class=\"caption\">As published, with RN50: [1] Zhou et al. 2022; [2] APE_results.ipynb of "
             "yangyangyang127/APE; [3] logs of mrflogs/ICLR24.</p>");
    assert_int_equal(page_count(page, ROW), 6 + N_DATASETS);
    give_all(cli, "four", N_DATASETS, NULL, 4);
    assert_int_equal(page_count(page_of(cli, "four"), ROW), 5); /* what has no number there is left out */
}

/* Another backbone, one dataset less, one more, or other classes: no average. */
static void test_unfair(void **state) {
    Cli *cli = *state;
    give_all(cli, "vit", N_DATASETS, "ViT-B/16", 1);
    assert_int_equal(page_count(page_of(cli, "vit"), ROW), 0);
    give_all(cli, "less", N_DATASETS - 1, NULL, 1);
    assert_int_equal(page_count(page_of(cli, "less"), ROW), N_DATASETS - 1);
    give_all(cli, "more", N_DATASETS, NULL, 1);
    GIVE("more", "mine", NULL, "x", 1, 1, 3, 50, NULL);
    assert_int_equal(page_count(page_of(cli, "more"), ROW), N_DATASETS);
    GIVE("classes", "dtd", NULL, "x", 1, 1, 46, 50, NULL);
    assert_int_equal(page_count(page_of(cli, "classes"), ROW), 0);
    GIVE("shots", "dtd", NULL, "x", 3, 1, 47, 50, NULL);
    assert_int_equal(page_count(page_of(cli, "shots"), ROW), 0);
}

static void give_halves(Cli *cli, const char *folder, int n, const char *backbone, int num_shots) {
    for (int i = 0; i < n; i++) {
        const char *base = arena_printf(cli->arena, "%s_base", datasets[i].name),
                   *new = arena_printf(cli->arena, "%s_new", datasets[i].name);
        const int all = datasets[i].n_classes;
        Given given = {.folder = folder,
                       .dataset = base,
                       .label = "x",
                       .num_shots = num_shots,
                       .seed = 1,
                       .n_classes = (all + 1) / 2,
                       .accuracy = 60,
                       .config = "{\"dataset\":{\"subsample_classes\":\"base\"}}",
                       .backbone = backbone};
        result_give(cli, &given);
        given.dataset = new;
        given.source = base;
        given.n_classes = all / 2;
        given.config = "{\"dataset\":{\"subsample_classes\":\"new\"}}";
        result_give(cli, &given);
    }
}

static void test_transfers(void **state) {
    Cli *cli = *state;
    give_halves(cli, "out", N_DATASETS, "ViT-B/16", 16);
    const char *page = page_of(cli, "out");
    page_has(page,
             "<th>x</th><td class=\"best\">60.0</td><td class=\"best\">60.0</td><td>60.0</td></tr>\n" ROW
             "<th>zero-shot CLIP, published [4]</th>");
    page_has(page, "<th>CoOp, published [5]</th><td>82.6</td><td>68.0</td>"
                   "<td>74.6</td>");
    page_has(page, "<th>ProLIP, published [6]</th><td></td><td></td><td>79.1</td>");
    page_has(page, "As published, with ViT-B/16: [3] logs of mrflogs/ICLR24; [4] zhengli97/");
    assert_int_equal(page_count(page, ROW), 11); /* beside the average alone */
    give_halves(cli, "rn50", N_DATASETS, NULL, 16);
    assert_int_equal(page_count(page_of(cli, "rn50"), ROW), 0);
    give_halves(cli, "shots", N_DATASETS, "ViT-B/16", 4);
    assert_int_equal(page_count(page_of(cli, "shots"), ROW), 0);
    give_halves(cli, "less", N_DATASETS - 1, "ViT-B/16", 16);
    assert_int_equal(page_count(page_of(cli, "less"), ROW), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_average), CLI_TEST(test_unfair),
                                       CLI_TEST(test_transfers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
