/* test_settings.c: experiments/original/settings.c and trainers.c: configs of each trainer as experiments,
 * and what is refused. */
#include "experiments/original/settings.h"

#include "experiments/config/config.h"
#include "experiments/methods/methods.h"
#include "experiments/methods/prompts/prompting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    Arena *arena;
    Settings settings;
    Experiment experiment;
    Error err;
} Trial;

static int setup(void **state) {
    static Trial trial;
    trial = (Trial){.arena = arena_create()};
    *state = &trial;
    return trial.arena ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(((Trial *)*state)->arena);
    return 0;
}

#define RECIPE                                                                                               \
    "INPUT.INTERPOLATION", "bicubic", "INPUT.TRANSFORMS",                                                    \
        "['random_resized_crop', 'random_flip', 'normalize']", "OPTIM.NAME", "sgd", "OPTIM.LR_SCHEDULER",    \
        "cosine", "MODEL.BACKBONE.NAME", "RN50", "DATASET.NAME", "OxfordPets"
enum { N_RECIPE = 12 };

/* The recipe of CoOp's configs, changed by pairs (n texts). */
static int read_pairs(Trial *trial, Arguments arguments, const char *trainer, const char *const *pairs,
                      int n) {
    const char *texts[40] = {RECIPE};
    for (int i = 0; i < n; i++)
        texts[N_RECIPE + i] = pairs[i];
    arguments.root = "/data";
    arguments.output_dir = "out";
    arguments.trainer = trainer;
    arguments.opts = (Words){.values = texts, .n = N_RECIPE + n};
    if (settings_read(&trial->settings, &arguments, trial->arena, &trial->err) < 0)
        return -1;
    return settings_check(&trial->settings, &trial->err);
}

static Arguments plain(void) {
    Arguments arguments;
    arguments_parse(&arguments, 0, NULL, NULL, NULL);
    return arguments;
}

#define READ(trial, arguments, trainer, ...)                                                                 \
    read_pairs(trial, arguments, trainer, (const char *const[]){__VA_ARGS__},                                \
               (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

/* The experiment of the settings. */
static const PromptOptions *experiment_of(Trial *trial) {
    Buffer text = {0};
    settings_yaml(&text, &trial->settings, "cache");
    Node *root = yaml_parse(buffer_text(&text), text.size, "e.yaml", true, trial->arena, &trial->err);
    buffer_free(&text);
    if (!root || experiment_from_tree(&trial->experiment, "e.yaml", root, method_list(), trial->arena,
                                      &trial->err) < 0)
        fail_msg("%s", trial->err.text);
    return (const PromptOptions *)trial->experiment.methods[0].options;
}

static void test_coop(void **state) {
    Trial *trial = *state;
    Arguments arguments = plain();
    arguments.seed = 2;
    assert_int_equal(READ(trial, arguments, "CoOp", "DATASET.NUM_SHOTS", "4", "TRAINER.COOP.CSC", "True",
                          "TRAINER.COOP.CLASS_TOKEN_POSITION", "middle", "OPTIM.MAX_EPOCH", "7",
                          "OPTIM.WARMUP_EPOCH", "1", "OPTIM.WARMUP_TYPE", "linear",
                          "DATASET.SUBSAMPLE_CLASSES", "base"),
                     0);
    const PromptOptions *options = experiment_of(trial);
    const Experiment *experiment = &trial->experiment;
    assert_string_equal(experiment->output, "out/coop");
    assert_string_equal(experiment->model.weights, "RN50");
    assert_string_equal(experiment->dataset.name, "oxford_pets");
    assert_string_equal(experiment->dataset.subsample_classes, "base");
    assert_true(experiment->dataset.original_caches);
    assert_int_equal(experiment->grid.num_shots.values[0], 4);
    assert_int_equal(experiment->grid.seed.values[0], 2);
    assert_int_equal(experiment->optim.max_epoch, 7);
    assert_int_equal(experiment->augment.views, 7); /* a crop of its own for each epoch */
    assert_int_equal(experiment->optim.warmup_epoch, 1);
    assert_true(experiment->optim.warmup_cons_lr == 1e-5); /* WARMUP_MIN_LR */
    assert_true(experiment->optim.lr == 0.0003);
    assert_int_equal(options->n_ctx.values[0], 16);
    assert_int_equal(options->csc.values[0], 1);
    assert_int_equal(options->class_token_position.values[0], POSITION_MIDDLE);
}

/* Optimisers, steps of the rate and warm-ups, as Dassl has them. */
static void test_optim(void **state) {
    Trial *trial = *state;
    const OptimConfig *optim = &trial->experiment.optim;
    assert_int_equal(READ(trial, plain(), "CoOp", "OPTIM.NAME", "amsgrad", "OPTIM.ADAM_BETA2", "0.99",
                          "OPTIM.LR_SCHEDULER", "single_step", "OPTIM.STEPSIZE", "(5, 3)", "OPTIM.GAMMA",
                          "0.5", "OPTIM.WARMUP_EPOCH", "4"),
                     0);
    experiment_of(trial);
    assert_int_equal(optim->optimizer, OPTIMIZER_AMSGRAD);
    assert_true(optim->beta1 == 0.9 && optim->beta2 == 0.99 && optim->epsilon == 1e-8);
    assert_true(optim->lr_scheduler == SCHEDULE_STEP && optim->step_epochs == 3 && optim->gamma == 0.5);
    assert_true(optim->warmup_type == WARMUP_LINEAR && optim->warmup_epoch == 4); /* Dassl's default */
    assert_int_equal(READ(trial, plain(), "CoCoOp", "OPTIM.NAME", "rmsprop", "OPTIM.RMSPROP_ALPHA", "0.9",
                          "OPTIM.LR_SCHEDULER", "multi_step", "OPTIM.STEPSIZE", "(2, 7)"),
                     0);
    experiment_of(trial);
    assert_true(optim->optimizer == OPTIMIZER_RMSPROP && optim->alpha == 0.9);
    assert_true(optim->lr_scheduler == SCHEDULE_STEP && optim->step_epochs == 0 && optim->gamma == 0.1);
    assert_string_equal(optim->milestones, "2 7");
    assert_int_equal(READ(trial, plain(), "CoOp", "OPTIM.LR_SCHEDULER", "single_step"), 0);
    experiment_of(trial);
    assert_int_equal(optim->lr_scheduler, SCHEDULE_CONSTANT); /* STEPSIZE (-1,) is MAX_EPOCH */
}

static void test_starts(void **state) {
    Trial *trial = *state;
    assert_int_equal(READ(trial, plain(), "CoOp", "TRAINER.COOP.CTX_INIT", "a_photo of a"), 0);
    assert_string_equal(experiment_of(trial)->ctx_init.values[0], "a photo of a");
    assert_int_equal(trial->experiment.grid.num_shots.values[0], SHOTS_ALL);
    assert_int_equal(trial->settings.seed, 1); /* of SEED -1 */
    assert_int_equal(READ(trial, plain(), "CoOp", "TRAINER.COOP.CTX_INIT", "a photo/drawing of a"), 0);
    assert_string_equal(experiment_of(trial)->ctx_init.values[0], "words: a photo/drawing of a");
    assert_int_equal(READ(trial, plain(), "CoOp", "TRAINER.COOP.CTX_INIT", "a", "TRAINER.COOP.CSC", "True"),
                     0);
    assert_int_equal(experiment_of(trial)->csc.values[0], 0); /* words are shared by all classes there */
    assert_int_equal(READ(trial, plain(), "CoOp", "MODEL.INIT_WEIGHTS", "p/model.pth.tar-50"), 0);
    assert_string_equal(experiment_of(trial)->ctx_init.values[0], "p/model.pth.tar-50");
    assert_int_equal(READ(trial, plain(), "CoCoOp", "TRAINER.COCOOP.N_CTX", "8"), 0);
    assert_int_equal(experiment_of(trial)->n_ctx.values[0], 8);
    assert_int_equal(READ(trial, plain(), "KgCoOp", "TRAINER.COOP.CTX_INIT", "True"), 0);
    assert_string_equal(experiment_of(trial)->ctx_init.values[0], "a photo of a");
    assert_int_equal(READ(trial, plain(), "ProGrad", "TRAINER.COOP.CTX_INIT", "True", "LOSS.NAME", "prograd",
                          "TRAINER.COOP.N_CTX", "5"),
                     0);
    assert_string_equal(experiment_of(trial)->ctx_init.values[0], "template");
    assert_int_equal(experiment_of(trial)->n_ctx.values[0], 5);
    assert_int_equal(READ(trial, plain(), "TCP", "OPTIM.NAME", "adam", "DATASET.NAME", "SUN397"), 0);
    experiment_of(trial);
    assert_int_equal(trial->experiment.optim.max_epoch, 25); /* as its train.py has it */
}

static void test_zeroshot(void **state) {
    Trial *trial = *state;
    Arguments arguments = plain();
    arguments.eval_only = true;
    assert_int_equal(READ(trial, arguments, "ZeroshotCLIP2", "OPTIM.NAME", "rmsprop"), 0);
    assert_int_equal(experiment_of(trial)->common.templates.n, 8);
    assert_int_equal(READ(trial, arguments, "ZeroshotCLIP2", "DATASET.NAME", "ImageNet"), 0);
    assert_int_equal(experiment_of(trial)->common.templates.n, 7);
    assert_int_equal(READ(trial, arguments, "ZeroshotCLIP", "SEED", "1"), 0);
    assert_string_equal(experiment_of(trial)->common.templates.values[0], "a photo of a {}, a type of pet.");
    assert_int_equal(READ(trial, plain(), "ZeroshotCLIP", "SEED", "1"), -1);
    assert_string_equal(trial->err.text, "ZeroshotCLIP does not train: --eval-only is needed");
}

/* Trainer, key, value, and what is said. */
static void test_refusals(void **state) {
    static const char *const cases[][4] = {
        {"CoOp", "OPTIM.NAME", "lion",
         "OPTIM.NAME: 'lion' is not here for CoOp, only adam, amsgrad, sgd, rmsprop, radam and adamw"},
        {"CoOp", "OPTIM.LR", "0.0", "OPTIM.LR: 0 is out of range (above 0 to 1000)"},
        {"CoOp", "OPTIM.MOMENTUM", "1.0", "OPTIM.MOMENTUM: 1 is out of range (0 to below 1)"},
        {"CoOp", "OPTIM.MAX_EPOCH", "0", "OPTIM.MAX_EPOCH: 0 is out of range (1 to 1e+06)"},
        {"CoOp", "TRAINER.COOP.CLASS_TOKEN_POSITION", "begin",
         "TRAINER.COOP.CLASS_TOKEN_POSITION: 'begin' is none of end, middle and front"},
        {"TCP", "OPTIM.NAME", "rmsprop", "OPTIM.NAME: 'rmsprop' is not here for TCP, only sgd and adam"},
        {"CoOp", "OPTIM.LR_SCHEDULER", "plateau",
         "OPTIM.LR_SCHEDULER: 'plateau' is none of cosine, single_step and multi_step"},
        {"CoOp", "OPTIM.SGD_NESTEROV", "True", "OPTIM.SGD_NESTEROV: True is not here, only False"},
        {"CoOp", "TEST.EVALUATOR", "Other", "TEST.EVALUATOR: 'Other' is not here, only 'Classification'"},
        {"CoOp", "INPUT.TRANSFORMS", "['normalize']",
         "INPUT.TRANSFORMS: random_resized_crop, random_flip and normalize are here, no others and no fewer"},
        {"CoOp", "INPUT.INTERPOLATION", "bilinear",
         "INPUT.INTERPOLATION: bilinear is not here, only bicubic"},
        {"CoOp", "DATASET.NAME", "CIFAR10", "DATASET.NAME: 'CIFAR10' is none of the datasets of CoOp"},
        {"CoOp", "DATASET.SUBSAMPLE_CLASSES", "old",
         "DATASET.SUBSAMPLE_CLASSES: old: all, base or new is needed"},
        {"CoCoOp", "MODEL.INIT_WEIGHTS", "a", "MODEL.INIT_WEIGHTS: is not here for CoCoOp"},
        {"TCP", "TRAINER.COOP.CSC", "True", "TRAINER.COOP.CSC: TCP has no contexts of each class"},
        {"ProGrad", "LOSS.NAME", "kd", "LOSS.NAME: 'kd' is not here, only prograd"},
        {"MaPLe", "SEED", "1",
         "trainer 'MaPLe': CoOp, CoCoOp, KgCoOp, ProGrad, TCP, ZeroshotCLIP, ZeroshotCLIP2 are here"},
    };
    Trial *trial = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trial->err = (Error){0};
        assert_int_equal(READ(trial, plain(), cases[i][0], cases[i][1], cases[i][2]), -1);
        assert_string_equal(trial->err.text, cases[i][3]);
    }
}

static void test_notes(void **state) {
    Trial *trial = *state;
    Buffer out = {0};
    assert_int_equal(READ(trial, plain(), "TCP", "TRAINER.COOP.W", "1.0"), 0);
    settings_notes(&out, &trial->settings);
    assert_string_equal(buffer_text(&out),
                        "Note: all is computed in float on the processor; TRAINER.COOP.PREC fp16, USE_CUDA "
                        "True and DATALOADER.NUM_WORKERS 4 change nothing\n"
                        "Note: SEED -1: nothing is drawn without a seed here, 1 is taken\n"
                        "Note: TRAINER.COOP.W has no effect on TCP, there either: its weight is 8\n");
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_coop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_optim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_starts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zeroshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
