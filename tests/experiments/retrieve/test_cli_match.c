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
    assert_string_equal(cli->out, "in %         cases  RN w16 (1,2,2,1)\n"
                                  "------------------------------------\n"
                                  "own text         2             50.00\n"
                                  "pairs text       1            100.00\n"
                                  "pairs image      1            100.00\n"
                                  "pairs group      1            100.00\n");
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
    assert_non_null(strstr(cli->out, "\na text      1            100.00\n"));
    cli_ok(cli, "match", MODEL, IMAGES, write(cli, "b.json", arena_printf(cli->arena, format, 900)));
    assert_non_null(strstr(cli->out, "\nb text ")); /* black: outside the picture */
}

static void winoground_has_scores_of_each_tag(void **state) {
    Cli *cli = *state;
    const char *pairs = write(
        cli, "examples.jsonl",
        "{\"id\": 7, \"image_0\": \"key/test_030.jpg\", \"image_1\": \"star/test_030.jpg\", \"caption_0\": "
        "\"a photo of a key.\", \"caption_1\": \"a photo of a star.\", \"num_main_preds\": 1, "
        "\"collapsed_tag\": \"Object\", \"secondary_tag\": \"\"}\n"
        "{\"id\": 8, \"image_0\": \"key/test_030.jpg\", \"image_1\": \"star/test_030.jpg\", \"caption_0\": "
        "\"a photo of a star.\", \"caption_1\": \"a photo of a key.\", \"num_main_preds\": 1, "
        "\"collapsed_tag\": \"Relation\", \"secondary_tag\": \"Pragmatics, Series\"}\n");
    const char *tags = write(cli, "tags.json", "{\"7\": [], \"8\": [\"Unusual Image\"]}");
    cli_ok(cli, "match", MODEL, IMAGES, pairs, "--tags", tags);
    static const char *const rows[] = {"\nexamples text ",
                                       " 2             50.00\n",
                                       "\nexamples Object group ",
                                       "\nexamples Series image ",
                                       "\nexamples 1 main predicate text ",
                                       "\nexamples No Tag text ",
                                       "\nexamples Unusual Image text "};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_non_null(strstr(cli->out, rows[i]));
    cli_ok(cli, "match", MODEL, IMAGES, pairs, "--json");
    assert_non_null(strstr(cli->out, "\"Relation text\":{\"percent\":0.0,\"n\":1}"));
    assert_null(strstr(cli->out, "No Tag"));
}

static const char aro[] =
    "[{\"image_path\": \"key/test_030.jpg\", \"bbox_x\": 0, \"bbox_y\": 0, \"bbox_w\": 64, \"bbox_h\": 64, "
    "\"true_caption\": \"a photo of a key.\", \"false_caption\": \"a photo of a cup.\", "
    "\"relation_name\": \"holding\"},"
    "{\"image_path\": \"key/test_030.jpg\", \"bbox_x\": 0, \"bbox_y\": 0, \"bbox_w\": 64, \"bbox_h\": 64, "
    "\"true_caption\": \"a photo of a cup.\", \"false_caption\": \"a photo of a key.\", "
    "\"relation_name\": \"holding\"},"
    "{\"image_path\": \"key/test_030.jpg\", \"bbox_x\": 0, \"bbox_y\": 0, \"bbox_w\": 64, \"bbox_h\": 64, "
    "\"true_caption\": \"a photo of a key.\", \"false_caption\": \"a photo of a cup.\", "
    "\"relation_name\": \"under\"},"
    "{\"image_path\": \"key/test_030.jpg\", \"bbox_x\": 0, \"bbox_y\": 0, \"bbox_w\": 64, \"bbox_h\": 64, "
    "\"true_caption\": \"a photo of a cup.\", \"false_caption\": \"a photo of a key.\", "
    "\"relation_name\": \"next to\"}]";

static void relations_are_averaged_as_aro_does(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "match", MODEL, IMAGES, write(cli, "vgr.json", aro), "--out", cli_path(cli, "out"));
    assert_non_null(strstr(cli->out, "\nvgr text       4             50.00\n"));
    assert_non_null(strstr(cli->out, "\nvgr macro      3             75.00\n")); /* "next to" is symmetric */
    assert_null(strstr(cli->out, "holding"));
    cli_ok(cli, "match", MODEL, IMAGES, cli_path(cli, "vgr.json"), "--json");
    assert_non_null(strstr(cli->out, "\"holding text\":{\"percent\":50.0,\"n\":2}"));
    const char *order =
        write(cli, "order.json",
              "[{\"image\": \"key/test_030.jpg\", \"caption_options\": [\"a photo of a key.\", "
              "\"a photo of a key.\", \"a photo of a cup.\"]}]");
    cli_ok(cli, "match", MODEL, IMAGES, order); /* the first of equal ones is taken */
    assert_non_null(strstr(cli->out, "\norder text      1            100.00\n"));
}

static void checkpoints_stand_side_by_side(void **state) {
    Cli *cli = *state;
    int lines;
    const char *copy = cli_path(cli, "copy.safetensors");
    cli_copy("experiments/demo/clip_demo.safetensors", copy);
    cli_copy("experiments/demo/merges.txt", cli_path(cli, "merges.txt"));
    const char *table = write(
        cli, "own.tsv", "image,caption,negative_caption,tag\nkey/test_030.jpg,a key,\"a star, red\",X\n");
    cli_ok(cli, "match", MODEL, "--model", copy, IMAGES, table, "--out", cli_path(cli, "out"));
    assert_non_null(strstr(cli->out, "copy.safetensors)\n"));
    assert_non_null(strstr(cli->out, "\nown X text "));
    cli_ok(cli, "match", MODEL, "--model", copy, IMAGES, table, "--json");
    const char *second = strchr(cli->out, '\n');
    assert_non_null(second);
    assert_non_null(
        strstr(second, "copy.safetensors)\",\"dataset\":\"own\",\"scores\":{\"text\":{\"percent\":"));
    cli_results(cli, "out", &lines);
    assert_int_equal(lines, 2); /* they are the same file, so the second took the place of the first */
}

static void what_is_wrong_is_one_line(void **state) {
    Cli *cli = *state;
    const char *table = write(cli, "own.tsv", "image\tcaption\tnegative_caption\nnone.jpg\tx\ty\n");
    cli_refuses(cli, 2, "coop match: --model and --images are needed", "", "match", table);
    cli_refuses(cli, 3, "experiments/demo/camouflage/images/none.jpg", "cannot open", "match", MODEL, IMAGES,
                table);
    cli_refuses(cli, 3, "/nowhere", "no such folder (--images)", "match", MODEL, "--images", "/nowhere",
                table);
    cli_refuses(cli, 2, "coop match: ", "results go by the name of the file", "match", MODEL, IMAGES, table,
                table);
    cli_refuses(cli, 3, table, "tags are given to cases of Winoground alone", "match", MODEL, IMAGES, table,
                "--tags", write(cli, "tags.json", "{}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(cases_are_counted_and_kept),        CLI_TEST(a_box_is_what_the_model_sees),
        CLI_TEST(winoground_has_scores_of_each_tag), CLI_TEST(relations_are_averaged_as_aro_does),
        CLI_TEST(checkpoints_stand_side_by_side),    CLI_TEST(what_is_wrong_is_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
