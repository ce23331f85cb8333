/* test_arguments.c: experiments/original/arguments.c: a command line as argparse reads it. */
#include "experiments/original/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

enum { MAX_WORDS = 30 };

/* The words of a line, apart by blanks. */
static int parse(Arguments *arguments, const char *line, Arena *arena, Error *err) {
    char *copy = arena_strdup(arena, line), **argv = ARENA_NEW(arena, char *, MAX_WORDS);
    int argc = 0;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return arguments_parse(arguments, argc, argv, arena, err);
}

static void test_parse(void **state) {
    Arguments a;
    Error err = {0};
    assert_int_equal(parse(&a,
                           "--root /d --seed=3 --trainer CoOp --transforms a b --eval-only --load-ep 50 "
                           "--write TRAINER.COOP.N_CTX 4 --seed 5",
                           *state, &err),
                     0);
    assert_string_equal(a.root, "/d");
    assert_string_equal(a.trainer, "CoOp");
    assert_string_equal(a.config_file, "");
    assert_int_equal(a.seed, 3);
    assert_int_equal(a.load_epoch, 50);
    assert_int_equal(a.transforms.n, 2);
    assert_true(a.eval_only && a.write_split_fewshot && !a.no_train);
    assert_int_equal(a.opts.n, 4); /* all that follows the first of them */
    assert_string_equal(a.opts.values[2], "--seed");
    assert_int_equal(parse(&a, "--seed -1", *state, &err), 0);
    assert_int_equal(a.seed, -1);
    assert_int_equal(parse(&a, "", *state, &err), 0);
    assert_int_equal(a.load_epoch, -1);
}

static void refuses(Arena *arena, const char *line, const char *expected) {
    Arguments arguments;
    Error err = {0};
    assert_int_equal(parse(&arguments, line, arena, &err), -1);
    assert_string_equal(err.text, expected);
    assert_int_equal(err.kind, ERROR_USAGE);
}

static void test_refusals(void **state) {
    refuses(*state, "--r /d", "--r: may be --resume or --root");
    refuses(*state, "--seeds 1", "unknown option '--seeds' (did you mean '--seed'?)");
    refuses(*state, "-s 1", "unknown option '-s'");
    refuses(*state, "--seed x", "--seed x: an integer is needed");
    refuses(*state, "--root", "--root: a value is needed");
    refuses(*state, "--root --seed 1", "--root: a value is needed");
    refuses(*state, "--transforms --seed 1", "--transforms: at least one value is needed");
    refuses(*state, "--eval-only=1", "--eval-only takes no value");
}

static void test_print(void **state) {
    Arguments arguments;
    Buffer out = {0};
    assert_int_equal(parse(&arguments, "--source-domains a b --seed 2 K V", *state, NULL), 0);
    arguments_print(&out, &arguments);
    assert_string_equal(buffer_text(&out),
                        "backbone: \nconfig_file: \ndataset_config_file: \neval_only: False\nhead: \n"
                        "load_epoch: None\nmodel_dir: \nno_train: False\nopts: ['K', 'V']\noutput_dir: \n"
                        "resume: \nroot: \nseed: 2\nsource_domains: ['a', 'b']\ntarget_domains: None\n"
                        "trainer: \ntransforms: None\n");
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_print, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
