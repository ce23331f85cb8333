/* test_cli_pretrain.c: `coop pretrain` as its users see it. */
#include "tests/support/pretrain_support.h"
#include "tests/support/support.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"
#include "tests/support/tar_support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ONE_IMAGE PRETRAIN_IMAGES "/cup/train_000.jpg"

static int count_lines(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

/* What a run leaves, and that the rest of the program takes its checkpoint as it is. */
static void test_a_run_leaves_a_checkpoint(void **state) {
    Cli *cli = *state;
    size_t size;
    const char *yaml = pretrain_config(cli, "mine", "");
    cli_ok(cli, "pretrain", yaml);
    assert_non_null(strstr(cli->out, "val loss"));
    assert_non_null(strstr(cli->err, "checkpoint: "));
    static const char *const files[] = {
        "epoch_1.safetensors", "epoch_2.safetensors", "epoch_3.safetensors", "open_clip_config.json",
        "merges.txt",          "metrics.jsonl",       "report.html",         "open_clip_model.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!cli_exists(cli_path(cli, "mine/%s", files[i])))
            fail_msg("no %s", files[i]);
    const char *metrics = cli_read(cli, cli_path(cli, "mine/metrics.jsonl"), &size);
    assert_int_equal(count_lines(metrics, "\"pairs_per_second\""), 12);
    assert_int_equal(count_lines(metrics, "\"clip_val_loss\""), 3);
    assert_int_equal(count_lines(metrics, "\"zeroshot_top1\""), 2); /* the second epoch, and the last */
    const char *page = cli_read(cli, cli_path(cli, "mine/report.html"), &size);
    assert_non_null(strstr(page, "Learning rate."));
    cli_ok(cli, "zeroshot", "--model", cli_path(cli, "mine/epoch_2.safetensors"), "--classes", "cup,boat",
           ONE_IMAGE);
    cli_ok(cli, "zeroshot", "--model", cli_path(cli, "mine"), "--classes", "cup,boat", ONE_IMAGE);
    const char *set = arena_printf(cli->arena, "model.weights=%s", cli_path(cli, "mine"));
    const char *output = arena_printf(cli->arena, "output=%s", cli_path(cli, "run"));
    cli_ok(cli, "run", "experiments/demo/demo.yaml", "--set", set, "--set", output, "--set",
           "methods=[{zeroshot: {}}]");
    assert_non_null(strstr(cli->out, "zero-shot"));
    cli_ok(cli, "inspect", cli_path(cli, "mine/state.safetensors"));
    assert_non_null(strstr(cli->out, "state of a pretraining"));
}

/* The accuracy that a training tells is that of its checkpoint in `coop run`. */
static void test_zeroshot_is_that_of_run(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "");
    cli_ok(cli, "pretrain", yaml, "--set", "optim.epochs=1");
    size_t size;
    const char *metrics = cli_read(cli, cli_path(cli, "mine/metrics.jsonl"), &size);
    const char *at = strstr(metrics, "\"zeroshot_top1\": ");
    assert_non_null(at);
    const double accuracy = strtod(at + strlen("\"zeroshot_top1\": "), NULL);
    cli_ok(cli, "run", "experiments/demo/demo.yaml", "--set",
           arena_printf(cli->arena, "model.weights=%s", cli_path(cli, "mine")), "--set",
           arena_printf(cli->arena, "output=%s", cli_path(cli, "run")), "--set", "methods=[{zeroshot: {}}]");
    const ResultList results = cli_results(cli, "run", NULL);
    assert_int_equal(results.n, 1);
    assert_true(results.results[0].accuracy - 100 * accuracy < 1e-6 &&
                100 * accuracy - results.results[0].accuracy < 1e-6);
}

static void test_threads_do_not_matter(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "pretrain", pretrain_config(cli, "one", "augment: {scale: [0.5, 1.0]}\n"), "--threads", "1",
           "--set", "optim.accum_freq=2");
    cli_ok(cli, "pretrain", pretrain_config(cli, "three", "augment: {scale: [0.5, 1.0]}\n"), "--threads", "3",
           "--set", "optim.accum_freq=2");
    pretrain_assert_same(cli, cli_path(cli, "one"), cli_path(cli, "three"), 3);
}

/* A finished run only makes its page again; another configuration is refused by its key. */
static void test_a_finished_run(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "");
    cli_ok(cli, "pretrain", yaml);
    const char *first = arena_strdup(cli->arena, cli->out);
    assert_int_equal(remove(cli_path(cli, "mine/report.html")), 0);
    cli_ok(cli, "pretrain", yaml);
    assert_non_null(strstr(cli->err, "finished already: 12 steps"));
    assert_string_equal(cli->out, first);
    assert_true(cli_exists(cli_path(cli, "mine/report.html")));
    cli_refuses(cli, 3, cli_path(cli, "mine/state.safetensors"),
                "optim.lr: it was '0.001' and is '0.002' now", "pretrain", yaml, "--set", "optim.lr=0.002",
                "--quiet");
    cli_refuses(cli, 3, cli_path(cli, "mine/state.safetensors"), "data.train: it was", "pretrain", yaml,
                "--set",
                "data.train={dataset: {format: split, images: " PRETRAIN_IMAGES
                ", split: experiments/demo/camouflage/split_zhou_camouflage.json}}",
                "--quiet");
    cli_ok(cli, "pretrain", yaml, "--set", "memory_budget=64MiB", "--set", "save_frequency=2");
}

/* The state has the weights of a last checkpoint that was removed. */
static void test_a_lost_checkpoint(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", ""), *kept = cli_path(cli, "kept.safetensors");
    static const char *const lost[] = {"epoch_3.safetensors", "open_clip_model.safetensors",
                                       "open_clip_config.json", "merges.txt"};
    cli_ok(cli, "pretrain", yaml);
    for (int i = 0; i < 4; i++) {
        const char *path = cli_path(cli, "mine/%s", lost[i]);
        assert_int_equal(rename(path, kept), 0);
        cli_ok(cli, "pretrain", yaml);
        assert_int_equal(!strstr(cli->err, "the last checkpoint was not all there"), i == 3);
        assert_true(cli_exists(path));
        if (i != 1) /* a link */
            cli_assert_same_files(cli, path, kept);
    }
    cli_ok(cli, "pretrain", yaml);
    assert_null(strstr(cli->err, "written anew"));
}

/* The log is no part of the numbers: without it the training goes on to the same bits, and says so. */
static void test_damaged_metrics(void **state) {
    Cli *cli = *state;
    const char *rest = "val_frequency: 1\nzeroshot_frequency: 1\n";
    const char *yaml = pretrain_config(cli, "mine", rest), *whole = pretrain_config(cli, "whole", rest);
    const char *metrics = cli_path(cli, "mine/metrics.jsonl");
    cli_ok(cli, "pretrain", whole, "--set", "optim.lr_scheduler=const");
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const", "--set", "optim.epochs=1");
    scratch_flip(metrics, 150, 0x04);
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const", "--set", "optim.epochs=2");
    assert_non_null(strstr(cli->err, "metrics.jsonl: line 2: damaged"));
    assert_non_null(strstr(cli->err, "curves begin behind step 4"));
    assert_true(cli_exists(cli_path(cli, "mine/metrics_damaged.jsonl")));
    assert_int_equal(remove(metrics), 0);
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const");
    assert_non_null(strstr(cli->err, "curves begin behind step 8"));
    cli_assert_same_files(cli, cli_path(cli, "mine/epoch_3.safetensors"),
                          cli_path(cli, "whole/epoch_3.safetensors"));
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const");
    assert_null(strstr(cli->err, "damaged"));
    scratch_flip(metrics, 150, 0x04); /* of a finished run: the page has the other lines */
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const");
    assert_non_null(strstr(cli->err, "metrics.jsonl: line 2: damaged, or not the numbers of a step; tables"));
    assert_non_null(strstr(cli->out, "\n    3  "));
    assert_int_equal(remove(metrics), 0);
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const");
    assert_non_null(strstr(cli->err, "metrics.jsonl: cannot open: No such file or directory; tables"));
}

/* What auto stands for may be written out; crops and none at all are two things. */
static void test_keys_of_a_finished_run(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "");
    cli_ok(cli, "pretrain", yaml, "--set", "optim.epochs=1");
    cli_ok(cli, "pretrain", yaml, "--set", "optim.epochs=1", "--set", "optim.beta2=0.98", "--set",
           "optim.eps=1e-6");
    cli_refuses(cli, 3, cli_path(cli, "mine/state.safetensors"), "optim.beta2: it was '0.98", "pretrain",
                yaml, "--set", "optim.epochs=1", "--set", "optim.beta2=0.5", "--quiet");
    cli_refuses(cli, 3, cli_path(cli, "mine/state.safetensors"), "and is 'no crops' now", "pretrain", yaml,
                "--set", "optim.epochs=1", "--set", "augment=none", "--quiet");
}

/* Where the rate is constant a finished run can be made longer, to the bytes of one that was so from the
 * start (but for its evaluations: each run ends with one). */
static void test_more_epochs(void **state) {
    Cli *cli = *state;
    const char *rest = "val_frequency: 1\nzeroshot_frequency: 1\n";
    const char *yaml = pretrain_config(cli, "mine", rest), *whole = pretrain_config(cli, "whole", rest);
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const", "--set", "optim.epochs=1");
    cli_ok(cli, "pretrain", yaml, "--set", "optim.lr_scheduler=const");
    cli_ok(cli, "pretrain", whole, "--set", "optim.lr_scheduler=const");
    pretrain_assert_same(cli, cli_path(cli, "mine"), cli_path(cli, "whole"), 3);
}

/* The state before a damaged one leads to the same bits; without any that is good nothing is begun. */
static void test_damaged_states(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", ""), *whole = cli_path(cli, "whole");
    cli_ok(cli, "pretrain", yaml);
    assert_int_equal(rename(cli_path(cli, "mine"), whole), 0);
    cli_start(cli, (const char *const[]){"pretrain", yaml, NULL});
    while (!cli_exists(cli_path(cli, "mine/state_before.safetensors")))
        usleep(1000);
    kill(cli->child, SIGTERM);
    cli_wait(cli);
    if (cli->status == 0) /* it was faster */
        return;
    assert_int_equal(cli->status, 143);
    size_t size;
    assert_non_null(strstr(cli_read(cli, cli_path(cli, "mine/report.html"), &size), "Loss of the steps."));
    assert_non_null(strstr(cli->err, "report.html\n"));
    scratch_flip(cli_path(cli, "mine/state.safetensors"), 40000, 0x10);
    cli_ok(cli, "pretrain", yaml);
    assert_non_null(strstr(cli->err, "state.safetensors: "));
    assert_non_null(strstr(cli->err, "going on from the state before it"));
    pretrain_assert_same(cli, whole, cli_path(cli, "mine"), 3);
    scratch_flip(cli_path(cli, "mine/state.safetensors"), 40000, 0x10);
    assert_int_equal(remove(cli_path(cli, "mine/state_before.safetensors")), 0);
    cli_refuses(cli, 3, cli_path(cli, "mine/state.safetensors"), "no other state is left", "pretrain", yaml,
                "--quiet");
    assert_true(cli_exists(cli_path(cli, "mine/epoch_3.safetensors")));
}

static void test_what_is_kept(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "save_frequency: 4\nsave_most_recent: 2\n");
    cli_ok(cli, "pretrain", yaml, "--set", "optim.epochs=7");
    static const bool kept[] = {false, false, false, true, false, true, true};
    for (int i = 0; i < 7; i++)
        assert_int_equal(cli_exists(cli_path(cli, "mine/epoch_%d.safetensors", i + 1)), kept[i]);
}

static void test_a_dry_run_writes_nothing(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "pretrain", pretrain_config(cli, "mine", ""), "--dry-run");
    assert_non_null(strstr(cli->out, "steps: 12 (3 epochs of 4), each of 12 pairs"));
    assert_non_null(strstr(cli->out, "48 to train on"));
    assert_false(cli_exists(cli_path(cli, "mine/.lock")));
}

/* 4096 patches look at each other. */
static void test_a_budget_that_is_too_small(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "");
    static const char model[] =
        "{\"embed_dim\": 16, \"vision_cfg\": {\"image_size\": 512, \"layers\": 2, \"width\": 32, "
        "\"head_width\": 16, \"patch_size\": 8}, \"text_cfg\": {\"context_length\": 16, "
        "\"vocab_size\": 718, \"width\": 32, \"heads\": 2, \"layers\": 2}}";
    scratch_file(cli_path(cli, "model.json"), model, sizeof model - 1);
    cli_refuses(cli, 3, yaml, "memory_budget: ", "pretrain", yaml, "--quiet", "--set", "memory_budget=16MiB",
                "--dry-run");
    cli_refuses(cli, 3, yaml, "memory_budget: ", "pretrain", yaml, "--quiet", "--set", "memory_budget=16MiB");
}

static void test_the_demonstration_is_in_order(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "pretrain", "experiments/demo/pretrain.yaml", "--dry-run");
    assert_non_null(strstr(cli->out, "500 to train on, 100 to validate on, 500 images of 25 classes"));
    assert_string_equal(cli->err, "");
}

static void test_a_checkpoint_goes_on(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "lock: {image: true, image_unlocked_groups: 1}\n");
    cli_ok(cli, "pretrain", yaml, "--set", "optim.epochs=1");
    const char *again = pretrain_config(cli, "again", "");
    const char *set = arena_printf(cli->arena, "model={weights: %s}", cli_path(cli, "mine"));
    cli_ok(cli, "pretrain", again, "--set", set, "--set", "optim.epochs=1");
    cli_ok(cli, "zeroshot", "--model", cli_path(cli, "again"), "--classes", "cup,boat", ONE_IMAGE);
}

/* An exported checkpoint labels images as the one that it was made of does. */
static void test_a_checkpoint_is_exported(void **state) {
    Cli *cli = *state;
    const char *classes = "cup,boat,key", *vocab = "experiments/demo/merges.txt";
    cli_ok(cli, "pretrain", pretrain_config(cli, "mine", ""), "--set", "optim.epochs=1");
    const char *mine = cli_path(cli, "mine"), *exported = cli_path(cli, "exported");
    cli_ok(cli, "zeroshot", "--model", mine, "--classes", classes, "--top", "3", ONE_IMAGE);
    const char *labels = arena_strdup(cli->arena, cli->out);
    cli_ok(cli, "export", mine, "--format", "hugging_face", "--out", exported);
    cli_ok(cli, "zeroshot", "--model", exported, "--vocab", vocab, "--classes", classes, "--top", "3",
           ONE_IMAGE);
    assert_string_equal(cli->out, labels);
    cli_refuses(cli, 3, mine, "the text tower has 2 heads", "export", mine, "--format", "openai", "--out",
                cli_path(cli, "x.pt"));
}

/* --- what is wrong --- */

static void write_pairs(Cli *cli, const char *text) {
    scratch_file(cli_path(cli, "pairs.tsv"), text, strlen(text));
}

static void test_bad_pairs(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "");
    const char *pairs = cli_path(cli, "pairs.tsv");
    write_pairs(cli, "filepath\tcaption\ncup/train_000.jpg\ta cup\n");
    cli_refuses(cli, 3, pairs, "title", "pretrain", yaml, "--quiet");
    write_pairs(cli, "filepath\ttitle\ncup/train_000.jpg\ta cup\nkey/train_000.jpg\ta \xff key\n");
    cli_refuses(cli, 3, pairs, "line 3", "pretrain", yaml, "--quiet");
    write_pairs(cli, "filepath\ttitle\ncup/train_000.jpg\ta cup\n");
    cli_refuses(cli, 3, yaml, "a step of batch_size 12 times accum_freq 1 is 12 pairs, and data.train has 1",
                "pretrain", yaml, "--quiet");
    assert_false(cli_exists(cli_path(cli, "mine/.lock")));
}

/* Sixteen samples of one image; the last is cut short. */
static void test_bad_shards(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", ""), *shard = cli_path(cli, "0.tar");
    const char *set = arena_printf(cli->arena, "data={train: {webdataset: \"%s\"}}", shard);
    size_t size, n;
    const char *image = cli_read(cli, ONE_IMAGE, &size);
    Buffer tar = {0};
    for (int i = 0; i < 16; i++) {
        tar_put(&tar, arena_printf(cli->arena, "%03d.jpg", i), '0', image, size);
        tar_text(&tar, arena_printf(cli->arena, "%03d.txt", i), "a cup");
    }
    tar_end(&tar);
    tar_save(&tar, shard);
    cli_ok(cli, "pretrain", yaml, "--set", set, "--set", "optim.epochs=1");
    const char *bytes = cli_read(cli, shard, &n);
    scratch_file(shard, bytes, n / 2 + 100);
    cli_refuses(cli, 3, shard, "", "pretrain", yaml, "--set", set, "--quiet");
}

static void test_a_broken_image_is_skipped(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "shuffle: false\n");
    size_t size;
    char *text = cli_read(cli, cli_path(cli, "pairs.tsv"), &size);
    memcpy(strstr(text, "boat/train_001"), "boat/trail_001", 14);
    write_pairs(cli, text);
    cli_ok(cli, "pretrain", yaml, "--set", "optim.epochs=2");
    assert_int_equal(count_lines(cli->err, "skipped: "), 1);
    assert_non_null(strstr(cli->err, "boat/trail_001.jpg"));
    assert_non_null(strstr(cli->err, "epoch 1 has 3 of 4 steps"));
}

/* Where none can be read it is said which pairs these are; a root that is missing, before anything is
 * written. */
static void test_no_image_can_be_read(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", ""), *nowhere = cli_path(cli, "nowhere");
    const char *data =
        arena_printf(cli->arena, "data={train: {csv: %s, root: %s}}", cli_path(cli, "pairs.tsv"), nowhere);
    cli_refuses(cli, 3, nowhere, "no such folder (the root of ", "pretrain", yaml, "--quiet", "--set", data);
    assert_false(cli_exists(cli_path(cli, "mine/.lock")));
    write_pairs(cli, "filepath\ttitle\nnone.jpg\ta cup\n");
    cli_refuses(cli, 3, "data.train: of 1 pairs fewer than a batch of 1 can be read; the first that cannot: ",
                "none.jpg", "pretrain", yaml, "--quiet", "--set", "optim.batch_size=1");
    cli_refuses(
        cli, 3, "data.val: none of 1 pairs can be read; the first: ", "none.jpg", "pretrain", yaml, "--quiet",
        "--set",
        arena_printf(cli->arena,
                     "data={train: {dataset: {format: split, images: " PRETRAIN_IMAGES
                     ", split: experiments/demo/camouflage/split_zhou_camouflage.json}}, val: {csv: %s}}",
                     cli_path(cli, "pairs.tsv")));
}

static void test_bad_models(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", ""), *model = cli_path(cli, "model.json");
    size_t size;
    static const char wrong[] =
        "{\"embed_dim\": 16, \"vision_cfg\": {\"image_size\": 32, \"layers\": 2, \"width\": 32, "
        "\"head_width\": 16, \"patch_size\": 16}, \"text_cfg\": {\"context_length\": 16, "
        "\"vocab_size\": 718, \"width\": 32, \"heads\": 3, \"layers\": 2}}";
    scratch_file(model, wrong, sizeof wrong - 1);
    cli_refuses(cli, 3, model, "heads", "pretrain", yaml, "--quiet");
    char *text = cli_read(cli, model, &size);
    memcpy(strstr(text, "718"), "818", 3);
    memcpy(strstr(text, "heads\": 3"), "heads\": 2", 9);
    scratch_file(model, text, size);
    cli_refuses(cli, 3, "experiments/demo/merges.txt", "merges", "pretrain", yaml, "--quiet");
}

/* Numbers that are no longer numbers end the run; what was saved before stays. */
static void test_a_rate_that_is_too_large(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "save_frequency: 1\n");
    cli_refuses(cli, 4, "coop pretrain: ", "(learning rate ", "pretrain", yaml, "--quiet", "--set",
                "optim.lr=1e6", "--set", "optim.name=sgd", "--set", "optim.warmup=0");
    assert_false(cli_exists(cli_path(cli, "mine/epoch_3.safetensors")));
}

/* Where features are no numbers, no class is before the right one. */
static void test_zeroshot_of_no_numbers(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", "val_frequency: 0\n");
    pretrain_write_resnet(cli);
    cli_run(cli, "pretrain", yaml, "--set", "optim.lr=1e6", "--set", "optim.warmup=0", "--set",
            "optim.batch_size=48", "--set", "optim.epochs=1", "--set", "optim.lr_scheduler=const");
    assert_int_equal(cli->status, 4);
    assert_non_null(strstr(cli->err, "evaluation of epoch 1: the features of data.zeroshot are not finite"));
    assert_false(cli_exists(cli_path(cli, "mine/epoch_1.safetensors")));
}

/* What was trained before an evaluation that fails is not lost. */
static void test_a_failed_evaluation(void **state) {
    Cli *cli = *state;
    const char *yaml = pretrain_config(cli, "mine", ""), *root = cli_path(cli, "photos");
    const char *set = arena_printf(cli->arena, "data.val.root=%s", root);
    char images[4096];
    assert_int_equal(mkdir(root, 0777), 0);
    cli_run(cli, "pretrain", yaml, "--set", set, "--set", "state_seconds=600");
    assert_int_equal(cli->status, 3);
    assert_non_null(strstr(cli->err, "data.val: none of 48 pairs can be read"));
    assert_non_null(strstr(cli->err, "; the state behind step 4 is saved\n"));
    assert_true(cli_exists(cli_path(cli, "mine/report.html")));
    assert_int_equal(rmdir(root), 0);
    assert_true(realpath(PRETRAIN_IMAGES, images) && symlink(images, root) == 0);
    cli_ok(cli, "pretrain", yaml, "--set", set);
    assert_non_null(strstr(cli->err, "going on behind step 4"));
    assert_int_equal(rename(cli_path(cli, "mine"), cli_path(cli, "again")), 0);
    cli_ok(cli, "pretrain", yaml, "--set", set);
    pretrain_assert_same(cli, cli_path(cli, "again"), cli_path(cli, "mine"), 3);
}

static void test_notes(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "pretrain", pretrain_config(cli, "mine", ""), "--dry-run", "--set", "optim.warmup=100",
           "--set", "optim.batch_size=13", "--set", "val_frequency=0", "--set",
           "lock={image: true, text: true}");
    assert_non_null(strstr(cli->err, "lock: both towers: nothing but the temperature is trained"));
    assert_non_null(strstr(cli->err, "optim.warmup: 100 steps, and the whole training has 9"));
    assert_non_null(strstr(cli->err, "the last 9 of 48 pairs fill no step"));
    assert_non_null(strstr(cli->err, "data.val is never used"));
    cli_ok(cli, "pretrain", cli_path(cli, "mine.yaml"), "--dry-run", "--set",
           "model={weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES "merges.txt.gz}");
    assert_non_null(strstr(cli->err, "QuickGELU is assumed (model.activation says otherwise)"));
    size_t size;
    char *model = cli_read(cli, cli_path(cli, "model.json"), &size);
    memcpy(strstr(model, "length\": 16"), "length\":  6", 11);
    scratch_file(cli_path(cli, "model.json"), model, size);
    cli_ok(cli, "pretrain", cli_path(cli, "mine.yaml"), "--set", "optim.epochs=2");
    assert_non_null(strstr(cli->err, "note: 48 captions of data.val are cut at 6 tokens"));
    assert_non_null(strstr(cli->err, "note: 25 prompts of data.zeroshot are cut at 6 tokens"));
    assert_non_null(strstr(cli->err, "note: 96 captions were cut at 6 tokens"));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_a_run_leaves_a_checkpoint),
                                       CLI_TEST(test_zeroshot_is_that_of_run),
                                       CLI_TEST(test_threads_do_not_matter),
                                       CLI_TEST(test_a_finished_run),
                                       CLI_TEST(test_a_lost_checkpoint),
                                       CLI_TEST(test_damaged_metrics),
                                       CLI_TEST(test_keys_of_a_finished_run),
                                       CLI_TEST(test_more_epochs),
                                       CLI_TEST(test_damaged_states),
                                       CLI_TEST(test_what_is_kept),
                                       CLI_TEST(test_a_dry_run_writes_nothing),
                                       CLI_TEST(test_a_budget_that_is_too_small),
                                       CLI_TEST(test_the_demonstration_is_in_order),
                                       CLI_TEST(test_a_checkpoint_goes_on),
                                       CLI_TEST(test_a_checkpoint_is_exported),
                                       CLI_TEST(test_bad_pairs),
                                       CLI_TEST(test_bad_shards),
                                       CLI_TEST(test_a_broken_image_is_skipped),
                                       CLI_TEST(test_no_image_can_be_read),
                                       CLI_TEST(test_bad_models),
                                       CLI_TEST(test_a_rate_that_is_too_large),
                                       CLI_TEST(test_zeroshot_of_no_numbers),
                                       CLI_TEST(test_a_failed_evaluation),
                                       CLI_TEST(test_notes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
