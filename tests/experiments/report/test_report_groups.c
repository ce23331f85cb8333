/* test_report_groups.c: experiments/report/report_groups.c: which results are compared with which. */
#include "clip/base/files.h"
#include "experiments/report/report_groups.h"
#include "tests/support/experiment_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A result with a key of its own. */
static void add(Trial *trial, const char *folder, const Result *what) {
    char key[65];
    Result result = *what;
    const char *text = arena_printf(trial->arena, "%s %s %s %d %d %g %s", result.dataset,
                                    result.source ? result.source : "", result.label, result.num_shots,
                                    result.seed, result.accuracy, result.config ? result.config : "");
    digest_bytes(key, text, strlen(text));
    result.key = key;
    result.folder = "point";
    if (!result.method)
        result.method = "coop";
    if (!result.backbone)
        result.backbone = "RN50";
    if (!result.model_digest)
        result.model_digest = "aaaaaaaaaaaa";
    const char *path = arena_printf(trial->arena, "%s/%s", (const char *)trial->scratch, folder);
    if (result_append(path, &result, &trial->err) < 0)
        fail_msg("%s", trial->err.text);
}

#define ADD(folder, ...) add(trial, folder, &(Result){__VA_ARGS__})

static ReportGroups read_folders(Trial *trial, const char *a, const char *b) {
    ReportGroups data;
    const char *folders[] = {arena_printf(trial->arena, "%s/%s", (const char *)trial->scratch, a),
                             arena_printf(trial->arena, "%s/%s", (const char *)trial->scratch, b ? b : "")};
    if (report_groups_read(&data, folders, b ? 2 : 1, trial->arena, &trial->err) < 0)
        fail_msg("%s", trial->err.text);
    return data;
}

/* An experiment was changed and run again: the label means the later configuration. */
static void test_later_counts(void **state) {
    Trial *trial = *state;
    ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 10);
    ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 2, .accuracy = 30);
    ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 20);
    ReportGroups data = read_folders(trial, "a", NULL);
    assert_true(data.n == 1 && data.n_datasets == 1 && data.n_results == 2 && data.n_backbones == 1);
    const Cell *cell = cells_at(&data.groups[0].cells, 0, 0);
    assert_true(cell->n == 2 && cell->mean == 25 && cell->std == 5);
    assert_true(group_score(&data.groups[0], "x", 1)->accuracy == 20);
    assert_null(group_score(&data.groups[0], "x", 2));
    /* wherever the line of the earlier stands */
    ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 99,
        .finished = "2024-05-01T12:00:00Z");
    data = read_folders(trial, "a", NULL);
    assert_true(group_score(&data.groups[0], "x", 1)->accuracy == 20);
}

/* Rows are kept apart by folder where they would mix, by backbone where there are several. */
static void test_rows(void **state) {
    Trial *trial = *state;
    ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 10);
    ADD("b", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 20);
    ADD("b", .dataset = "pets", .label = "y", .num_shots = 1, .seed = 1, .accuracy = 30);
    ReportGroups data = read_folders(trial, "a", "b");
    const CellTable *cells = &data.groups[0].cells;
    assert_int_equal(cells->n_rows, 3);
    assert_string_equal(cells->labels[0],
                        arena_printf(trial->arena, "x (%s/a)", (const char *)trial->scratch));
    assert_string_equal(cells->labels[1],
                        arena_printf(trial->arena, "x (%s/b)", (const char *)trial->scratch));
    assert_string_equal(cells->labels[2], "y");
    ADD("c", .dataset = "pets", .label = "y", .num_shots = 1, .seed = 1, .accuracy = 1, .backbone = "ViT");
    ADD("c", .dataset = "pets", .label = "y", .num_shots = 1, .seed = 2, .accuracy = 1,
        .model_digest = "bbbbbbbbbbbb");
    data = read_folders(trial, "b", "c");
    cells = &data.groups[0].cells;
    assert_int_equal(data.n_backbones, 3);
    assert_int_equal(cells->n_rows, 4);
    assert_string_equal(cells->labels[1], "y, RN50 aaaaaaaa");
    assert_string_equal(cells->labels[2], "y, ViT");
    assert_string_equal(cells->labels[3], "y, RN50 bbbbbbbb");
}

#define PART(part) "{\"dataset\":{\"subsample_classes\":\"" part "\"}}"

/* What all datasets have is averaged for each seed. */
static void test_average(void **state) {
    Trial *trial = *state;
    for (int seed = 1; seed <= 2; seed++) {
        ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = seed, .accuracy = 10 * seed);
        ADD("b", .dataset = "dtd", .label = "x", .num_shots = 1, .seed = seed, .accuracy = 30);
        ADD("b", .dataset = "cars", .label = "x", .num_shots = 1, .seed = seed, .accuracy = 80);
    }
    ADD("a", .dataset = "pets", .label = "y", .num_shots = 1, .seed = 1, .accuracy = 1);
    ADD("b", .dataset = "cars", .label = "x", .num_shots = 2, .seed = 1, .accuracy = 80);
    ReportGroups data = read_folders(trial, "a", "b");
    assert_true(data.n == 4 && data.n_datasets == 3);
    static const char *const names[] = {"average of 3 datasets", "pets", "dtd", "cars"};
    for (int g = 0; g < 4; g++)
        assert_string_equal(data.groups[g].dataset, names[g]);
    const Group *average = &data.groups[0];
    assert_true(average->n == 2 && average->n_datasets == 3 && average->cells.n_rows == 1 &&
                average->cells.n_columns == 1);
    assert_true(fabs(cells_at(&average->cells, 0, 0)->mean - 125.0 / 3) < 1e-9);
    assert_true(fabs(cells_at(&average->cells, 0, 0)->std - 5.0 / 3) < 1e-9);
    assert_null(average->scores[0].folder);
    /* Nothing in common but a prompt without training: no average. */
    ADD("c", .dataset = "aircraft", .label = "z", .num_shots = 1, .seed = 1, .accuracy = 80);
    ADD("c", .dataset = "aircraft", .label = "zero", .num_shots = SHOTS_NONE, .accuracy = 80);
    ADD("d", .dataset = "pets", .label = "y", .num_shots = 1, .seed = 1, .accuracy = 80);
    ADD("d", .dataset = "pets", .label = "zero", .num_shots = SHOTS_NONE, .accuracy = 80);
    data = read_folders(trial, "c", "d");
    assert_true(data.n == 2 && data.groups[0].n_datasets == 1);
}

/* Base classes are averaged with base classes, new with new; what was learned elsewhere is a row of its own.
 */
static void test_parts(void **state) {
    Trial *trial = *state;
    static const char *const sets[] = {"pets", "cars"};
    for (int i = 0; i < 2; i++) {
        const char *base = arena_printf(trial->arena, "%s_base", sets[i]);
        const char *new = arena_printf(trial->arena, "%s_new", sets[i]);
        ADD("a", .dataset = base, .label = "x", .num_shots = 1, .seed = 1, .accuracy = 60 + 20 * i,
            .config = PART("base"));
        ADD("a", .dataset = new, .label = "x", .num_shots = 1, .seed = 1, .accuracy = 50 + 20 * i,
            .source = base, .config = PART("new"));
        ADD("a", .dataset = "other", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 5, .source = base);
    }
    ReportGroups data = read_folders(trial, "a", NULL);
    static const char *const names[] = {"average of 2 datasets, base classes",
                                        "average of 2 datasets, new classes",
                                        "pets_base",
                                        "pets_new",
                                        "other",
                                        "cars_base",
                                        "cars_new"};
    assert_int_equal(data.n, 7);
    for (int g = 0; g < 7; g++)
        assert_string_equal(data.groups[g].dataset, names[g]);
    const Score *new = &data.groups[1].scores[0];
    assert_true(data.groups[0].scores[0].accuracy == 70 && new->accuracy == 60);
    assert_string_equal(new->label, "x, learned on the base classes");
    assert_string_equal(new->method, "x");
    assert_string_equal(new->source, names[0]);
    assert_string_equal(find_group(&data, "pets_new")->scores[0].source, "pets_base");
    assert_string_equal(find_group(&data, "other")->scores[1].label, "x, learned on cars_base");
    assert_null(find_group(&data, "dogs"));
}

static void test_settings(void **state) {
    Trial *trial = *state;
    ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 10, .n_settings = 3,
        .settings = {{"n_ctx", SETTING_INT, {.integer = 4}},
                     {"ctx_init", SETTING_TEXT, {.text = "a photo of a"}},
                     {"class_token_position", SETTING_TEXT, {.text = "end"}}},
        .config = "{\"method\":{\"name\":\"new\",\"n_ctx\":0,\"ctx_init\":\"a photo of a\",\"csc\":true,"
                  "\"templates\":[\"{}\"],\"vocab\":\"d\",\"optim\":{\"lr\":0.002,\"deep\":{\"er\":1}}}}");
    ADD("a", .dataset = "pets", .label = "y", .num_shots = 1, .seed = 1, .accuracy = 10, .config = "[1]");
    ReportGroups data = read_folders(trial, "a", NULL);
    const Score *score = &data.groups[0].scores[0];
    assert_string_equal(setting_value(score, "n_ctx"), "4");
    assert_string_equal(setting_value(score, "ctx_init"), "“a photo of a”");
    assert_string_equal(setting_value(score, "csc"), "true");
    assert_string_equal(setting_value(score, "optim.lr"), "0.002");
    assert_string_equal(setting_value(score, "backbone"), "RN50");
    assert_int_equal(score->n_settings, 6);
    for (int i = 1; i < score->n_settings; i++)
        assert_true(strcmp(score->settings[i - 1].name, score->settings[i].name) < 0);
    assert_int_equal(data.groups[0].scores[1].n_settings, 0);
}

/* A file that somebody has edited: a setting of the wrong type is as good as none. */
static void test_wrong_types(void **state) {
    Trial *trial = *state;
    ADD("a", .dataset = "pets", .label = "x", .num_shots = 1, .seed = 1, .accuracy = 10, .n_settings = 1,
        .settings = {{"ctx_init", SETTING_TEXT, {.text = "a photo"}}},
        .config = "{\"method\":{\"n_ctx\":0,\"ctx_init\":\"a photo\"}}");
    const char *path = arena_printf(trial->arena, "%s/a/results.jsonl", (const char *)trial->scratch);
    char *text = file_read(path, 1 << 20, trial->arena, NULL, &trial->err);
    assert_non_null(text);
    char *value = strstr(text, "\"ctx_init\":\"a photo\"");
    assert_non_null(value);
    memcpy(value + strlen("\"ctx_init\":"), "555555555", strlen("\"a photo\""));
    memcpy(strstr(text, "\"check\""), "\"other\"", strlen("\"other\"")); /* nobody has checked it */
    assert_int_equal(file_write(path, text, strlen(text), &trial->err), 0);
    ReportGroups data = read_folders(trial, "a", NULL);
    assert_string_equal(setting_value(&data.groups[0].scores[0], "ctx_init"), "random");
    assert_string_equal(setting_value(&data.groups[0].scores[0], "n_ctx"), "0");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, trial_setup, trial_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_later_counts), TEST(test_rows),     TEST(test_average),
                                       TEST(test_parts),        TEST(test_settings), TEST(test_wrong_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
