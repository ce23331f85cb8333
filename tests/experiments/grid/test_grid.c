/* test_grid.c: experiments/grid/grid.c and point.c: which points, in which order, under which
 * names.
 */
#include "clip/base/files.h"
#include "experiments/config/names.h"
#include "experiments/grid/grid.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Keys, folders and (label, shots, seed) are distinct; keys are digests of the texts. */
static void check_distinct(const Grid *grid) {
    for (int i = 0; i < grid->n; i++) {
        const Point *a = &grid->points[i];
        char key[65];
        digest_bytes(key, a->config, strlen(a->config));
        assert_string_equal(a->key, key);
        assert_null(strchr(a->config, '\n'));
        for (int j = 0; j < i; j++) {
            const Point *b = &grid->points[j];
            assert_string_not_equal(a->key, b->key);
            if (strcmp(a->folder, b->folder) == 0)
                fail_msg("two points in %s", a->folder);
            if (strcmp(a->label, b->label) == 0 && a->num_shots == b->num_shots && a->seed == b->seed)
                fail_msg("two points called %s", a->label);
        }
    }
}

static void test_design_example(void **state) {
    Trial *trial = *state;
    Grid grid =
        trial_expand(trial, LEAST "grid: {num_shots: [1, 2, 4, 8, 16], seed: [1, 2, 3]}\n"
                                  "methods:\n"
                                  "- zeroshot: {templates: default}\n"
                                  "- zeroshot: {templates: ensemble}\n"
                                  "- linear_probe: {}\n"
                                  "- coop: {n_ctx: [4, 16], class_token_position: [end, middle, front], "
                                  "csc: [false, true], ctx_init: \"\"}\n"
                                  "outputs: {logits: true}\n");
    assert_int_equal(grid.n, 1 + 1 + 15 + 2 * 3 * 2 * 15);
    check_distinct(&grid);
    const Point *p = &grid.points[0];
    assert_method(p->method, "zeroshot");
    assert_string_equal(p->label, "zero-shot");
    assert_string_equal(p->folder, "oxford_pets/zeroshot/RN50/default");
    assert_int_equal(p->num_shots, SHOTS_NONE);
    assert_int_equal(p->seed, 0);
    assert_true(p->logits);
    assert_int_equal(templates_of(p->method, p->options)->n, 1);
    assert_string_equal(grid.points[1].label, "zero-shot ensemble (7)");
    assert_int_equal(templates_of(grid.points[1].method, grid.points[1].options)->n, 7);
    p = &grid.points[2 + 4];
    assert_method(p->method, "linear_probe");
    assert_string_equal(p->label, "linear probe");
    assert_string_equal(p->folder, "oxford_pets/linear_probe/RN50_2shots/seed2");
    p = &grid.points[17];
    assert_method(p->method, "coop");
    assert_string_equal(p->label, "CoOp M=4 end");
    assert_string_equal(p->folder, "oxford_pets/coop/RN50_1shots/nctx4_cscFalse_ctpend/seed1");
    assert_int_equal(p->optim.max_epoch, 50);
    p = &grid.points[grid.n - 1];
    assert_string_equal(p->label, "CoOp M=16 front csc");
    assert_string_equal(p->folder, "oxford_pets/coop/RN50_16shots/nctx16_cscTrue_ctpfront/seed3");
    assert_int_equal(p->num_shots, 16);
    assert_int_equal(p->seed, 3);
    LearnerConfig learner = prompting_config(p);
    assert_int_equal(learner.n_ctx, 16);
    assert_true(learner.csc);
    assert_int_equal(learner.class_token_position, POSITION_FRONT);
    assert_int_equal(learner.seed, 3);
    assert_int_equal(p->optim.max_epoch, 200);
    assert_true(p->optim.lr == 0.002 && p->views == 0);
}

/* The documented order of the dimensions: max_epoch turns fastest. */
static void test_order(void **state) {
    Trial *trial = *state;
    Grid grid = trial_expand(
        trial, LEAST "grid: {num_shots: 1, seed: 1}\nmethods:\n"
                     "- coop: {n_ctx: [1, 2], csc: [false, true], lr: [0.1, 0.2], max_epoch: [3, auto]}\n");
    assert_int_equal(grid.n, 16);
    check_distinct(&grid);
    for (int i = 0; i < 16; i++) {
        const Point *p = &grid.points[i];
        assert_int_equal(prompting_config(p).n_ctx, 1 + i / 8);
        assert_int_equal(prompting_config(p).csc, i / 4 % 2);
        assert_true(p->optim.lr == (i / 2 % 2 ? 0.2 : 0.1));
        assert_int_equal(p->optim.max_epoch, i % 2 ? 50 : 3);
    }
    assert_string_equal(grid.points[0].label, "CoOp M=1 end lr=0.1 epochs=3");
    assert_string_equal(grid.points[15].label, "CoOp M=2 end csc lr=0.2 epochs=auto");
}

static void test_collisions(void **state) {
    Trial *trial = *state;
    char words[256], yaml[2048];
    scratch_path(&trial->scratch, "ctx.safetensors", words, sizeof words);
    scratch_file(words, "x", 1);
    snprintf(yaml, sizeof yaml,
             LEAST "grid: {num_shots: all, seed: 7}\nmethods:\n"
                   "- coop: {ctx_init: ['', a photo of a, 'a  photo, of a', %s]}\n"
                   "- coop: {lr: 0.01}\n"
                   "- coop: {lr: 0.02}\n"
                   "- coop: {max_epoch: 5}\n"
                   "- zeroshot: {templates: 'a photo of {}'}\n"
                   "- zeroshot: {templates: 'a photo of, {}'}\n"
                   "- zeroshot: {templates: ['a {}', 'b {}']}\n"
                   "- zeroshot: {templates: ['a {}', 'c {}']}\n",
             words);
    Grid grid = trial_expand(trial, yaml);
    assert_int_equal(grid.n, 11);
    check_distinct(&grid);
    assert_string_equal(grid.points[0].folder, "oxford_pets/coop/RN50_allshots/nctx16_cscFalse_ctpend/seed7");
    assert_string_equal(grid.points[1].label, "CoOp end \"a photo of a\"");
    const char *start = "oxford_pets/coop/RN50_allshots/init_a_photo_of_a_cscFalse_ctpend_";
    assert_int_equal(strncmp(grid.points[1].folder, start, strlen(start)), 0);
    assert_int_equal(strlen(grid.points[1].folder), strlen(start) + 8 + strlen("/seed7"));
    start = "oxford_pets/coop/RN50_allshots/init_ctx_cscFalse_ctpend_";
    assert_int_equal(strncmp(grid.points[3].folder, start, strlen(start)), 0);
    assert_int_equal(strlen(coop_of(grid.points[3].method, grid.points[3].options)->ctx_digest), 64);
    assert_string_equal(grid.points[10].label, "zero-shot ensemble (2) (2)");

    /* another content is another key in the same folder */
    scratch_file(words, "y", 1);
    Grid again = trial_expand(trial, yaml);
    assert_string_equal(again.points[2].key, grid.points[2].key);
    assert_string_not_equal(again.points[3].key, grid.points[3].key);
    assert_string_equal(again.points[3].folder, grid.points[3].folder);
}

static void test_duplicates(void **state) {
    Trial *trial = *state;
    Grid grid =
        trial_expand(trial, LEAST "grid: {num_shots: [1, 1, 2], seed: [3, 3]}\nmethods:\n"
                                  "- coop: {n_ctx: [4, 4]}\n- coop: {n_ctx: 4, lr: 2e-3}\n"
                                  "- zeroshot:\n- zeroshot: {templates: 'a photo of a {}, a type of pet.'}\n"
                                  "- coop: {ctx_init: a photo, n_ctx: [2, 3]}\n");
    assert_int_equal(grid.n, 2 + 1 + 2);
    assert_int_equal(grid.n_same, (2 + 1 + 2) * 6 + 2 - grid.n);
    check_distinct(&grid);

    /* "words:" stays only where the words would pass for a file; where ctx_init decides M, n_ctx is told
     * apart */
    grid = trial_expand(
        trial,
        LEAST "grid: {num_shots: 1, seed: 1}\nmethods:\n- coop: {ctx_init: 'words: a photo', n_ctx: 7}\n"
              "- coop: {ctx_init: a photo}\n- coop: {ctx_init: 'words: and/or'}\n");
    assert_int_equal(grid.n, 2);
    const PromptOptions *coop = coop_of(grid.points[0].method, grid.points[0].options);
    assert_string_equal(coop->ctx_init.values[0], "a photo");
    assert_int_equal(coop->ignored_n_ctx, 7);
    assert_int_equal(coop->n_ctx.n, 0);
    coop = coop_of(grid.points[1].method, grid.points[1].options);
    assert_string_equal(coop->ctx_init.values[0], "words: and/or");
    assert_int_equal(coop->ignored_n_ctx, 0);
}

static void test_names(void **state) {
    Trial *trial = *state;
    Grid grid =
        trial_expand(trial, LEAST "grid: {num_shots: 1, seed: 1}\nmethods:\n"
                                  "- coop: {name: Ours, csc: [false, true]}\n- coop: {name: Ours, lr: 0.1}\n"
                                  "- linear_probe: {name: LP}\n- zeroshot: {name: ZS}\n");
    assert_int_equal(grid.n, 5);
    assert_string_equal(grid.points[0].label, "Ours unified");
    assert_string_equal(grid.points[1].label, "Ours csc");
    assert_string_equal(grid.points[2].label, "Ours");
    assert_string_equal(grid.points[3].label, "LP");
    assert_string_equal(grid.points[4].label, "ZS");
}

/* Results of earlier versions stay valid: keys and folders are as they were. */
static void test_lasting_keys(void **state) {
    Trial *trial = *state;
    static const struct {
        const char *key, *folder;
    } lasting[] = {
        {"d163ea7dd0c685b685dc27451f42d356b8ace893d2a573fe1b2b743f6c9906b2", "zeroshot/RN50/default"},
        {"4c38554884bdab7162a776b1661f19f74ab7cabc2c5d3cf2fa8e7c8c99d1b0ec",
         "zeroshot/RN50/ensemble7_2cc12d61"},
        {"021329182d89ce06db3d64fbe87a278032ac89546843841fc4f89a46d4fdaaa6",
         "linear_probe/RN50_16shots/seed1"},
        {"c215ab5fe1c97dec3cc6e683ef0fe83f8e6d17c4564643e172d9736c6c5b5e21",
         "coop/RN50_16shots/nctx16_cscFalse_ctpend/seed1"},
        {"01f9f7f0c77f041ee2ff0772501eee7cb5d374016f3c057071d7abd7b2030c09",
         "coop/RN50_16shots/init_a_photo_of_a_cscTrue_ctpend_e83d55e9/seed1"}};
    Grid grid = trial_expand(
        trial, LEAST "grid: {num_shots: 16, seed: 1}\n"
                     "methods: [zeroshot: {}, zeroshot: {templates: ensemble}, linear_probe: {}, coop: {},\n"
                     "          coop: {csc: true, ctx_init: a photo of a, lr: 0.01, max_epoch: 9}]\n");
    assert_int_equal(grid.n, 5);
    for (int i = 0; i < grid.n; i++) {
        assert_string_equal(grid.points[i].key, lasting[i].key);
        assert_string_equal(grid.points[i].folder + strlen("oxford_pets/"), lasting[i].folder);
    }
}

/* Methods whose labels, texts and folders follow from their keys alone. */
static void test_plain_methods(void **state) {
    Trial *trial = *state;
    Grid grid = trial_expand(trial, LEAST "grid: {num_shots: 16, seed: 1}\nmethods:\n"
                                          "- text_layer: {layer: [linear, bias], lr: [0.002, 0.1]}\n"
                                          "- text_layer: {templates: ensemble}\n"
                                          "- tip_adapter: {train: [false, true], alpha: 1}\n"
                                          "- tip_adapter: {beta: [2, 5.5]}\n"
                                          "- tip_adapter: {name: mine, search: [true, false], max_alpha: 9}\n"
                                          "- tip_adapter: {alpha: 1.0}\n");
    static const struct {
        const char *label, *leaf;
    } expected[] = {{"text linear layer lr=0.002", "text_layer/RN50_16shots/default/seed1"},
                    {"text linear layer lr=0.1", "text_layer/RN50_16shots/"},
                    {"text bias lr=0.002", "text_layer/RN50_16shots/layerbias_"},
                    {"text bias lr=0.1", "text_layer/RN50_16shots/layerbias_"},
                    {"text linear layer", "text_layer/RN50_16shots/"},
                    {"Tip-Adapter", "tip_adapter/RN50_16shots/default/seed1"},
                    {"Tip-Adapter-F", "tip_adapter/RN50_16shots/traintrue_"},
                    {"Tip-Adapter beta=2", "tip_adapter/RN50_16shots/beta2_"},
                    {"mine search=true", "tip_adapter/RN50_16shots/max_alpha9_"},
                    {"mine search=false", "tip_adapter/RN50_16shots/searchfalse_max_alpha9_"}};
    assert_int_equal(grid.n, 10); /* a default that is written out is no other point */
    check_distinct(&grid);
    for (int i = 0; i < grid.n; i++) {
        assert_string_equal(grid.points[i].label, expected[i].label);
        assert_int_equal(strncmp(grid.points[i].folder + strlen("oxford_pets/"), expected[i].leaf,
                                 strlen(expected[i].leaf)),
                         0);
    }
    assert_true(grid.points[2].optim.lr == 0.002 && grid.points[3].optim.lr == 0.1);
    assert_int_equal(grid.points[0].optim.max_epoch, 200);
    assert_non_null(strstr(grid.points[6].config,
                           "\"method\":{\"alpha\":1.0,\"beta\":5.5,\"lr\":0.001,\"max_alpha\":3.0,"
                           "\"max_beta\":7.0,\"max_epoch\":20,\"name\":\"tip_adapter\",\"search\":true,"
                           "\"templates\":[\"a photo of a {}, a type of pet.\"],\"train\":true,"
                           "\"views\":0,\"vocab\":\"vocab-digest\"}"));
}

/* What must change a key, and what must not. */
static void test_keys(void **state) {
    Trial *trial = *state;
    const char *base = LEAST "methods: [coop: {}]\n";
    static const char *const same[] = {"output=elsewhere",
                                       "memory_budget=1GiB",
                                       "cache=c",
                                       "outputs.logits=true",
                                       "name=x",
                                       "grid.num_shots=[1, 99]",
                                       "methods.0.coop.name=x",
                                       "model.weights=other/place.pt",
                                       "model.precision=auto",
                                       "dataset.root=other"};
    static const char *const other[] = {"optim.lr=0.003",
                                        "optim.momentum=0.8",
                                        "optim.weight_decay=0",
                                        "optim.max_epoch=51",
                                        "optim.batch_size=31",
                                        "optim.lr_scheduler=constant",
                                        "optim.warmup_epoch=0",
                                        "optim.warmup_cons_lr=1e-4",
                                        "optim.shuffle=false",
                                        "augment.views=1",
                                        "dataset.subsample_classes=base",
                                        "methods.0.coop.n_ctx=4",
                                        "methods.0.coop.csc=true",
                                        "methods.0.coop.class_token_position=front",
                                        "methods.0.coop.ctx_init=a",
                                        "grid.seed=9",
                                        "grid.num_shots=3",
                                        "dataset.name=dtd"};
    trial_read_ok(trial, base, NULL);
    Grid first, grid;
    assert_int_equal(grid_expand(&first, &trial->experiment, &TRIAL_DIGESTS, trial->arena, NULL), 0);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        trial_read_ok(trial, base, same[i]);
        assert_int_equal(grid_expand(&grid, &trial->experiment, &TRIAL_DIGESTS, trial->arena, NULL), 0);
        if (strcmp(grid.points[0].key, first.points[0].key) != 0)
            fail_msg("%s changes the key", same[i]);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        trial_read_ok(trial, base, other[i]);
        assert_int_equal(grid_expand(&grid, &trial->experiment, &TRIAL_DIGESTS, trial->arena, NULL), 0);
        if (strcmp(grid.points[0].key, first.points[0].key) == 0)
            fail_msg("%s does not change the key", other[i]);
        if (strcmp(grid.points[0].folder, first.points[0].folder) == 0)
            fail_msg("%s does not change the folder", other[i]);
    }
    trial_read_ok(trial, base, NULL);
    const GridDigests changed[] = {{"x", "vocab-digest", "split-digest", PRECISION_FLOAT32},
                                   {"model-digest", "x", "split-digest", PRECISION_FLOAT32},
                                   {"model-digest", "vocab-digest", "x", PRECISION_FLOAT32},
                                   {NULL, "vocab-digest", "split-digest", PRECISION_FLOAT32}};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        assert_int_equal(grid_expand(&grid, &trial->experiment, &changed[i], trial->arena, NULL), 0);
        assert_string_not_equal(grid.points[0].key, first.points[0].key);
        assert_string_equal(grid.points[0].folder, first.points[0].folder);
    }
    assert_int_equal(grid_expand(&grid, &trial->experiment, NULL, trial->arena, NULL), 0);
}

/* What a choice of precision came to is in key and folder; float32 leaves both as they were without it. */
static void test_precision(void **state) {
    Trial *trial = *state;
    GridDigests here = TRIAL_DIGESTS;
    trial_read_ok(trial, LEAST "methods: [coop: {}]\n", NULL);
    Grid plain, grid;
    assert_int_equal(grid_expand(&plain, &trial->experiment, &here, trial->arena, NULL), 0);
    assert_null(strstr(plain.points[0].config, "precision"));
    here.precision = PRECISION_BFLOAT16;
    assert_int_equal(grid_expand(&grid, &trial->experiment, &here, trial->arena, NULL), 0);
    assert_non_null(strstr(grid.points[0].config, ",\"precision\":\"bfloat16\","));
    assert_string_not_equal(grid.points[0].key, plain.points[0].key);
    assert_string_equal(grid.points[0].folder,
                        "oxford_pets/coop/RN50_bfloat16_1shots/nctx16_cscFalse_ctpend/seed1");
}

static void test_errors(void **state) {
    Trial *trial = *state;
    Grid grid;
    trial_read_ok(trial, LEAST "methods: [coop: {ctx_init: no/such.safetensors}]\n", NULL);
    assert_int_equal(grid_expand(&grid, &trial->experiment, &TRIAL_DIGESTS, trial->arena, &trial->err), -1);
    assert_string_equal(trial->err.text, "no/such.safetensors: cannot open: No such file or directory "
                                         "(ctx_init; words that look like a path are written 'words: ...')");

    char yaml[16384], *at = yaml + sprintf(yaml, LEAST "grid: {seed: [0");
    for (int i = 1; i < 400; i++)
        at += sprintf(at, ", %d", i);
    at += sprintf(at, "], num_shots: [1");
    for (int i = 2; i < 400; i++)
        at += sprintf(at, ", %d", i);
    strcpy(at, "]}\nmethods: [coop: {}]\n");
    trial_read_ok(trial, yaml, NULL);
    assert_int_equal(grid_expand(&grid, &trial->experiment, &TRIAL_DIGESTS, trial->arena, &trial->err), -1);
    assert_non_null(strstr(trial->err.text, ": over 100000 points in the grid"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, trial_setup, trial_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_design_example), TEST(test_order),        TEST(test_collisions),    TEST(test_duplicates),
        TEST(test_names),          TEST(test_lasting_keys), TEST(test_plain_methods), TEST(test_keys),
        TEST(test_names),          TEST(test_lasting_keys), TEST(test_plain_methods), TEST(test_precision),
        TEST(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
