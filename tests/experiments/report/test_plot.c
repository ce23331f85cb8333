/* test_plot.c: experiments/report/plot.c: every line of a figure can be told from the others, by colour and
 * without it, on white and on black. */
#include "experiments/report/plot.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_LOOKS = 20, N_LINES = 40, N_POINTS = 200 };

static double channel(const char *hex) {
    unsigned value;
    assert_int_equal(sscanf(hex, "%2x", &value), 1);
    double part = value / 255.0;
    return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4);
}

/* Relative luminance as in WCAG 2. */
static double luminance(const char *colour) {
    return 0.2126 * channel(colour + 1) + 0.7152 * channel(colour + 3) + 0.0722 * channel(colour + 5);
}

static void test_colours(void **state) {
    (void)state;
    const double dark = luminance("#15181c"); /* the page at night */
    for (int i = 0; i < N_LOOKS; i++) {
        double light = luminance(plot_colour(i));
        assert_true(1.05 / (light + 0.05) >= 2.9);
        assert_true((light + 0.05) / (dark + 0.05) >= 2.9);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(plot_colour(i), plot_colour(k));
    }
}

/* What the legend draws before a name, without the colours; owned by the arena. */
static char *key_of(int look, Arena *arena) {
    static const PlotPoint points[] = {{0, 0, 0}, {1, 1, 0}};
    const PlotSeries series = {.name = "", .look = look, .points = points, .n = 2};
    const Plot plot = {.series = &series, .n_series = 1};
    Html html = {.arena = arena};
    plot_legend(&html, &plot);
    char *copy = buffer_take(&html.out, arena);
    for (char *at = copy; (at = strchr(at, '#')); at++)
        memset(at, ' ', strlen("#000000"));
    return copy;
}

static void test_without_colour(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const char *keys[N_LINES + 1];
    for (int i = 0; i <= N_LINES; i++) {
        keys[i] = key_of(i < N_LINES ? i : LOOK_PUBLISHED, arena);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    }
    arena_free(arena);
}

/* A point has a mark and a colour, and nothing else. */
static void test_points(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const char *marks[N_POINTS];
    for (int i = 0; i < N_POINTS; i++) {
        marks[i] = strstr(key_of(i, arena), "<text");
        for (int k = 0; k < i; k++)
            assert_true(strcmp(marks[i], marks[k]) != 0 || strcmp(plot_colour(i), plot_colour(k)) != 0);
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_colours), cmocka_unit_test(test_without_colour),
                                       cmocka_unit_test(test_points)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
