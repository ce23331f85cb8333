/* test_cli_ask.c: `coop ask` on the demo's drawings: one question, a table of them, VQA's files, refusals. */
#include "tests/support/cli_support.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MODEL "--model", "experiments/demo/clip_demo.safetensors", "--activation", "quick_gelu"
#define DRAWINGS "experiments/demo/camouflage/images"
#define KEY DRAWINGS "/key/test_030.jpg"
#define TEMPLATE "--template", "a photo of a {answer}."

static const char *write(Cli *cli, const char *name, const char *text) {
    const char *path = cli_path(cli, "%s", name);
    scratch_file(path, text, strlen(text));
    return path;
}

static void candidates_are_ranked(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "ask", MODEL, KEY, "What is it?", "--answers", "cup, key,boat", TEMPLATE);
    assert_int_equal(strncmp(cli->out, "key ", 4), 0);
    const char *printed = cli->out;
    cli_ok(cli, "ask", MODEL, KEY, "What {answer} is it?", "--answers",
           write(cli, "answers.txt", "cup\nkey\n\nboat\n"), TEMPLATE, "--threads", "3");
    assert_string_equal(cli->out, printed); /* the template has no {question} */
    cli_ok(cli, "ask", MODEL, KEY, "What is it?", "--answers", "cup,key", "--json", "--top", "1");
    assert_non_null(strstr(cli->out, "{\"answers\":[{\"answer\":\""));
}

static void many_questions_are_counted_as_vqa_does(void **state) {
    Cli *cli = *state;
    int lines;
    cli_ok(cli, "ask", MODEL, TEMPLATE, "--images", DRAWINGS, "--answers", "key,cup,boat", "--questions",
           write(cli, "own.tsv",
                 "image\tquestion\tanswer\nkey/test_030.jpg\tWhat?\tkey\nkey/test_030.jpg\tWhich?\tcup\n"));
    assert_string_equal(cli->out, "own, overall: 2 questions: 50.00 %\n");
    cli_copy(KEY, cli_path(cli, "COCO_val2014_000000000042.jpg"));
    const char *questions = write(cli, "q.json",
                                  "{\"data_subtype\": \"val2014\", \"questions\": [{\"question_id\": 7, "
                                  "\"image_id\": 42, \"question\": \"What?\"}]}");
    const char *annotations = write(
        cli, "a.json",
        "{\"annotations\": [{\"question_id\": 7, \"answer_type\": \"other\", \"answers\": [{\"answer\": "
        "\"The key.\"}, {\"answer\": \"a key\"}, {\"answer\": \"cup\"}, {\"answer\": \"cup\"}]}]}");
    cli_ok(cli, "ask", MODEL, TEMPLATE, "--images", cli_path(cli, "."), "--answers", "key,cup,boat",
           "--questions", questions, "--annotations", annotations, "--out", cli_path(cli, "out"));
    assert_string_equal(cli->out, "q, overall: 1 questions: 50.00 %\nq, other: 1 questions: 50.00 %\n");
    const ResultList results = cli_results(cli, "out", &lines);
    assert_int_equal(lines, 2);
    assert_string_equal(results.results[1].label, "other");
    const char *twice = write(cli, "b.json",
                              "{\"annotations\": [{\"question_id\": 7, \"answers\": [{\"answer\": \"x\"}]}, "
                              "{\"question_id\": 7, \"answers\": [{\"answer\": \"x\"}]}]}");
    cli_refuses(cli, 3, twice, "question 7 comes twice", "ask", MODEL, "--images", cli_path(cli, "."),
                "--questions", questions, "--annotations", twice);
    const char *other = write(cli, "c.json", "{\"annotations\": [{\"question_id\": 8, \"answers\": []}]}");
    cli_refuses(cli, 3, other, "annotations[0]: there is no question 8", "ask", MODEL, "--images",
                cli_path(cli, "."), "--questions", questions, "--annotations", other);
}

static void what_is_wrong_is_one_line(void **state) {
    Cli *cli = *state;
    cli_refuses(cli, 2, "coop ask: an image, a question and --answers are needed", "", "ask", MODEL, KEY,
                "--answers", "a,b");
    cli_refuses(cli, 2, "coop ask: --template 'a photo'", "no {answer}", "ask", MODEL, KEY, "What?",
                "--answers", "a,b", "--template", "a photo");
    cli_refuses(cli, 2, "coop ask: a,b,a: 'a' stands there twice", "", "ask", MODEL, KEY, "What?",
                "--answers", "a,b,a");
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(candidates_are_ranked),
                                       CLI_TEST(many_questions_are_counted_as_vqa_does),
                                       CLI_TEST(what_is_wrong_is_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
