/* test_cli_retrieve.c: `coop retrieve` as its users see it: on the demo's drawings, with two checkpoints side
 * by side, in any number of threads, and in the report; and what it refuses. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DEMO "experiments/demo/retrieve.yaml"
#define MODEL "experiments/demo/clip_demo.safetensors"

static const char *output(Cli *cli, const char *name) {
    return arena_printf(cli->arena, "output=%s", cli_path(cli, "%s", name));
}

static void the_demo_leaves_results_for_the_report(void **state) {
    Cli *cli = *state;
    size_t size;
    int lines;
    cli_ok(cli, "retrieve", DEMO, "--set", output(cli, "out"), "--threads", "1");
    const char *first = cli->out;
    assert_non_null(strstr(first, "camouflage drawings, 25 images, 50 captions: recall in %"));
    assert_null(strstr(first, "published"));
    cli_ok(cli, "retrieve", DEMO, "--set", output(cli, "out"), "--threads", "3");
    assert_string_equal(cli->out, first);
    const ResultList results = cli_results(cli, "out", &lines);
    assert_int_equal(lines, 6); /* the second run's stand in place of the first's */
    assert_string_equal(results.results[0].label, "image to text R@1");
    assert_string_equal(results.results[5].label, "text to image R@10");
    assert_true(results.results[5].accuracy > 60 && results.results[5].n_test == 50);
    assert_true(result_setting(&results.results[0], "mean_rank")->real >= 1);
    cli_ok(cli, "report", cli_path(cli, "out"));
    assert_non_null(strstr(cli->out, "camouflage drawings, RN w16 (1,2,2,1): in %\n"));
    assert_non_null(strstr(cli->out, "text to image R@10"));
    const char *page = cli_read(cli, cli_path(cli, "out/report.html"), &size);
    assert_non_null(strstr(page, "<th>median rank</th>"));
    assert_null(strstr(page, "0 classes"));
}

static double number(const json_t *json, const char *direction, const char *name) {
    return json_number_value(json_object_get(json_object_get(json, direction), name));
}

static void checkpoints_stand_side_by_side(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "retrieve", DEMO, "--set", output(cli, "one"), "--json");
    const char *one = cli->out;
    const char *copy = cli_path(cli, "copy.safetensors");
    cli_copy(MODEL, copy);
    cli_copy("experiments/demo/merges.txt", cli_path(cli, "merges.txt"));
    const char *both = arena_printf(cli->arena, "model.weights=[%s, %s]", MODEL, copy);
    cli_ok(cli, "retrieve", DEMO, "--set", output(cli, "two"), "--set", both, "--json");
    json_t *json = json_loads(one, 0, NULL), *twice = json_loads(cli->out, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(json);
    assert_non_null(twice);
    assert_true(number(json, "text_to_image", "R@1") == number(twice, "text_to_image", "R@1"));
    assert_true(number(json, "image_to_text", "mean_rank") == number(twice, "image_to_text", "mean_rank"));
    assert_non_null(strstr(cli->out, "copy.safetensors)\"")); /* of one name: told apart by their files */
    json_decref(json);
    json_decref(twice);
    cli_ok(cli, "retrieve", DEMO, "--set", output(cli, "three"), "--set", "template=an origami {}", "--json");
    assert_string_not_equal(cli->out, one);
}

static void what_is_wrong_is_one_line(void **state) {
    Cli *cli = *state;
    const char *out = output(cli, "out"), *yaml = cli_path(cli, "bad.yaml");
    scratch_file(yaml, "model: {weights: x}\ndata: {captoins: y}\n", 40);
    cli_refuses(cli, 3, yaml, ": line 2: unknown key 'captoins' in data (did you mean 'captions'?)",
                "retrieve", yaml);
    cli_refuses(cli, 2, "coop retrieve: --set template=x", "no {} for the caption", "retrieve", DEMO, "--set",
                "template=x", "--set", out);
    cli_refuses(cli, 3, "experiments/demo/captions.tsv", "only Karpathy's JSON files have splits", "retrieve",
                DEMO, "--set", "data.split=test", "--set", out);
    cli_refuses(cli, 3, DEMO, "data.images: /nowhere: no such folder", "retrieve", DEMO, "--set",
                "data.images=/nowhere", "--set", out);
    const char *captions = cli_path(cli, "c.tsv");
    const char text[] = "image\tcaption\narrow/test_030.jpg\tan arrow\nnone.jpg\tnothing\n";
    scratch_file(captions, text, strlen(text));
    cli_refuses(cli, 3, "experiments/demo/camouflage/images/none.jpg", "cannot open", "retrieve", DEMO,
                "--set", arena_printf(cli->arena, "data.captions=%s", captions), "--set", out);
    assert_false(cli_exists(cli_path(cli, "out/results.jsonl")));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(the_demo_leaves_results_for_the_report),
                                       CLI_TEST(checkpoints_stand_side_by_side),
                                       CLI_TEST(what_is_wrong_is_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
