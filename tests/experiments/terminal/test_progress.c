/* test_progress.c: experiments/terminal/progress.c with a clock of its own: what is drawn, when, and how
 * wide. */
#include "experiments/terminal/progress.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

#include <cmocka.h>

/* A stream and a clock that the test sets. */
typedef struct {
    Progress progress;
    FILE *out;
    Arena *arena;
    double now;
} Stage;

static double stage_clock(void *context) {
    return *(double *)context;
}

static Stage *stage_start(void **state, ProgressMode mode, const char *label, long total, int width) {
    Stage *stage = *state;
    progress_start_with(&stage->progress, stage->out, mode, label, total, width, stage_clock, &stage->now);
    return stage;
}

static const char *stage_text(Stage *stage) {
    return stream_text(stage->out, stage->arena);
}

static int setup(void **state) {
    Stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        return -1;
    stage->out = tmpfile();
    stage->arena = arena_create();
    *state = stage;
    return stage->out && stage->arena ? 0 : -1;
}

static int teardown(void **state) {
    Stage *stage = *state;
    fclose(stage->out);
    arena_free(stage->arena);
    free(stage);
    return 0;
}

static int count(const char *text, char letter) {
    int n = 0;
    for (; *text; text++)
        n += *text == letter;
    return n;
}

static void test_bar(void **state) {
    Stage *stage = stage_start(state, PROGRESS_BAR, "encoding", 200, 80);
    for (int i = 1; i < 1000; i++) {
        stage->now = i * 0.001;
        progress_update(&stage->progress, i / 20);
    }
    assert_string_equal(stage_text(stage), ""); /* nothing in the first second, ten lines in the next */
    for (int i = 1000; i <= 2000; i++) {
        stage->now = i * 0.001;
        progress_update(&stage->progress, i / 20);
    }
    assert_in_range(count(stage_text(stage), '\r'), 10, 11);
    assert_int_equal(count(stage_text(stage), '\n'), 0);
    progress_note(&stage->progress, "loss %.2f", 0.5);
    stage->now = 2;
    progress_finish(&stage->progress);
    const char *last = strrchr(stage_text(stage), '\r');
    assert_string_equal(
        last, "\rencoding  ━━━━━━━━━━━━────────────   50%  100/200  50/s  0:02 left  loss 0.50\033[K\n");
    size_t n = strlen(stage_text(stage));
    progress_update(&stage->progress, 7);
    progress_finish(&stage->progress);
    progress_print(&stage->progress, "late");
    assert_int_equal(strlen(stage_text(stage)), n);
}

static void test_end(void **state) {
    Stage *stage = stage_start(state, PROGRESS_BAR, "training", 3, 60);
    stage->now = 3661;
    progress_update(&stage->progress, 99);
    progress_finish(&stage->progress);
    const char *last = strrchr(stage_text(stage), '\r');
    assert_string_equal(last, "\rtraining  ━━━━━━━━━━━━━━━━  100%  3/3  1220 s each  1:01:01\033[K\n");
}

static void test_lines(void **state) {
    Stage *stage = stage_start(state, PROGRESS_LINES, "training", 100, 0);
    for (int i = 1; i <= 25; i++) {
        stage->now = i;
        progress_update(&stage->progress, i);
    }
    progress_print(&stage->progress, "warning: %s", "odd");
    progress_finish(&stage->progress);
    assert_string_equal(stage_text(stage), "training   10%  10/100  1.0/s  1:30 left\n"
                                           "training   20%  20/100  1.0/s  1:20 left\n"
                                           "warning: odd\n"
                                           "training   25%  25/100  1.0/s  1:15 left\n");
}

static void test_unknown_total(void **state) {
    Stage *stage = stage_start(state, PROGRESS_LINES, "reading", 0, 0);
    stage->now = 12;
    progress_update(&stage->progress, 6);
    progress_finish(&stage->progress);
    assert_string_equal(stage_text(stage), "reading  6  0.5/s  0:12\nreading  6  0.5/s  0:12\n");
}

static void test_quiet(void **state) {
    Stage *stage = stage_start(state, PROGRESS_QUIET, "x", 10, 80);
    stage->now = 100;
    progress_update(&stage->progress, 5);
    progress_note(&stage->progress, "n");
    assert_string_equal(stage_text(stage), "");
    progress_print(&stage->progress, "a warning");
    progress_finish(&stage->progress);
    assert_string_equal(stage_text(stage), "a warning\n");
}

/* What is done in a moment leaves no trace, nor do errors on the way. */
static void test_short(void **state) {
    static const ProgressMode modes[] = {PROGRESS_BAR, PROGRESS_LINES};
    for (int i = 0; i < 2; i++) {
        Stage *stage = stage_start(state, modes[i], "x", 10, 40);
        stage->now += 0.9;
        progress_update(&stage->progress, 10);
        progress_finish(&stage->progress);
        stage_start(state, modes[i], "x", 10, 40);
        progress_erase(&stage->progress);
        assert_string_equal(stage_text(stage), "");
    }
    Stage *stage = stage_start(state, PROGRESS_BAR, "x", 10, 40);
    progress_print(&stage->progress, "a warning");
    assert_string_equal(stage_text(stage), "a warning\n");
}

/* What an earlier run has done does not make this one look fast. */
static void test_resume(void **state) {
    Stage *stage = stage_start(state, PROGRESS_LINES, "training", 0, 0);
    progress_resume(&stage->progress, 50, 100);
    stage->now = 10;
    progress_update(&stage->progress, 60);
    assert_string_equal(stage_text(stage), "training   60%  60/100  1.0/s  0:40 left\n");
    progress_erase(&stage->progress);
}

/* Many short parts are one work: one second before the first bar, ten bars a second, rates by the part. */
static void test_restart(void **state) {
    Stage *stage = stage_start(state, PROGRESS_BAR, "part 0", 2, 60);
    for (int i = 1; i <= 50; i++) {
        stage->now = i * 0.03;
        progress_restart(&stage->progress, "part n", 2);
        stage->now += 0.02;
        progress_update(&stage->progress, 1);
        if (i <= 30)
            assert_string_equal(stage_text(stage), "");
    }
    assert_in_range(count(stage_text(stage), '\r'), 4, 6);
    assert_non_null(strstr(stage_text(stage), "\rpart n  "));
    assert_non_null(strstr(stage_text(stage), "1/2  50/s"));
    progress_erase(&stage->progress);
    progress_restart(&stage->progress, "late", 1);
    progress_update(&stage->progress, 1);
    assert_null(strstr(stage_text(stage), "late"));
}

static Stage *stage_with_bar(void **state) {
    Stage *stage = stage_start(state, PROGRESS_BAR, "x", 10, 40);
    stage->now += 1;
    progress_update(&stage->progress, 1);
    assert_int_equal(count(stage_text(stage), '\r'), 1);
    return stage;
}

/* The bar leaves, a line comes, the bar is drawn again below. */
static void test_print(void **state) {
    Stage *stage = stage_with_bar(state);
    size_t before = strlen(stage_text(stage));
    progress_print(&stage->progress, "a warning");
    const char *text = stage_text(stage) + before;
    assert_int_equal(strncmp(text, "\r\033[Ka warning\n\rx  ", strlen("\r\033[Ka warning\n\rx  ")), 0);
    progress_finish(&stage->progress);
}

static void test_erase(void **state) {
    Stage *stage = stage_with_bar(state);
    size_t before = strlen(stage_text(stage));
    progress_erase(&stage->progress);
    progress_finish(&stage->progress);
    assert_string_equal(stage_text(stage) + before, "\r\033[K");
}

/* No width makes a line wider than it, cuts a letter in two, or ends badly. */
static void test_narrow(void **state) {
    Stage *stage = stage_start(state, PROGRESS_BAR, "画像 bilder\n\x1b[0m", 1000, 200);
    assert_null(strchr(stage->progress.label, '\n'));
    assert_null(strchr(stage->progress.label, '\x1b'));
    stage->now = 5;
    progress_update(&stage->progress, 999);
    for (int width = 1; width <= 200; width++) {
        char line[1024];
        progress_line(&stage->progress, 5, width, line, sizeof line);
        assert_true(u8_strwidth((uint8_t *)line, "UTF-8") <= width);
        assert_null(u8_check((uint8_t *)line, strlen(line)));
        assert_null(strstr(line, "100%"));
    }
    progress_finish(&stage->progress);
    const char *text = stage_text(stage);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_zeroed(void **state) {
    (void)state;
    Progress progress = {0};
    progress_update(&progress, 1);
    progress_note(&progress, "x");
    progress_print(&progress, "x");
    progress_finish(&progress);
}

static void test_file_is_no_terminal(void **state) {
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    Progress progress;
    progress_start(&progress, file, false, "x", 1);
    assert_int_equal(progress.mode, PROGRESS_LINES);
    progress_start(&progress, file, true, "x", 1);
    assert_int_equal(progress.mode, PROGRESS_QUIET);
    fclose(file);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_bar),
        TEST(test_end),
        TEST(test_lines),
        TEST(test_unknown_total),
        TEST(test_quiet),
        TEST(test_short),
        TEST(test_resume),
        TEST(test_restart),
        TEST(test_print),
        TEST(test_erase),
        TEST(test_narrow),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_file_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
