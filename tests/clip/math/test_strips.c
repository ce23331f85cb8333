/* Strips of every height and width against single chains of fused multiply-adds, and transposes. */
#include "clip/math/strips.h"

#include "tests/support/multiply_add.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = 37, LDA = 40, LDC = 70 };

static void check_strip(int panel, int mr, int columns) {
    float a[STRIP_ROWS * LDA], b[K * STRIP_PANEL], bias[STRIP_PANEL], c[STRIP_ROWS * LDC],
        was[STRIP_ROWS * LDC];
    float ahead[K * STRIP_AHEAD] = {0};
    fill_normal(a, STRIP_ROWS * LDA, 1, 1);
    fill_normal(b, K * STRIP_PANEL, 1, 2);
    fill_normal(bias, STRIP_PANEL, 1, 3);
    fill_normal(c, STRIP_ROWS * LDC, 1, 4);
    memcpy(was, c, sizeof c);
    const Strip strip = {.mr = mr,
                         .k = K,
                         .columns = columns,
                         .a = a,
                         .b = b,
                         .lda = LDA,
                         .ldc = LDC,
                         .start = c,
                         .bias = bias,
                         .c = c,
                         .ahead = ahead};
    strip_run(strip_kernel(panel), &strip, panel);
    for (int i = 0; i < STRIP_ROWS; i++)
        for (int j = 0; j < LDC; j++) {
            float sum = was[i * LDC + j];
            if (i < mr && j < columns) {
                sum += bias[j];
                for (int p = 0; p < K; p++)
                    sum = multiply_add(a[i * LDA + p], b[p * panel + j], sum);
            }
            assert_true(c[i * LDC + j] == sum);
        }
}

static void strips_are_single_chains(void **state) {
    (void)state;
    const int panels[] = {64, 16};
    for (int i = 0; i < 2; i++)
        for (int mr = 1; strip_can_multiply(panels[i]) && mr <= STRIP_ROWS; mr++) {
            check_strip(panels[i], mr, panels[i]);
            for (int columns = 5; columns < panels[i]; columns += 8)
                check_strip(panels[i], mr, columns);
        }
}

static void transpose_turns_every_element(void **state) {
    (void)state;
    float in[20 * 30], out[25 * 33];
    fill_normal(in, 20 * 30, 1, 1);
    if (!strip_best_panel())
        return;
    for (int rows = 1; rows <= 20; rows++)
        for (int columns = 1; columns <= 25; columns++) {
            strip_transpose(out, 33, in, 30, rows, columns);
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++)
                    assert_true(out[j * 33 + i] == in[i * 30 + j]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strips_are_single_chains),
        cmocka_unit_test(transpose_turns_every_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
