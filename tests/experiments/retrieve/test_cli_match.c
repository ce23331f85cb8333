/* test_cli_match.c: `coop match` on the demo's drawings: each kind of case, boxes, results, refusals. */
#include "tests/support/cli_support.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MODEL "--model", "experiments/demo/clip_demo.safetensors", "--activation", "quick_gelu"
#define IMAGES "--images", "experiments/demo/camouflage/images"

static const char *write(Cli *cli, const char *name, const char *text) {
    const char *path = cli_path(cli, "%s", name);
    scratch_file(path, text, strlen(text));
    return path;
}

static void cases_are_counted_and_kept(void **state) {
    Cli *cli = *state;
    int lines;
    const char *table =
        write(cli, "own.tsv",
              "image\tcaption\tnegative_caption\nkey/test_030.jpg\ta photo of a key.\ta photo of a "
              "cup.\nkey/test_030.jpg\ta photo of a cup.\ta photo of a key.\n");
    const char *pairs =
        write(cli, "pairs.jsonl",
              "{\"image_0\": \"key/test_030.jpg\", \"image_1\": \"star/test_030.jpg\", "
              "\"caption_0\": \"a photo of a key.\", \"caption_1\": \"a photo of a star.\"}\n");
    cli_ok(cli, "match", MODEL, IMAGES, table, pairs, "--out", cli_path(cli, "out"));
    assert_string_equal(cli->out, "own: 2 images: text 50.00 %\n"
                                  "pairs: 1 pairs: text 100.00 %, image 100.00 %, group 100.00 %\n");
    const ResultList results = cli_results(cli, "out", &lines);
    assert_int_equal(lines, 4);
    assert_string_equal(results.results[3].label, "group");
    cli_ok(cli, "report", cli_path(cli, "out"));
    assert_non_null(strstr(cli->out, "group"));
}

static void a_box_is_what_the_model_sees(void **state) {
    Cli *cli = *state;
    static const char *const format =
        "[{\"image_path\": \"key/test_030.jpg\", \"bbox_x\": %d, \"bbox_y\": 0, "
        "\"bbox_w\": 64, \"bbox_h\": 64, \"true_caption\": \"a photo of a key.\", "
        "\"false_caption\": \"a photo of a cup.\"}]";
    cli_ok(cli, "match", MODEL, IMAGES, write(cli, "a.json", arena_printf(cli->arena, format, 0)));
    assert_string_equal(cli->out, "a: 1 images: text 100.00 %\n");
    cli_ok(cli, "match", MODEL, IMAGES, write(cli, "b.json", arena_printf(cli->arena, format, 900)));
    assert_non_null(strstr(cli->out, "b: 1 images: text ")); /* black: outside the picture */
}

static void what_is_wrong_is_one_line(void **state) {
    Cli *cli = *state;
    const char *table = write(cli, "own.tsv", "image\tcaption\tnegative_caption\nnone.jpg\tx\ty\n");
    cli_refuses(cli, 2, "coop match: --model and --images are needed", "", "match", table);
    cli_refuses(cli, 3, "experiments/demo/camouflage/images/none.jpg", "cannot open", "match", MODEL, IMAGES,
                table);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(cases_are_counted_and_kept),
                                       CLI_TEST(a_box_is_what_the_model_sees),
                                       CLI_TEST(what_is_wrong_is_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
