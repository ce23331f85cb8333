/* test_schedule.c: the rates of OpenCLIP's scheduler.py, worked out there. */
#include "experiments/pretrain/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_rates(PretrainOptim optim, const double expected[6]) {
    static const long steps[] = {0, 3, 4, 11, 17, 19};
    for (int i = 0; i < 6; i++) {
        double rate = schedule_rate(&optim, steps[i], 5);
        if (fabs(rate - expected[i]) > 1e-12)
            fail_msg("step %ld: %.15g where %.15g is expected", steps[i], rate, expected[i]);
    }
}

static void rates_are_those_of_openclip(void **state) {
    (void)state;
    PretrainOptim optim = {.lr = 0.002, .warmup = 4, .epochs = 4, .epochs_cooldown = 2};
    optim.lr_cooldown_end = 0.0001;
    optim.lr_cooldown_power = 2;
    assert_rates(optim, (const double[]){0.0005, 0.002, 0.002, 0.00119509032201613, 0.000168530387697455,
                                         1.92147195967696e-05});
    optim.lr_scheduler = LR_CONST;
    assert_rates(optim, (const double[]){0.0005, 0.002, 0.002, 0.002, 0.002, 0.002});
    optim.lr_scheduler = LR_CONST_COOLDOWN;
    assert_rates(optim, (const double[]){0.0005, 0.002, 0.002, 0.001639, 0.000271, 0.000119});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates_are_those_of_openclip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
