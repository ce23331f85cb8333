/* test_pretrain_read.c: the file of a pretraining: OpenCLIP's names and defaults, and what is refused. */
#include "experiments/pretrain/pretrain_read.h"

#include "clip/base/files.h"
#include "experiments/pretrain/pretrain_keys.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LEAST "model: {config: ViT.json}\ndata: {train: {csv: a.tsv}}\n"

typedef struct {
    Arena *arena;
    char path[4096];
    PretrainConfig config;
    Error err;
} Reader;

static int read_with(Reader *reader, void **state, const char *text, const char *set) {
    reader->err = (Error){0};
    scratch_path(state, "mine.yaml", reader->path, sizeof reader->path);
    scratch_file(reader->path, text, strlen(text));
    return pretrain_config_read(&reader->config, reader->path, &set, set ? 1 : 0, reader->arena,
                                &reader->err);
}

static void defaults_are_those_of_openclip(void **state) {
    Reader reader = {.arena = arena_create()};
    const PretrainConfig *config = &reader.config;
    const PretrainOptim *optim = &config->optim;
    assert_int_equal(read_with(&reader, state, LEAST, NULL), 0);
    assert_string_equal(config->name, "mine");
    assert_string_equal(config->output, "runs/mine");
    assert_int_equal(config->train.kind, PAIRS_TABLE);
    assert_string_equal(config->train.separator, "\t");
    assert_string_equal(config->train.image_key, "filepath");
    assert_string_equal(config->train.caption_key, "title");
    assert_true(config->val.kind == PAIRS_ABSENT && config->zeroshot.kind == PAIRS_ABSENT);
    assert_true(optim->lr == 5e-4 && optim->beta1 == 0.9 && optim->beta2 == 0 && optim->eps == 0);
    assert_true(optim->weight_decay == 0.2 && optim->warmup == 10000 && optim->epochs == 32);
    assert_true(optim->lr_scheduler == LR_COSINE && optim->batch_size == 64 && optim->accum_freq == 1);
    assert_true(optim->grad_clip_norm == 0 && optim->name == OPTIM_ADAMW);
    assert_true(config->augment.random && config->augment.scale.n == 2);
    assert_true(config->augment.scale.values[0] == 0.9 && config->augment.scale.values[1] == 1);
    assert_true(config->shuffle && config->seed == 0 && !config->lock.image && !config->lock.text);
    assert_true(config->zeroshot_frequency == 2 && config->val_frequency == 1);
    assert_true(config->save_frequency == 1 && config->save_most_recent == 0);
    arena_free(reader.arena);
}

static void every_kind_of_pairs_is_read(void **state) {
    Reader reader = {.arena = arena_create()};
    assert_int_equal(
        read_with(&reader, state,
                  "model: {weights: x.pt}\n"
                  "data:\n"
                  "  train: {webdataset: \"a/{00..09}.tar::b.tar\"}\n"
                  "  val: {csv: v.csv, separator: \",\", image_key: path, caption_key: text, root: imgs}\n"
                  "  zeroshot: {dataset: {format: csv, csv: c.csv}, templates: [ensemble, \"a {}.\"]}\n"
                  "augment: none\n",
                  NULL),
        0);
    assert_int_equal(reader.config.train.kind, PAIRS_SHARDS);
    assert_string_equal(reader.config.val.separator, ",");
    assert_string_equal(reader.config.val.root, "imgs");
    assert_int_equal(reader.config.zeroshot.templates.n, 8);
    assert_false(reader.config.augment.random);
    assert_int_equal(read_with(&reader, state,
                               "model: {config: x.json}\n"
                               "data: {train: {dataset: {format: csv, csv: c.csv}}}\n",
                               NULL),
                     0);
    assert_int_equal(reader.config.train.kind, PAIRS_LABELLED);
    assert_string_equal(reader.config.train.templates.values[0], "a photo of a {}.");
    arena_free(reader.arena);
}

static void what_is_wrong_is_named(void **state) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"data: {train: {csv: a}}", "missing key 'model'"},
        {"model: {}\ndata: {train: {csv: a}}", "either config (from scratch) or weights is needed"},
        {"model: {config: a, weights: b}\ndata: {train: {csv: a}}", "line 1: model: either config"},
        {"model: {config: a, heads: 3}\ndata: {train: {csv: a}}", "activation and heads go with weights"},
        {"model: {config: a}\ndata: {trian: {csv: a}}",
         "unknown key 'trian' in data (did you mean 'train'?)"},
        {"model: {config: a}\ndata: {train: {csv: a, webdataset: b}}", "exclude each other"},
        {"model: {config: a}\ndata: {train: {webdataset: \"\"}}",
         "line 2: data.train.webdataset: an empty text"},
        {"model: {config: a}\ndata: {train: {separator: x}}", "one of csv, webdataset and dataset"},
        {"model: {config: a}\ndata: {train: {webdataset: a, root: b}}",
         "data.train.root does not go with webdataset"},
        {"model: {config: a}\ndata:\n  train: {csv: a}\n  val: {csv: a, seperator: x}",
         "line 4: unknown key 'seperator' in data.val (did you mean 'separator'?)"},
        {"model: {config: a}\ndata: {train: {dataset: {format: folder, images: b, exif: rotate}, templates: "
         "'a "
         "{}'}}",
         "data.train.dataset.exif: a pretraining takes images as they are stored"},
        {LEAST "optim: {name: adam}", "optim.name: 'adam' is not one of adamw, sgd"},
        {LEAST "optim: {lr_scheduler: linear}", "is not one of cosine, const, const-cooldown"},
        {LEAST "optim: {name: sgd, beta2: 0.9}", "optim.beta2 goes with adamw alone"},
        {LEAST "optim: {lr_scheduler: const-cooldown}", "missing key 'epochs_cooldown'"},
        {LEAST "optim: {batchsize: 3}", "unknown key 'batchsize' in optim (did you mean 'batch_size'?)"},
        {LEAST "batch_size: 3", "unknown key 'batch_size' at the top level (it belongs in optim)"},
        {LEAST "augment: {scale: 0.9}", "the least and the greatest share"},
        {LEAST "augment: {scale: [0.9, 0.5]}", "line 3: augment.scale"},
        {LEAST "lock: {image_unlocked_groups: 2}", "goes with image: true alone"},
    };
    Reader reader = {.arena = arena_create()};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_with(&reader, state, cases[i].text, NULL), -1);
        if (!strstr(reader.err.text, cases[i].part))
            fail_msg("'%s' where '%s' was expected", reader.err.text, cases[i].part);
    }
    assert_int_equal(read_with(&reader, state, LEAST, "optim.lr=x"), -1);
    assert_true(reader.err.kind == ERROR_USAGE && strstr(reader.err.text, "--set optim.lr=x: optim.lr"));
    assert_int_equal(read_with(&reader, state, LEAST, "augment=none"), 0);
    assert_false(reader.config.augment.random);
    arena_free(reader.arena);
}

static void every_key_is_explained(void **state) {
    (void)state;
    const SectionSpec *section;
    const KeySpec *key;
    for (int i = 0; (section = pretrain_section_at(NULL, i)); i++)
        for (int k = 0; (key = section_key_at(section, k)); k++)
            assert_true(key->help && *key->help);
    assert_non_null(section_key(pretrain_section("optim"), "accum_freq"));
    assert_null(pretrain_section("nothing"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_are_those_of_openclip, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(every_kind_of_pairs_is_read, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, scratch_setup, scratch_teardown),
        cmocka_unit_test(every_key_is_explained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
