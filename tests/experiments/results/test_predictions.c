/* test_predictions.c: experiments/results/predictions.c: what is written comes back, whatever classes and
 * files are called; damaged files are refused with their line. */
#include "clip/base/files.h"
#include "experiments/results/predictions.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEADER "path,label,class,predicted,predicted_class,confidence\n"

static const char *trial_file(Trial *trial, const char *name) {
    char path[300];
    return arena_strdup(trial->arena, scratch_path(&trial->scratch, name, path, sizeof path));
}

static void test_round_trip(void **state) {
    Trial *trial = *state;
    Item items[] = {{"a, \"b\"/1.jpg", 0}, {"/abs/\xff\n2.jpg", 1}, {" blank ", 2}};
    const char *names[] = {"x,y", "<script>\"</td>", " \r\n", "never"};
    Dataset dataset = {.root = "pics", .n_classes = 4, .class_names = names, .test = {items, 3}};
    const float logits[] = {0, 0, 0, 0, /**/ 1, 5, 1, 1, /**/ INFINITY, 0, 0, 0};
    const int predicted[] = {0, 1, 0};
    const char *path = trial_file(trial, "p.csv"), *again = trial_file(trial, "q.csv");
    assert_int_equal(predictions_write(path, logits, predicted, &dataset, trial->arena, &trial->err), 0);
    assert_int_equal(predictions_write(again, logits, predicted, &dataset, trial->arena, &trial->err), 0);
    size_t size, size_again;
    char *text = file_read(path, 1 << 20, trial->arena, &size, NULL);
    char *text_again = file_read(again, 1 << 20, trial->arena, &size_again, NULL);
    assert_true(size == size_again && memcmp(text, text_again, size) == 0);
    Predictions read;
    assert_int_equal(predictions_read(&read, path, 4, trial->arena, &trial->err), 0);
    assert_int_equal(read.n, 3);
    static const char *const paths[] = {"pics/a, \"b\"/1.jpg", "/abs/\xff\n2.jpg", "pics/ blank "};
    const double confidence[] = {0.25, 1 / (1 + 3 * exp(-4)), 1};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(read.items[i].path, paths[i]);
        assert_int_equal(read.items[i].label, items[i].label);
        assert_int_equal(read.items[i].predicted, predicted[i]);
        assert_true(fabs(read.items[i].confidence - confidence[i]) < 1e-6);
        assert_string_equal(read.class_names[i], names[i]);
    }
    assert_string_equal(read.class_names[3], "class 3");
}

/* What a spreadsheet would compute is written as a text, and read as it was; numbers stay numbers. */
static void test_formulas(void **state) {
    Trial *trial = *state;
    Item items[] = {{"=a.jpg", 0}, {"b.jpg", 1}, {"c.jpg", 2}, {"d.jpg", 3}, {"e.jpg", 4}};
    const char *names[] = {"=HYPERLINK(\"x\")", "'=1", "'tis", "-5", "@a", "+1", "\tx", "\rx"};
    Dataset dataset = {.root = "", .n_classes = 8, .class_names = names, .test = {items, 5}};
    const float logits[5 * 8] = {0};
    const int predicted[] = {4, 5, 6, 7, 0};
    const char *path = trial_file(trial, "p.csv");
    assert_int_equal(predictions_write(path, logits, predicted, &dataset, trial->arena, &trial->err), 0);
    const char *text = file_read(path, 1 << 20, trial->arena, NULL, NULL);
    static const char *const lines[] = {",0,\"'=HYPERLINK(\"\"x\"\")\",4,\"'@a\",0.125000\n",
                                        ",1,\"''=1\",5,\"'+1\",0.125000\n", ",2,'tis,6,\"'\tx\",0.125000\n",
                                        ",3,\"'-5\",7,\"'\rx\",0.125000\n"};
    for (int i = 0; i < 4; i++)
        if (!strstr(text, lines[i]))
            fail_msg("%s lacks %s", text, lines[i]);
    Predictions read;
    assert_int_equal(predictions_read(&read, path, 8, trial->arena, &trial->err), 0);
    for (int k = 0; k < 8; k++)
        assert_string_equal(read.class_names[k], names[k]);
    /* A path is "=..." where the images lie in the working directory. */
    scratch_file(path, HEADER "'=a.jpg,0,x,0,x,1\n", strlen(HEADER) + 18);
    assert_int_equal(predictions_read(&read, path, 1, trial->arena, &trial->err), 0);
    assert_string_equal(read.items[0].path, "=a.jpg");
}

static void test_damage(void **state) {
    Trial *trial = *state;
    static const struct {
        const char *text, *reason;
    } bad[] = {{"", "empty file"},
               {"path,label\n", "line 1: 2 fields where 6 are needed"},
               {"path,label,class,predicted,confidence,predicted_class\n",
                "column 5: 'confidence' where 'predicted_class' is needed"},
               {HEADER "a,0,x,0,x\n", "line 2: 5 fields where 6 are needed"},
               {HEADER "a,0,x,0,x,1,1\n", "line 2: 7 fields where 6 are needed"},
               {HEADER "a,0,x,2,x,1\n", "line 2: a label that is not one of 2 classes"},
               {HEADER "a,0,x,0,x,1\na,-1,x,0,x,1\n", "line 3: a label that is not one of 2 classes"},
               {HEADER "a,99999999999999999999,x,0,x,1\n", "line 2: a label that is not one of 2 classes"},
               {HEADER "a,,x,0,x,1\n", "line 2: a label that is not one of 2 classes"},
               {HEADER "a,0,x,0,x,nan\n", "line 2: confidence 'nan'"},
               {HEADER "a,0,x,0,x,1.5\n", "line 2: confidence '1.5'"},
               {HEADER "\"a,0,x,0,x,1\n", "line 2: a quote is never closed"}};
    const char *path = trial_file(trial, "p.csv");
    Predictions read;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_file(path, bad[i].text, strlen(bad[i].text));
        assert_int_equal(predictions_read(&read, path, 2, trial->arena, &trial->err), -1);
        assert_string_equal(trial->err.text, arena_printf(trial->arena, "%s: %s", path, bad[i].reason));
        assert_int_equal(trial->err.kind, ERROR_INPUT);
    }
    scratch_file(path, HEADER, strlen(HEADER));
    assert_int_equal(predictions_read(&read, path, 2, trial->arena, &trial->err), 0);
    assert_int_equal(read.n, 0);
    assert_int_equal(predictions_read(&read, path, INT32_MAX, trial->arena, &trial->err), -1);
    assert_int_equal(predictions_read(&read, path, 0, trial->arena, &trial->err), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_formulas, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_damage, trial_setup, trial_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
