/* test_yacs.c: experiments/original/yacs.c and yacs_keys.c: merging by yacs's rules, and what is refused. */
#include "experiments/original/yacs.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    void *scratch;
    Arena *arena;
    Yacs config;
    Error err;
} Trial;

static int setup(void **state) {
    static Trial trial;
    trial = (Trial){.arena = arena_create()};
    *state = &trial;
    return scratch_setup(&trial.scratch) || yacs_start(&trial.config, YACS_COOP_CODE, trial.arena, NULL);
}

static int teardown(void **state) {
    Trial *trial = *state;
    arena_free(trial->arena);
    return scratch_teardown(&trial->scratch);
}

static int merge_file(Trial *trial, const char *text, char path[300]) {
    scratch_path(&trial->scratch, "a.yaml", path, 300);
    scratch_file(path, text, strlen(text));
    return yacs_merge_file(&trial->config, path, &trial->err);
}

static void test_defaults(void **state) {
    Trial *trial = *state;
    const Yacs *config = &trial->config;
    assert_string_equal(yacs_text(config, "OUTPUT_DIR"), "./output");
    assert_true(yacs_number(config, "OPTIM.LR") == 0.0003);
    assert_int_equal(yacs_get(config, "INPUT.SIZE")->n, 2);
    assert_int_equal(yacs_get(config, "TRAINER.COOP.CTX_INIT")->type, PY_STR);
    Yacs later;
    assert_int_equal(yacs_start(&later, YACS_LATER_CODE, trial->arena, &trial->err), 0);
    assert_int_equal(yacs_get(&later, "TRAINER.COOP.CTX_INIT")->type, PY_BOOL);
    assert_true(yacs_number(&later, "LOSS.LAMBDA") == 1);
    assert_int_equal(yacs_key_find("LOSS.LAMBDA", YACS_COOP_CODE), -1);
    for (int i = 0; yacs_key_at(i); i++)
        assert_true(yacs_is_default(config, i));
}

static void test_merge(void **state) {
    Trial *trial = *state;
    char path[300];
    const char *const pairs[] = {"TRAINER.COOP.CSC", "True",     "DATASET.NUM_SHOTS", "4",
                                 "INPUT.SIZE",       "[32, 32]", "DATASET.NAME",      "None"};
    assert_int_equal(
        merge_file(trial,
                   "OPTIM:\n  WARMUP_CONS_LR: 1e-5\n  MAX_EPOCH: 50\nINPUT:\n  SIZE: (224, 224)\n"
                   "  TRANSFORMS: [\"a\", \"b\"]\nTRAINER:\n  COOP:\n    CTX_INIT: \"a photo of a\"",
                   path),
        0);
    assert_true(yacs_number(&trial->config, "OPTIM.WARMUP_CONS_LR") == 1e-5);
    assert_int_equal(yacs_int(&trial->config, "OPTIM.MAX_EPOCH"), 50);
    assert_string_equal(yacs_text(&trial->config, "TRAINER.COOP.CTX_INIT"), "a photo of a");
    assert_int_equal(yacs_get(&trial->config, "INPUT.TRANSFORMS")->type, PY_TUPLE); /* as it was */
    assert_int_equal(yacs_merge_pairs(&trial->config, pairs, 8, &trial->err), 0);
    assert_true(yacs_truth(&trial->config, "TRAINER.COOP.CSC"));
    assert_int_equal(yacs_get(&trial->config, "INPUT.SIZE")->items[1].integer, 32);
    assert_int_equal(yacs_get(&trial->config, "DATASET.NAME")->type, PY_NONE);
}

static void refuses_file(Trial *trial, const char *text, const char *expected) {
    char path[300], message[800];
    assert_int_equal(merge_file(trial, text, path), -1);
    snprintf(message, sizeof message, "%s: %s", path, expected);
    assert_string_equal(trial->err.text, message);
    assert_int_equal(trial->err.kind, ERROR_INPUT);
}

static void refuses_pair(Trial *trial, const char *key, const char *value, const char *expected) {
    const char *const pair[] = {key, value};
    assert_int_equal(yacs_merge_pairs(&trial->config, pair, value ? 2 : 1, &trial->err), -1);
    assert_string_equal(trial->err.text, expected);
    assert_int_equal(trial->err.kind, ERROR_USAGE);
}

static void test_refusals(void **state) {
    Trial *trial = *state;
    refuses_file(trial, "OPTIM:\n  LRR: 1.0\n", "line 2: OPTIM.LRR: no such key (did you mean 'OPTIM.LR'?)");
    refuses_file(trial, "OPTIM:\n  LR: 1\n",
                 "line 2: OPTIM.LR: 1: a value of type int, where float is needed");
    refuses_file(trial, "OPTIM: 3\n", "line 1: OPTIM: keys are needed below it, not a value");
    refuses_file(trial, "a", "line 1: a map of keys is needed");
    refuses_pair(trial, "TRAINER.COOP.CSC", "true",
                 "TRAINER.COOP.CSC: 'true': a value of type str, where bool is needed");
    refuses_pair(trial, "TRAINER.COOP.W", "8.0",
                 "TRAINER.COOP.W: no such key (did you mean 'TRAINER.COOP.CSC'?)");
    refuses_pair(trial, "DATASET.NUM_SHOTS", NULL,
                 "DATASET.NUM_SHOTS: a key without a value: KEY VALUE pairs are needed at the end");
}

/* Sections stand among keys by name, as print(cfg) has them. */
static void test_print(void **state) {
    Trial *trial = *state;
    Buffer out = {0};
    yacs_print(&out, &trial->config);
    const char *text = buffer_text(&out);
    assert_ptr_equal(strstr(text, "DATALOADER:\n  K_TRANSFORMS: 1\n  NUM_WORKERS: 4\n"), text);
    assert_non_null(
        strstr(text, "\n  TEST:\n    BATCH_SIZE: 32\n    SAMPLER: SequentialSampler\n  TRAIN_U:\n"));
    assert_non_null(strstr(text, "\nOUTPUT_DIR: ./output\nRESUME: \nSEED: -1\nTEST:\n"));
    assert_non_null(strstr(text, "\n  STEPSIZE: (-1,)\n  WARMUP_CONS_LR: 1e-05\n"));
    assert_null(strstr(text, "LOSS"));
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_print, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
