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
    assert_string_equal(cli->out, "in %         cases  RN w16 (1,2,2,1)\n"
                                  "------------------------------------\n"
                                  "own overall      2             50.00\n"
                                  "own sure         2            100.00\n");
    cli_copy(KEY, cli_path(cli, "COCO_val2014_000000000042.jpg"));
    const char *questions = write(cli, "q.json",
                                  "{\"data_subtype\": \"val2014\", \"questions\": [{\"question_id\": 7, "
                                  "\"image_id\": 42, \"question\": \"What?\"}]}");
    const char *annotations =
        write(cli, "a.json",
              "{\"annotations\": [{\"question_id\": 7, \"answer_type\": \"other\", \"question_type\": "
              "\"what\", \"answers\": [{\"answer\": "
              "\"The key.\"}, {\"answer\": \"a key\"}, {\"answer\": \"cup\"}, {\"answer\": \"cup\"}]}]}");
    cli_ok(cli, "ask", MODEL, TEMPLATE, "--images", cli_path(cli, "."), "--answers", "key,cup,boat",
           "--questions", questions, "--annotations", annotations, "--out", cli_path(cli, "out"));
    assert_non_null(strstr(cli->out, "\nq overall             1             50.00\n"
                                     "q sure                1            100.00\n"
                                     "q answers other       1             50.00\n"
                                     "q questions what      1             50.00\n"));
    const ResultList results = cli_results(cli, "out", &lines);
    assert_int_equal(lines, 4);
    assert_string_equal(results.results[2].label, "answers other");
    cli_ok(cli, "report", cli_path(cli, "out"));
    assert_non_null(strstr(cli->out, "questions what"));
    const char *twice = write(cli, "b.json",
                              "{\"annotations\": [{\"question_id\": 7, \"answers\": [{\"answer\": \"x\"}]}, "
                              "{\"question_id\": 7, \"answers\": [{\"answer\": \"x\"}]}]}");
    cli_refuses(cli, 3, twice, "question 7 comes twice", "ask", MODEL, "--images", cli_path(cli, "."),
                "--questions", questions, "--annotations", twice);
    const char *other = write(cli, "c.json", "{\"annotations\": [{\"question_id\": 8, \"answers\": []}]}");
    cli_refuses(cli, 3, other, "annotations[0]: there is no question 8", "ask", MODEL, "--images",
                cli_path(cli, "."), "--questions", questions, "--annotations", other);
}

static void candidates_come_from_the_files_too(void **state) {
    Cli *cli = *state;
    cli_copy(KEY, cli_path(cli, "abstract_v002_val2015_000000000042.png"));
    const char *questions = write(
        cli, "mc.json",
        "{\"data_type\": \"abstract_v002\", \"data_subtype\": \"val2015\", \"questions\": ["
        "{\"question_id\": 7, \"image_id\": 42, \"question\": \"What?\", \"multiple_choices\": [\"cup\", "
        "\"key\"]}, "
        "{\"question_id\": 8, \"image_id\": 42, \"question\": \"What?\", \"multiple_choices\": [\"cup\", "
        "\"boat\"]}, "
        "{\"question_id\": 9, \"image_id\": 42, \"question\": \"What?\", \"multiple_choices\": [\"x\"]}]}");
    const char *annotations = write(cli, "mc_a.json",
                                    "{\"annotations\": [{\"question_id\": 8, \"multiple_choice_answer\": "
                                    "\"key\", \"answers\": [{\"answer\": "
                                    "\"key\"}]}, {\"question_id\": 7, \"multiple_choice_answer\": \"cup\", "
                                    "\"answers\": [{\"answer\": \"key\"}]}]}");
    const char *const files[] = {"--images", cli_path(cli, "."), "--questions",
                                 questions,  "--annotations",    annotations};
    cli_ok(cli, "ask", MODEL, TEMPLATE, files[0], files[1], files[2], files[3], files[4], files[5], "--json");
    assert_non_null(strstr(cli->out, "\"overall\":{\"percent\":50.0,\"n\":2}"));
    assert_non_null(strstr(cli->out, "{\"question_id\":7,\"answer\":\"key\",\"probability\":0.9"));
    assert_null(strstr(cli->out, "{\"question_id\":8,\"answer\":\"key\"")); /* no choice of it */
    assert_non_null(strstr(cli->err, "mc.json: 1 question has no annotation: left out"));
    assert_non_null(strstr(cli->err, "each question's multiple_choices are the candidates"));
    cli_ok(cli, "ask", MODEL, TEMPLATE, files[0], files[1], files[2], files[3], files[4], files[5], "--json",
           "--answers", annotations, "--model", "experiments/demo/clip_demo.safetensors");
    assert_non_null(strstr(cli->out, "\"overall\":{\"percent\":100.0,\"n\":2}"));
    assert_non_null(strchr(strchr(cli->out, '\n') + 1, '\n')); /* a line for each checkpoint */
    assert_non_null(strstr(cli->err, "2 of 2 answers are the candidates: those of 100.0 % of the questions"));
    assert_non_null(strstr(cli->err, "--answers are the candidates, not the file's multiple_choices"));
}

static void what_is_wrong_is_one_line(void **state) {
    Cli *cli = *state;
    cli_refuses(cli, 2, "coop ask: an image, a question and --answers are needed", "", "ask", MODEL, KEY,
                "--answers", "a,b");
    cli_refuses(cli, 2, "coop ask: --template 'a photo'", "no {answer}", "ask", MODEL, KEY, "What?",
                "--answers", "a,b", "--template", "a photo");
    cli_refuses(cli, 2, "coop ask: --template '{questoin} {answer}': '{questoin}'", "are known", "ask", MODEL,
                KEY, "What?", "--answers", "a,b", "--template", "{questoin} {answer}");
    cli_refuses(cli, 2, "coop ask: --most goes with VQA's annotations as --answers", "", "ask", MODEL, KEY,
                "What?", "--answers", "a,b", "--most", "5");
    cli_refuses(cli, 2, "coop ask: --top goes with an image", "", "ask", MODEL, "--images",
                cli_path(cli, "."), "--questions", "q.tsv", "--top", "5");
    const char *one = write(cli, "one.txt", "cup\n");
    cli_refuses(cli, 3, one, "one answer: nothing to choose from", "ask", MODEL, KEY, "What?", "--answers",
                one);
    const char *table = write(cli, "t.tsv", "image\tquestion\tanswer\na.jpg\tWhat?\tcup\n");
    cli_refuses(cli, 3, table, "one answer to all questions", "ask", MODEL, "--images", cli_path(cli, "."),
                "--questions", table);
    cli_refuses(cli, 2, "coop ask: --answers 'a,b,a': ", "comes twice", "ask", MODEL, KEY, "What?",
                "--answers", "a,b,a");
    cli_refuses(cli, 2, "coop ask: --answers 'answrs.txt': neither a file nor two answers or more", "", "ask",
                MODEL, KEY, "What?", "--answers", "answrs.txt");
    cli_refuses(cli, 2, "coop ask: the question is empty", "", "ask", MODEL, KEY, " ", "--answers", "a,b");
    cli_refuses(cli, 2, "coop ask: several checkpoints go with --questions FILE", "", "ask", MODEL, "--model",
                "x", KEY, "What?", "--answers", "a,b");
    const char *questions = write(cli, "q.json", "{\"questions\": []}");
    cli_refuses(cli, 3, questions, "VQA's questions want their --annotations", "ask", MODEL, "--images",
                cli_path(cli, "."), "--questions", questions);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(candidates_are_ranked), CLI_TEST(many_questions_are_counted_as_vqa_does),
        CLI_TEST(candidates_come_from_the_files_too), CLI_TEST(what_is_wrong_is_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
