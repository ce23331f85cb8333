/* report_support.c: see report_support.h */
#include "tests/support/report_support.h"

#include "clip/base/files.h"
#include "tests/support/html_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void result_give(Cli *cli, const Given *given) {
    char key[65];
    Error err = {0};
    const double per_class[3] = {50, 100, 0};
    const char *text =
        arena_printf(cli->arena, "%s %s %d %d", given->dataset, given->label, given->num_shots, given->seed);
    digest_bytes(key, text, strlen(text));
    Result result = {.key = key,
                     .dataset = given->dataset,
                     .source = given->source,
                     .method = "a method of next year",
                     .label = given->label,
                     .folder = given->point,
                     .config = given->config,
                     .num_shots = given->num_shots,
                     .seed = given->seed,
                     .n_classes = given->n_classes,
                     .n_test = 4,
                     .accuracy = given->accuracy,
                     .train_seconds = given->train_seconds > 0 ? given->train_seconds : NAN,
                     .trained_parameters = given->trained_parameters > 0 ? given->trained_parameters : NAN,
                     .per_class = given->n_classes == 3 ? per_class : NULL,
                     .backbone = given->backbone ? given->backbone : "RN50"};
    if (result_append(cli_path(cli, "%s", given->folder), &result, &err) < 0)
        fail_msg("%s", err.text);
}

const char *page_read(Cli *cli, const char *path) {
    char why[200];
    const char *page = cli_read(cli, path, NULL);
    if (html_fault(page, why, sizeof why))
        fail_msg("%s: %s", path, why);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "src=\"http"));
    assert_null(strstr(page, "@import"));
    return page;
}

int page_count(const char *page, const char *part) {
    int n = 0;
    for (const char *at = page; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

void page_has(const char *page, const char *part) {
    if (!strstr(page, part))
        fail_msg("the page lacks: %s", part);
}
