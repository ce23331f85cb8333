/* test_report_words.c: experiments/report/report_words.c: the words nearest to every learned vector of every
 * class and method, folded. */
#include "clip/base/files.h"
#include "coop/prompt_file.h"
#include "experiments/report/report.h"
#include "tests/support/report_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { K = 10, M = 3, N_PROMPTS = 6 }; /* more than a page once had room for */

static void test_all(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run",
           cli_experiment(
               cli, "out", "vit",
               "grid: {num_shots: [1], seed: [1]}\noptim: {max_epoch: 1, batch_size: 8}\nmethods:\n"
               "  - coop: {n_ctx: 3, csc: [false, true], class_token_position: [end, middle, front]}\n"));
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE)),
               *words = strstr(page, "Nearest words");
    assert_non_null(words);
    char *section = arena_strdup(cli->arena, words);
    *strstr(section, "</section>") = '\0';
    assert_int_equal(page_count(section, "<details><summary>"), N_PROMPTS);
    assert_int_equal(page_count(section, "<td><b>"), 3 * M + 3 * K * M);
    assert_int_equal(page_count(section, "<th>vector 3</th>"), 3);
    Prompt prompt;
    Error err = {0};
    const char *path = cli_point_file(cli, "out", "CoOp M=3 end csc", 1, PROMPT_FILE);
    assert_int_equal(prompt_read(&prompt, path, cli->arena, &err), 0);
    assert_int_equal(prompt.n_classes, K);
    for (int k = 0; k < K; k++) {
        char *name = arena_strdup(cli->arena, prompt.class_names[k]);
        for (char *at = name; *at; at++)
            *at = *at == '_' ? ' ' : *at;
        assert_int_equal(page_count(section, arena_printf(cli->arena, "<tr><th>%s</th><td>", name)), 3);
    }
    /* The same words as coop words has: its first line is of the first class, the second of its first vector.
     */
    cli_ok(cli, "words", path, "--top", "1");
    char *line = strchr(cli->out, '\n') + 1, word[100];
    double distance;
    assert_int_equal(sscanf(line, "%*d %99s %lf", word, &distance), 2);
    page_has(section, arena_printf(cli->arena, "%.3f</td>", distance));
    if (!strpbrk(word, "<>&\"'"))
        page_has(section, arena_printf(cli->arena, "<td><b>%s</b> ", word));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
