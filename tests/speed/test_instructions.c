/* test_instructions.c: the main loops take no more instructions than they did, whatever the clock does.
 *
 * Each loop runs once under callgrind, which counts the instructions of `counted` alone, and of the second
 * pass, when all is warm. Callgrind knows AVX2 and not AVX-512, so these are the AVX2 kernels' counts, the
 * same on every processor that has AVX2. They belong to the compiler that made them: of another one more is
 * allowed, and fewer than a flop's share of a vector would mean that nothing was counted.
 *
 *     WRITE=1 build/tests/speed/test_instructions      prints the table below as it is now
 */
#define _GNU_SOURCE
#include "tests/speed/loops.h"

#include "clip/math/strips.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RECORDED_BY "12.2.0" /* gcc -O3 */
#define TOLERANCE 0.03
#define OTHER_COMPILER 0.30

/* Millions of instructions. */
static const struct {
    const char *name;
    double instructions;
} RECORDED[] = {
    {"packed product", 1.2303}, /* 0.139 for a flop */
    {"product", 1.3092},        /* 0.148 for a flop */
    {"gradient", 1.4200},       /* 0.161 for a flop */
    {"ViT", 4.1375},            /* 0.181 for a flop */
    {"ResNet", 11.9142},        /* 0.198 for a flop */
    {"training step", 4.0974},  /* 0.159 for a flop */
    {"search", 0.5038},         /* 0.480 for a flop */
    {"resize", 0.9449},
    {"head", 0.2683},
};

static double recorded(const char *name) {
    for (size_t i = 0; i < sizeof RECORDED / sizeof *RECORDED; i++)
        if (strcmp(RECORDED[i].name, name) == 0)
            return 1e6 * RECORDED[i].instructions;
    return 0;
}

/* --- the child: one loop --- */

enum { NOT_HERE = 77 };

/* Named to callgrind: it counts while this runs. */
__attribute__((noinline)) void counted(const SpeedLoop *loop, void *context);
void counted(const SpeedLoop *loop, void *context) {
    loop->run(context);
    __asm__ volatile("" ::: "memory"); /* no tail call: it would end what is counted */
}

static int run_loop(const char *name) {
    const SpeedLoop *loop = speed_loop_find(name);
    if (!loop || strip_best_panel() != 16)
        return NOT_HERE;
    void *context = loop->make();
    loop->run(context);
    counted(loop, context);
    printf("flops %.0f\n", loop->flops ? loop->flops(context) : 0.0);
    return 0;
}

/* --- the test --- */

static char *program;

static bool has_callgrind(void) {
    return system("valgrind --tool=callgrind --version >/dev/null 2>&1") == 0;
}

/* False where this processor, as valgrind shows it, has no AVX2. Both streams of the child are read. */
static bool count(const char *name, double *instructions, double *flops) {
    char command[8192], line[512];
    snprintf(command, sizeof command,
             "OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1 valgrind --tool=callgrind "
             "--callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect=counted '%s' '%s' 2>&1",
             program, name);
    FILE *child = popen(command, "r");
    assert_non_null(child);
    *instructions = *flops = -1;
    while (fgets(line, sizeof line, child)) {
        const char *collected = strstr(line, "Collected : ");
        if (collected)
            *instructions = strtod(collected + 12, NULL);
        if (strncmp(line, "flops ", 6) == 0)
            *flops = strtod(line + 6, NULL);
    }
    const int status = pclose(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
        return false;
    if (status != 0 || *instructions < 0 || *flops < 0)
        fail_msg("%s: callgrind has failed", name);
    return true;
}

static void no_loop_takes_more(void **state) {
    const bool same_compiler = strcmp(__VERSION__, RECORDED_BY) == 0, write = getenv("WRITE") != NULL;
    const double most = 1 + (same_compiler ? TOLERANCE : OTHER_COMPILER);
    int n_slower = 0;
    (void)state;
#if defined(NO_FUSED) || !defined(__OPTIMIZE__)
    skip(); /* other kernels, other code */
#endif
    if (scratch_instrumented())
        skip();
    if (!has_callgrind()) {
        print_message("instructions are not counted: valgrind is not here (make tools)\n");
        skip();
    }
    const SpeedLoop *loop;
    for (size_t i = 0; (loop = speed_loop(i)); i++) {
        double instructions, flops;
        if (!count(loop->name, &instructions, &flops)) {
            print_message("instructions are not counted: no AVX2 here\n");
            skip();
        }
        const double was = recorded(loop->name);
        if (write)
            printf("    {\"%s\", %.4f},%s", loop->name, 1e-6 * instructions, flops > 0 ? "" : "\n");
        if (write && flops > 0)
            printf(" /* %.3f for a flop */\n", instructions / flops);
        assert_true(instructions > flops / 16); /* a multiply-add of eight numbers is 16 */
        if (instructions > most * was) {
            print_message("%s: %.0f instructions, %.1f %% more than the %.0f that are recorded\n", loop->name,
                          instructions, 100 * (instructions / was - 1), was);
            n_slower++;
        } else if (same_compiler && instructions < (1 - TOLERANCE) * was)
            print_message("%s: %.0f instructions, %.1f %% fewer: WRITE=1 prints what to record\n", loop->name,
                          instructions, 100 * (1 - instructions / was));
    }
    if (!write)
        assert_int_equal(n_slower, 0);
}

int main(int argc, char **argv) {
    if (argc == 2)
        return run_loop(argv[1]);
    program = argv[0];
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_loop_takes_more)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
