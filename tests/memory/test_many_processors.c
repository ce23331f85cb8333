/* test_many_processors.c: on a machine with 64 processors OpenBLAS starts none of the threads that it would,
 * so that little address space is enough, and too little is told at once. */
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char library[4200], counted[4200];
static rlim_t limit_kb; /* of address space; 0: none */

static void many_processors(void) {
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"};
    for (int i = 0; i < 3; i++)
        unsetenv(names[i]);
    setenv("LD_PRELOAD", library, 1);
    setenv("COUNTED_THREADS", counted, 1);
    if (limit_kb > 0)
        setrlimit(RLIMIT_AS, &(struct rlimit){limit_kb << 10, limit_kb << 10});
    alarm(60); /* a program that spins is killed by it */
}

static const char *threads(Cli *cli) {
    return cli_read(cli, counted, NULL);
}

static void test_threads(void **state) {
    Cli *cli = *state;
    if (scratch_instrumented())
        skip();
    snprintf(library, sizeof library, "%.*s/tests/memory/many_processors.so",
             (int)(strrchr(cli->program, '/') - cli->program), cli->program);
    snprintf(counted, sizeof counted, "%s", cli_path(cli, "threads"));
    const char *const words[] = {
        "zeroshot",  "--model", FIXTURES "clip_vit.safetensors",    "--vocab",   FIXTURES "merges.txt.gz",
        "--classes", "cat,dog", FIXTURES "images/shape05/0004.jpg", "--threads", "1",
        NULL};
    cli_expect(cli, 0, words);
    const char *want = cli->out;
    limit_kb = 0;
    cli->before = many_processors;
    cli_expect(cli, 0, words);
    assert_string_equal(cli->out, want);
    assert_string_equal(threads(cli), "1\n"); /* which decodes images beside the tower */
    for (limit_kb = 150000; limit_kb <= 350000; limit_kb += 50000) {
        cli->before = many_processors;
        cli_start(cli, words);
        int status = cli_wait(cli);
        assert_true(status == 0 || status == 4);
        assert_true(status == 0 || strstr(cli->err, "coop zeroshot: out of memory\n"));
    }
    assert_int_equal(cli->status, 0); /* 64 threads would not have fitted in by far */
    assert_string_equal(cli->out, want);
    /* by default there is a thread for each processor, so the 64 are really seen */
    limit_kb = 0;
    const char *const all[] = {
        "zeroshot",  "--model", FIXTURES "clip_vit.safetensors",    "--vocab", FIXTURES "merges.txt.gz",
        "--classes", "cat,dog", FIXTURES "images/shape05/0004.jpg", NULL};
    cli->before = many_processors;
    cli_expect(cli, 0, all);
    assert_true(atoi(threads(cli)) >= 63);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
