/* test_config.c: experiments/config/config.c and its table of keys: what is read, and what is refused with
 * which line. */
#include "experiments/config/config_keys.h"
#include "experiments/config/config_values.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define METHODS "methods:\n  - zeroshot: {}\n"

static void test_whole_file(void **state) {
    Trial *trial = *state;
    trial_read_ok(
        trial,
        "name: pets-rn50\n"
        "output: runs/pets-rn50\n"
        "model: {weights: ~/models/RN50.pt, vocab: auto, activation: gelu, precision: auto}\n"
        "dataset: {name: oxford_pets, root: ~/datasets, subsample_classes: base}\n"
        "grid: {num_shots: [1, 2, 4, 8, 16, all], seed: [1, 2, 3]}\n"
        "methods:\n"
        "  - zeroshot: {templates: default}\n"
        "  - linear_probe: {}\n"
        "  - coop: {n_ctx: [4, 16], class_token_position: [end, middle, front], csc: [false, true], "
        "ctx_init: \"\", lr: [2e-3, .01], max_epoch: [auto, 7]}\n"
        "optim: {name: sgd, lr: 0.004, momentum: 0.8, weight_decay: 1e-3, max_epoch: 12, batch_size: 16,\n"
        "        lr_scheduler: constant, warmup_epoch: 2, warmup_cons_lr: 3.0e-5, shuffle: false}\n"
        "augment: {views: 16}\n"
        "outputs: {logits: true}\n"
        "memory_budget: 1.5GiB\n"
        "cache: /tmp/features\n",
        NULL);
    const Experiment *e = &trial->experiment;
    const char *home = getenv("HOME");
    char expected[512];
    snprintf(expected, sizeof expected, "%s/models/RN50.pt", home ? home : "~");
    assert_string_equal(e->name, "pets-rn50");
    assert_string_equal(e->output, "runs/pets-rn50");
    assert_string_equal(e->model.weights, expected);
    assert_null(e->model.vocab);
    assert_int_equal(e->model.activation, CLIP_ACTIVATION_GELU);
    assert_int_equal(e->model.precision, PRECISION_AUTO);
    assert_string_equal(e->dataset.name, "oxford_pets");
    assert_string_equal(e->dataset.subsample_classes, "base");
    assert_null(e->dataset.format);
    const int shots[] = {1, 2, 4, 8, 16, SHOTS_ALL};
    assert_int_equal(e->grid.num_shots.n, 6);
    assert_memory_equal(e->grid.num_shots.values, shots, sizeof shots);
    assert_int_equal(e->grid.seed.values[2], 3);

    assert_int_equal(e->n_methods, 3);
    assert_method(e->methods[0].method, "zeroshot");
    const TextList *templates = templates_of(e->methods[0].method, e->methods[0].options);
    assert_int_equal(templates->n, 1);
    assert_string_equal(templates->values[0], "a photo of a {}, a type of pet.");
    assert_method(e->methods[1].method, "linear_probe");
    const PromptOptions *coop = coop_of(e->methods[2].method, e->methods[2].options);
    assert_int_equal(coop->n_ctx.values[1], 16);
    assert_int_equal(coop->class_token_position.values[0], POSITION_END);
    assert_int_equal(coop->class_token_position.values[1], POSITION_MIDDLE);
    assert_int_equal(coop->class_token_position.values[2], POSITION_FRONT);
    assert_int_equal(coop->csc.values[0], 0);
    assert_int_equal(coop->csc.values[1], 1);
    assert_string_equal(coop->ctx_init.values[0], "");
    assert_true(coop->common.lr.n == 2 && coop->common.lr.values[0] == 0.002 &&
                coop->common.lr.values[1] == 0.01);
    assert_true(coop->common.max_epoch.n == 2 && coop->common.max_epoch.values[0] == 0 &&
                coop->common.max_epoch.values[1] == 7);

    const OptimConfig *optim = &e->optim;
    assert_true(optim->lr == 0.004 && optim->momentum == 0.8 && optim->weight_decay == 1e-3);
    assert_true(optim->max_epoch == 12 && optim->batch_size == 16 &&
                optim->lr_scheduler == SCHEDULE_CONSTANT);
    assert_true(optim->warmup_epoch == 2 && optim->warmup_cons_lr == 3e-5 && !optim->shuffle);
    assert_int_equal(e->augment.views, 16);
    assert_true(e->outputs.logits);
    assert_int_equal(e->memory_budget, (size_t)3 << 29);
    assert_int_equal(experiment_memory_budget(e), (size_t)3 << 29);
    Experiment shared = *e;
    shared.n_sharing = 3; /* a job's copy still says what the file said */
    assert_int_equal(experiment_memory_budget(&shared), (size_t)1 << 29);
    assert_int_equal(shared.memory_budget, (size_t)3 << 29);
    assert_string_equal(e->cache, "/tmp/features");
}

/* PROTOCOL 3. */
static void test_defaults(void **state) {
    Trial *trial = *state;
    trial_read_ok(trial, LEAST "methods: [coop: {}, linear_probe: , zeroshot: {}]\n", NULL);
    const Experiment *e = &trial->experiment;
    const int shots[] = {1, 2, 4, 8, 16}, seeds[] = {1, 2, 3};
    assert_string_equal(e->name, "trial");
    assert_string_equal(e->output, "runs/trial");
    assert_string_equal(e->cache, "runs/trial/cache");
    assert_true(e->grid.num_shots.n == 5 && e->grid.seed.n == 3);
    assert_memory_equal(e->grid.num_shots.values, shots, sizeof shots);
    assert_memory_equal(e->grid.seed.values, seeds, sizeof seeds);
    assert_string_equal(e->dataset.subsample_classes, "all");
    const PromptOptions *coop = coop_of(e->methods[0].method, e->methods[0].options);
    assert_true(coop->n_ctx.n == 1 && coop->n_ctx.values[0] == 16);
    assert_true(coop->class_token_position.n == 1 && coop->class_token_position.values[0] == POSITION_END);
    assert_true(coop->csc.n == 1 && coop->csc.values[0] == 0);
    assert_true(coop->ctx_init.n == 1 && coop->ctx_init.values[0][0] == '\0');
    assert_true(coop->common.lr.n == 0 && coop->common.max_epoch.n == 0 && !coop->common.name);
    const OptimConfig *optim = &e->optim;
    assert_true(optim->lr == 0.002 && optim->momentum == 0.9 && optim->weight_decay == 5e-4);
    assert_int_equal(e->model.activation, CLIP_ACTIVATION_AUTO);
    assert_int_equal(e->model.precision, PRECISION_FLOAT32);
    assert_true(optim->max_epoch == 0 && optim->batch_size == 32 && optim->lr_scheduler == SCHEDULE_COSINE);
    assert_true(optim->warmup_epoch == 1 && optim->warmup_cons_lr == 1e-5 && optim->shuffle);
    assert_true(e->augment.views == 0 && !e->outputs.logits && e->memory_budget == 0);
    assert_true(experiment_memory_budget(e) > (size_t)1 << 24);
}

static void test_templates(void **state) {
    Trial *trial = *state;
    char file[256], yaml[1024];
    scratch_path(&trial->scratch, "templates.txt", file, sizeof file);
    const char texts[] = "a sketch of a {}.\r\n\n  \nthe {}";
    scratch_file(file, texts, strlen(texts));
    snprintf(yaml, sizeof yaml,
             LEAST "methods: [zeroshot: {templates: [ensemble, default, 'one {}', '%s']}]\n", file);
    trial_read_ok(trial, yaml, NULL);
    const MethodEntry *first = &trial->experiment.methods[0];
    const TextList *templates = templates_of(first->method, first->options);
    assert_int_equal(templates->n, 7 + 1 + 1 + 2);
    assert_string_equal(templates->values[0], "itap of a {}.");
    assert_string_equal(templates->values[6], "a photo of the small {}.");
    assert_string_equal(templates->values[7], "a photo of a {}, a type of pet.");
    assert_string_equal(templates->values[8], "one {}");
    assert_string_equal(templates->values[9], "a sketch of a {}.");
    assert_string_equal(templates->values[10], "the {}");
    trial_read_ok(trial, yaml, "dataset.template='{}, a pet'");
    assert_string_equal(templates_of(first->method, trial->experiment.methods[0].options)->values[7],
                        "{}, a pet");

    scratch_file(file, "a {}\nno hole\n", strlen("a {}\nno hole\n"));
    assert_int_equal(trial_read(trial, yaml, NULL), -1);
    assert_non_null(strstr(trial->err.text, "templates.txt: line 2: a template without {}"));
    scratch_file(file, "\n", 1);
    assert_int_equal(trial_read(trial, yaml, NULL), -1);
    assert_non_null(strstr(trial->err.text, "templates.txt: no templates"));
    trial_refuses(trial,
                  "model: {weights: w, activation: relu}\ndataset: {name: oxford_pets, root: data}\n" METHODS,
                  NULL, "line 1: model.activation: 'relu' is not one of auto, quick_gelu, gelu");
    trial_refuses(
        trial, LEAST METHODS, "model.precision=half",
        "--set model.precision=half: model.precision: 'half' is not one of float32, bfloat16, auto");
    trial_refuses(
        trial, LEAST "methods:\n- zeroshot: {templates: a photo of a dog}\n", NULL,
        "line 4: zeroshot.templates: 'a photo of a dog' has no {} for the class name, and is not default, "
        "ensemble or a file");
}

static void test_own_data(void **state) {
    Trial *trial = *state;
    const char *model = "model: {weights: m.pt}\n" METHODS;
    static const char *const good[] = {"dataset: {format: folder, train: a/train, test: a/test}\n",
                                       "dataset: {format: folder, test: a/test}\n",
                                       "dataset: {format: split, images: a, split: b.json, name: mine}\n",
                                       "dataset: {format: csv, csv: c.csv}\n",
                                       "dataset: {format: folder, images: a, p_trn: 0.7, p_val: 0}\n",
                                       "dataset: {format: csv, csv: c.csv, images: a, split_seed: 3,\n"
                                       "  class_names: n.txt, template: \"{}\"}\n",
                                       "dataset: {name: dtd, root: d, template: \"a {}\"}\n"};
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"dataset: {}\n", "line 4: dataset: give a name with root, or a format (folder, split or csv)"},
        {"dataset:\n", "line 4: dataset: give a name with root, or a format (folder, split or csv)"},
        {"dataset: {name: dtd}\n",
         "line 4: missing key 'root' in dataset (a dataset known by name needs it)"},
        {"dataset: {name: oxford_pet, root: d}\n", "line 4: dataset.name: 'oxford_pet' is not known (did "
                                                   "you mean 'oxford_pets'?); own data needs a format"},
        {"dataset: {name: foo, root: d}\n",
         "line 4: dataset.name: 'foo' is not known; own data needs a format"},
        {"dataset: {format: folder, train: a}\n",
         "line 4: missing key 'test' in dataset (format folder with test needs it)"},
        {"dataset: {format: folder}\n",
         "line 4: missing key 'images' in dataset (format folder with images needs it)"},
        {"dataset: {format: folder, images: a,\n  test: b}\n",
         "line 5: dataset.test does not go with format folder with images"},
        {"dataset: {format: folder, test: a,\n  p_trn: 0.5}\n",
         "line 5: dataset.p_trn does not go with format folder with test"},
        {"dataset: {name: dtd, root: d, class_names: n}\n",
         "line 4: dataset.class_names does not go with a dataset known by name"},
        {"dataset: {format: folder, images: a,\n  p_trn: 0.9}\n",
         "line 5: dataset: p_trn 0.9 and p_val 0.2 leave nothing to test on"},
        {"dataset: {format: folder, images: a, p_trn: 0}\n",
         "line 4: dataset.p_trn: 0 is out of range (above 0 to below 1)"},
        {"dataset: {format: folder, images: a,\n  template: a photo}\n",
         "line 5: dataset.template: 'a photo' has no {} for the class name"},
        {"dataset: {format: folder, test: a, val: b}\n", "line 4: dataset.val needs dataset.train"},
        {"dataset: {format: split, images: a}\n",
         "line 4: missing key 'split' in dataset (format split needs it)"},
        {"dataset: {format: csv, csv: a,\n  split: b}\n",
         "line 5: dataset.split does not go with format csv"},
        {"dataset: {name: dtd, root: d, images: x}\n",
         "line 4: dataset.images does not go with a dataset known by name"},
        {"dataset: {format: tar}\n", "line 4: dataset.format: 'tar' is not one of folder, split, csv"},
        {"dataset: {name: dtd, root: d, subsample_classes: old}\n",
         "line 4: dataset.subsample_classes: 'old' is not one of all, base, new"},
    };
    char text[512];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "%s%s", model, good[i]);
        trial_read_ok(trial, text, NULL);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "%s%s", model, bad[i].text);
        trial_refuses(trial, text, NULL, bad[i].message);
    }
}

/* Everything after LEAST, which has two lines. */
static const struct {
    const char *text, *message;
} refusals[] = {
    /* keys */
    {METHODS "grid: {num_shot: 1}\n", "line 5: unknown key 'num_shot' in grid (did you mean 'num_shots'?)"},
    {METHODS "grids: {}\n", "line 5: unknown key 'grids' at the top level (did you mean 'grid'?)"},
    {METHODS "lr: 1\n", "line 5: unknown key 'lr' at the top level (it belongs in optim)"},
    {METHODS "optim: {zzzzzzzz: 1}\n", "line 5: unknown key 'zzzzzzzz' in optim"},
    {METHODS "optim: {momentun: 1}\n", "line 5: unknown key 'momentun' in optim (did you mean 'momentum'?)"},
    {METHODS "optim: {\n  lr: 1,\n  lr: 2}\n", "line 7: key 'lr' appears twice (first on line 6)"},
    {"", "line 1: missing key 'methods'"},
    {METHODS "optim: 3\n", "line 5: optim must be keys with values"},
    {METHODS "optim: [lr]\n", "line 5: optim must be keys with values"},
    /* methods */
    {"methods: coop\n", "line 3: methods: must be a list, as '- coop: {n_ctx: 16}'"},
    {"methods: []\n", "line 3: methods: must be a list, as '- coop: {n_ctx: 16}'"},
    {"methods: [coop]\n", "line 3: methods[0]: must be one method and its keys, as 'coop: {n_ctx: 16}'"},
    {"methods:\n- coop: {}\n  zeroshot: {}\n",
     "line 4: methods[0]: must be one method and its keys, as 'coop: {n_ctx: 16}'"},
    {"methods:\n- coop: {}\n- cop: {}\n", "line 5: unknown method 'cop' (did you mean 'coop'?)"},
    {"methods:\n- maple: {}\n", "line 4: unknown method 'maple' (known are zeroshot, linear_probe, coop, "
                                "cocoop, kgcoop, prograd, tcp, text_layer, tip_adapter, finetune, "
                                "clip_lora, text_probe, clap, taskres, "
                                "ss_text, gda, lpp, clip_adapter, cross_modal, prolip)"},
    {"methods:\n- coop: {ctx: 4}\n", "line 4: unknown key 'ctx' in coop (did you mean 'n_ctx'?)"},
    {"methods:\n- coop: {class_token_position: [end, back]}\n",
     "line 4: coop.class_token_position: 'back' is not one of end, middle, front"},
    {"methods:\n- coop: {csc: yes}\n", "line 4: coop.csc: 'yes' is not true or false"},
    {"methods:\n- coop: {csc: 1}\n", "line 4: coop.csc: '1' is not true or false"},
    {"methods:\n- coop: {n_ctx: 0}\n", "line 4: coop.n_ctx: 0 is out of range (1 to 1000)"},
    {"methods:\n- coop: {n_ctx: [4, [5]]}\n", "line 4: coop.n_ctx: a list within the list"},
    {"methods:\n- coop: {n_ctx: []}\n", "line 4: coop.n_ctx: an empty list"},
    {"methods:\n- coop: {n_ctx: {a: 1}}\n", "line 4: coop.n_ctx: keys where a value is needed"},
    /* numbers */
    {METHODS "optim: {lr: .nan}\n", "line 5: optim.lr: '.nan' is not a number"},
    {METHODS "optim: {lr: nan}\n", "line 5: optim.lr: 'nan' is not a number"},
    {METHODS "optim: {lr: .inf}\n", "line 5: optim.lr: '.inf' is not a number"},
    {METHODS "optim: {lr: 0x1p3}\n", "line 5: optim.lr: '0x1p3' is not a number"},
    {METHODS "optim: {lr: 1e}\n", "line 5: optim.lr: '1e' is not a number"},
    {METHODS "optim: {lr: 1e999}\n", "line 5: optim.lr: 1e999 is out of range (above 0 to 1000)"},
    {METHODS "optim: {lr: -0.1}\n", "line 5: optim.lr: -0.1 is out of range (above 0 to 1000)"},
    {METHODS "optim: {lr: 0}\n", "line 5: optim.lr: 0 is out of range (above 0 to 1000)"},
    {METHODS "optim: {lr: '0.1'}\n", "line 5: optim.lr: '0.1' is not a number; in quotes it is a text"},
    {METHODS "optim: {lr: 0.1 0.2}\n", "line 5: optim.lr: '0.1 0.2' is not a number"},
    {METHODS "optim: {lr: [0.1, 0.2]}\n", "line 5: optim.lr: a list where one value is needed"},
    {METHODS "optim: {lr: }\n", "line 5: optim.lr: has no value"},
    {METHODS "optim: {lr: ~}\n", "line 5: optim.lr: has no value"},
    {METHODS "optim: {momentum: 1.0}\n", "line 5: optim.momentum: 1.0 is out of range (0 to below 1)"},
    {METHODS "optim: {batch_size: 32.0}\n", "line 5: optim.batch_size: '32.0' is not a whole number"},
    {METHODS "optim: {batch_size: 3e1}\n", "line 5: optim.batch_size: '3e1' is not a whole number"},
    {METHODS "optim: {batch_size: 010}\n", "line 5: optim.batch_size: '010' is not a whole number"},
    {METHODS "optim: {max_epoch: -1}\n",
     "line 5: optim.max_epoch: -1 is out of range (1 to 1000000, or 'auto')"},
    {METHODS "optim: {max_epoch: many}\n",
     "line 5: optim.max_epoch: 'many' is not a whole number (or 'auto')"},
    {METHODS "optim: {lr_scheduler: linear}\n",
     "line 5: optim.lr_scheduler: 'linear' is not one of cosine, constant, step"},
    {METHODS "optim: {lr_scheduler: step}\n",
     "line 5: optim.lr_scheduler: step needs step_epochs or milestones"},
    {METHODS "optim: {lr_scheduler: step, milestones: 3 x}\n",
     "line 5: optim.milestones: '3 x' is not like '30 60'"},
    {METHODS "optim: {gamma: 0.5}\n", "line 5: optim.gamma needs lr_scheduler: step"},
    {METHODS "optim: {name: lion}\n",
     "line 5: optim.name: 'lion' is not one of sgd, adamw, adam, amsgrad, rmsprop, radam"},
    {METHODS "grid: {num_shots: 0}\n", "line 5: grid.num_shots: 0 is out of range (1 to 1000000, or 'all')"},
    {METHODS "grid: {num_shots: [1,\n 'all']}\n",
     "line 6: grid.num_shots: 'all' is not a whole number (or 'all'); in quotes it is a text"},
    {METHODS "grid: {seed: -1}\n", "line 5: grid.seed: -1 is out of range (0 to 2147483647)"},
    {METHODS "grid: {seed: 2147483648}\n", "line 5: grid.seed: 2147483648 is out of range (0 to 2147483647)"},
    {METHODS "grid: {seed: 99999999999999999999}\n",
     "line 5: grid.seed: 99999999999999999999 is out of range (0 to 2147483647)"},
    {METHODS "memory_budget: 4 bananas\n",
     "line 5: memory_budget: '4 bananas' is not a size such as 4GiB (or 'auto')"},
    {METHODS "memory_budget: 1\n", "line 5: memory_budget: 1 is out of range (16777216 to 1e+15, or 'auto')"},
    {METHODS "memory_budget: nan\n", "line 5: memory_budget: 'nan' is not a size such as 4GiB (or 'auto')"},
    {METHODS "output: ''\n", "line 5: output: an empty path"},
};

static void test_refusals(void **state) {
    Trial *trial = *state;
    char text[1024];
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        snprintf(text, sizeof text, LEAST "%s", refusals[i].text);
        trial_refuses(trial, text, NULL, refusals[i].message);
    }
    trial_refuses(trial, METHODS "model: {}\ndataset: {name: dtd, root: d}\n", NULL,
                  "line 3: missing key 'weights' in model");
    trial_refuses(trial, METHODS "dataset: {name: dtd, root: d}\n", NULL, "line 1: missing key 'model'");
    trial_refuses(trial, "- 1\n", NULL,
                  "line 1: an experiment file is a map of keys, as 'output: runs/pets'");
    trial_refuses(trial, "", NULL, "is empty");
    trial_refuses(trial, "# nothing\n\n", NULL, "is empty");
}

static void test_overrides(void **state) {
    Trial *trial = *state;
    const char *text = LEAST "methods:\n- zeroshot:\n- coop: {n_ctx: 4}\noptim: {lr: 1}\n";
    trial_read_ok(trial, text, "optim.lr=0.01");
    assert_true(trial->experiment.optim.lr == 0.01);
    trial_read_ok(trial, text, "grid.num_shots=[1, 2]");
    assert_int_equal(trial->experiment.grid.num_shots.n, 2);
    trial_read_ok(trial, text, "methods.1.coop.n_ctx=[8, 9]");
    const MethodEntry *entry = &trial->experiment.methods[1];
    assert_int_equal(coop_of(entry->method, entry->options)->n_ctx.values[1], 9);
    trial_read_ok(trial, text, "methods.0.zeroshot.templates=x {}=y");
    entry = &trial->experiment.methods[0];
    assert_string_equal(templates_of(entry->method, entry->options)->values[0], "x {}=y");
    trial_read_ok(trial, text, "methods.1.coop.ctx_init=");
    entry = &trial->experiment.methods[1];
    assert_string_equal(coop_of(entry->method, entry->options)->ctx_init.values[0], "");
    trial_read_ok(trial, text, "methods=[linear_probe: {}]");
    assert_int_equal(trial->experiment.n_methods, 1);

    trial_refuses(trial, text, "optim.lrr=1",
                  "--set optim.lrr=1: unknown key 'lrr' in optim (did you mean 'lr'?)");
    trial_refuses(trial, text, "optin.lr=1",
                  "--set optin.lr=1: unknown key 'optin' at the top level (did you mean 'optim'?)");
    trial_refuses(trial, text, "optim.lr=fast", "--set optim.lr=fast: optim.lr: 'fast' is not a number");
    trial_refuses(trial, text, "optim.lr", "--set optim.lr: is not of the form KEY=VALUE");
    trial_refuses(trial, text, "=1", "--set =1: is not of the form KEY=VALUE");
    trial_refuses(trial, text, "optim..lr=1", "--set optim..lr=1: an empty part between dots in the key");
    trial_refuses(trial, text, "optim.lr.x=1", "--set optim.lr.x=1: 'lr' holds a value, not keys");
    trial_refuses(trial, text, "methods.2.coop.n_ctx=1",
                  "--set methods.2.coop.n_ctx=1: '2' is no entry of a list of 2 (they count from 0)");
    trial_refuses(trial, text, "methods.x=1",
                  "--set methods.x=1: 'x' is no entry of a list of 2 (they count from 0)");
    trial_refuses(trial, text, "optim={lr: 1, lr: 2}", "--set optim={lr: 1, lr: 2}: key 'lr' appears twice");
    trial_refuses(trial, text, "grid.seed=[1",
                  "--set grid.seed=[1: not YAML: did not find expected ',' or ']' "
                  "(while parsing a flow sequence)");
}

/* Every default of the table is one that the table itself accepts, and the help names every key. */
static void test_table(void **state) {
    Trial *trial = *state;
    FILE *out = tmpfile();
    assert_non_null(out);
    experiment_help(out, method_list());
    const char *help = stream_text(out, trial->arena);
    fclose(out);
    const SectionSpec *section;
    for (int i = 0; (section = section_at(method_list(), i)); i++) {
        const KeySpec *key;
        for (int k = 0; (key = section_key_at(section, k)); k++) {
            union {
                Experiment experiment;
                char options[1024]; /* of any method */
            } target = {0};
            assert_ptr_equal(section_key(section, key->name), key);
            assert_non_null(strstr(help, key->name));
            if (!key->fallback)
                continue;
            Node *node =
                yaml_parse(key->fallback, strlen(key->fallback), "default", false, trial->arena, NULL);
            assert_non_null(node);
            assert_int_equal(key_read(key, section->name, node, &target, trial->arena, NULL), 0);
        }
    }
    for (int i = 0; i < method_list()->n; i++)
        assert_in_range(method_list()->specs[i]->options_size, sizeof(MethodOptions), 1024);
    for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 110);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_file, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_defaults, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_templates, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_own_data, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_overrides, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_table, trial_setup, trial_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
