/* test_score_table.c: measures by their labels, and what is printed of them in a terminal and as JSON. */
#include "experiments/retrieve/score_table.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    ScoreList lists[2]; /* one set, two checkpoints */
} Table;

static void fill(Table *table) {
    table->arena = arena_create();
    for (int m = 0; m < 2; m++) {
        table->lists[m].dataset = "swap";
        Measure *measure = score_at(&table->lists[m], "text", table->arena);
        *measure = (Measure){.label = "text", .percent = m == 0 ? 50 : 66.666, .n = 3};
        measure = score_at(&table->lists[m], "holding text", table->arena);
        measure->is_detail = true;
        measure = score_at(&table->lists[m], "macro", table->arena);
        measure->percent = NAN;
    }
}

static void a_label_has_one_measure(void **state) {
    (void)state;
    Table table = {0};
    fill(&table);
    const char label[] = {'t', 'e', 'x', 't', 0};
    assert_ptr_equal(score_at(&table.lists[0], label, table.arena), &table.lists[0].measures[0]);
    assert_int_equal(table.lists[0].n, 3);
    assert_true(isnan(table.lists[0].measures[1].mean_rank));
    arena_free(table.arena);
}

/* What these print, read from a file in place of stdout. */
static const char *printed(void **state, Table *table, bool json) {
    char path[300];
    size_t size;
    Error err = {0};
    static const char *const models[] = {"RN50", "a much longer name"};
    scratch_path(state, "out", path, sizeof path);
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    assert_non_null(freopen(path, "w", stdout));
    if (json) {
        json_begin();
        assert_int_equal(
            score_list_print_json(&table->lists[1], models[1], json_pack("{s:i}", "more", 7), &err), 0);
    } else
        score_table_print(table->lists, 1, models, 2, table->arena);
    fflush(stdout);
    assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
    close(kept);
    return file_read(path, 1 << 16, table->arena, &size, &err);
}

static void checkpoints_are_columns(void **state) {
    Table table = {0};
    fill(&table);
    assert_string_equal(printed(state, &table, false), "in %        cases      RN50  a much longer name\n"
                                                       "-----------------------------------------------\n"
                                                       "swap text       3     50.00               66.67\n"
                                                       "swap macro      0         -                   -\n");
    arena_free(table.arena);
}

static void json_has_the_details_too(void **state) {
    Table table = {0};
    fill(&table);
    assert_string_equal(
        printed(state, &table, true),
        "{\"model\":\"a much longer name\",\"dataset\":\"swap\",\"scores\":{\"text\":{\"percent\":"
        "66.665999999999997,\"n\":3},\"holding text\":{\"percent\":0.0,\"n\":0},\"macro\":{"
        "\"percent\":null,\"n\":0}},\"more\":7}\n");
    arena_free(table.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_has_one_measure),
        cmocka_unit_test_setup_teardown(checkpoints_are_columns, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(json_has_the_details_too, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
