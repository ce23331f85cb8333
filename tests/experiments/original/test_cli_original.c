/* test_cli_original.c: `coop train` from outside: the folder that the original's scripts expect, on
 * miniatures of two of its datasets. */
#include "tests/support/cli_support.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "datasets/lists/dataset_open.h"
#include "experiments/run/lock.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES "tests/fixtures"

static const char *read_text(Cli *cli, const char *path) {
    Error err = {0};
    const char *text = file_read(path, 1 << 24, cli->arena, NULL, &err);
    if (!text)
        fail_msg("%s", err.text);
    return text;
}

static void write_text(const char *path, const char *text) {
    scratch_file(path, text, strlen(text));
}

/* Caltech101 of ten classes, and the configs: SCRATCH/data, coop.yaml, cocoop.yaml, caltech101.yaml. */
static void write_files(Cli *cli) {
    static const char recipe[] =
        "DATALOADER:\n  TRAIN_X:\n    BATCH_SIZE: 8\n  NUM_WORKERS: 8\nINPUT:\n  SIZE: (32, 32)\n"
        "  INTERPOLATION: \"bicubic\"\n  PIXEL_MEAN: [0.48145466, 0.4578275, 0.40821073]\n"
        "  PIXEL_STD: [0.26862954, 0.26130258, 0.27577711]\n"
        "  TRANSFORMS: [\"random_resized_crop\", \"random_flip\", \"normalize\"]\n"
        "OPTIM:\n  NAME: \"sgd\"\n  LR: 0.002\n  MAX_EPOCH: 2\n  LR_SCHEDULER: \"cosine\"\n  WARMUP_EPOCH: "
        "1\n"
        "  WARMUP_TYPE: \"constant\"\n  WARMUP_CONS_LR: 1e-5\nTRAIN:\n  PRINT_FREQ: 2\n"
        "MODEL:\n  BACKBONE:\n    NAME: \"" FIXTURES "/clip_vit.safetensors\"\n";
    Error err = {0};
    assert_int_equal(make_folders(cli_path(cli, "data/caltech-101"), &err), 0);
    char *images = realpath(FIXTURES "/images", NULL);
    assert_int_equal(symlink(images, cli_path(cli, "data/caltech-101/101_ObjectCategories")), 0);
    free(images);
    write_text(cli_path(cli, "data/caltech-101/split_zhou_Caltech101.json"),
               read_text(cli, FIXTURES "/split_zhou_Golden.json"));
    write_text(cli_path(cli, "coop.yaml"), recipe);
    write_text(cli_path(cli, "caltech101.yaml"), "DATASET:\n  NAME: \"Caltech101\"\n");
}

/* A line of the original's scripts, with further words up to a NULL; returns the status. */
static int train(Cli *cli, const char *output, const char *trainer, const char *const *more) {
    const char *words[40] = {"train",
                             "--root",
                             cli_path(cli, "data"),
                             "--seed",
                             "1",
                             "--trainer",
                             trainer,
                             "--dataset-config-file",
                             cli_path(cli, "caltech101.yaml"),
                             "--config-file",
                             cli_path(cli, "coop.yaml"),
                             "--cache",
                             cli_path(cli, "cache"),
                             "--output-dir",
                             cli_path(cli, "%s", output)};
    int n = 15;
    for (; *more; more++)
        words[n++] = *more;
    cli_start(cli, words);
    return cli_wait(cli);
}
#define TRAIN(cli, output, trainer, ...) train(cli, output, trainer, (const char *const[]){__VA_ARGS__, NULL})

static void expect_ok(Cli *cli, int status) {
    if (status != 0)
        fail_msg("status %d: %s", status, cli->err);
}

static void expect_part(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no '%s' in\n%s", part, text);
}

/* From "* accuracy: " on; what a test of the same model must print again. */
static const char *accuracy_in(const char *text) {
    const char *at = strstr(text, "* accuracy: ");
    assert_non_null(at);
    return at;
}

static void test_train_and_test(void **state) {
    Cli *cli = *state;
    write_files(cli);
    expect_ok(cli, TRAIN(cli, "out", "CoOp", "DATASET.NUM_SHOTS", "2", "TRAINER.COOP.N_CTX", "3"));
    expect_part(cli->out, "Setting fixed seed: 1\n");
    const char *log = read_text(cli, cli_path(cli, "out/log.txt"));
    static const char *const parts[] = {
        "\nseed: 1\n",
        "\nNote: all is computed in float",
        "\nLoading trainer: CoOp\n",
        "\n# classes  10\n",
        "\n# train_x  20\n",
        "\nInitial context: \"X X X\"\n",
        "\nNo checkpoint found, train from scratch\n",
        "\nepoch [1/2] batch [2/2] time ",
        " lr 2.0000e-03 eta 0:00:00\n",
        "\nepoch [2/2] batch [2/2] time ",
        "prompt_learner/model.pth.tar-2\nFinish training\nDeploy the last-epoch model\n"
        "Evaluate on the *test* set\n=> result\n* total: ",
        "\n* macro_f1: ",
        "\nElapsed: 0:00:0"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        expect_part(log, parts[i]);
    assert_string_equal(read_text(cli, cli_path(cli, "out/prompt_learner/checkpoint")), "model.pth.tar-2\n");
    int lines;
    assert_int_equal(cli_results(cli, "out/coop", &lines).n, 1);
    cli_ok(cli, "import", cli_path(cli, "out"), "--out", cli_path(cli, "imported"));
    assert_string_equal(
        cli->out, arena_printf(cli->arena, "1 result imported: coop report %s\n", cli_path(cli, "imported")));
    const char *accuracy = arena_strdup(cli->arena, accuracy_in(log));

    expect_ok(cli, TRAIN(cli, "eval", "CoOp", "--eval-only", "--model-dir", cli_path(cli, "out"),
                         "--load-epoch", "2", "TRAINER.COOP.N_CTX", "3", "TEST.PER_CLASS_RESULT", "True"));
    const char *tested = read_text(cli, cli_path(cli, "eval/log.txt"));
    expect_part(tested, "Loading weights to prompt_learner from \"");
    expect_part(tested, "\n=> per-class result\n* class: 0 (ring)\ttotal: ");
    assert_memory_equal(accuracy_in(tested), accuracy, strcspn(accuracy, "\n"));

    /* The same again: what is finished is told, into a log of its own. */
    expect_ok(cli, TRAIN(cli, "out", "CoOp", "DATASET.NUM_SHOTS", "2", "TRAINER.COOP.N_CTX", "3"));
    expect_part(cli->out, "(will resume training)\nPrevious epoch: 2\nFinish training\n");
    assert_memory_equal(accuracy_in(cli->out), accuracy, strcspn(accuracy, "\n"));
    assert_string_equal(read_text(cli, cli_path(cli, "out/log.txt")), log);
}

/* Only prompt_learner/model.pth.tar-EPOCH of a folder, in another: as an interrupted training of the
 * original. */
static void copy_model(Cli *cli, const char *from, const char *to, int epoch) {
    const char *name = arena_printf(cli->arena, "model.pth.tar-%d", epoch);
    size_t size;
    Error err = {0};
    assert_int_equal(make_folders(cli_path(cli, "%s/prompt_learner", to), &err), 0);
    const char *bytes =
        file_read(cli_path(cli, "%s/prompt_learner/%s", from, name), 1 << 24, cli->arena, &size, &err);
    scratch_file(cli_path(cli, "%s/prompt_learner/%s", to, name), bytes, size);
    write_text(cli_path(cli, "%s/prompt_learner/checkpoint", to), arena_printf(cli->arena, "%s\n", name));
}

static void expect_same_file(Cli *cli, const char *a, const char *b) {
    Error err = {0};
    size_t size[2];
    const char *paths[] = {cli_path(cli, "%s", a), cli_path(cli, "%s", b)}, *bytes[2];
    for (int i = 0; i < 2; i++)
        bytes[i] = file_read(paths[i], 1 << 24, cli->arena, &size[i], &err);
    assert_true(bytes[0] && bytes[1] && size[0] == size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
}

/* A training goes on from a model file with its optimiser's state, of --resume or of the output folder, with
 * the numbers of a run in one go. */
static void test_resume(void **state) {
    static const char *const recipes[][2] = {
        {"CoOp", "sgd"}, {"CoOp", "amsgrad"}, {"CoCoOp", "rmsprop"}, {"KgCoOp", "radam"}};
    Cli *cli = *state;
    write_files(cli);
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        const char *trainer = recipes[i][0],
                   *const pairs[] = {"OPTIM.NAME",        recipes[i][1], "OPTIM.MAX_EPOCH",       "3",
                                     "DATASET.NUM_SHOTS", "1",           "TRAIN.CHECKPOINT_FREQ", "1"};
#define PAIRS pairs[0], pairs[1], pairs[2], pairs[3], pairs[4], pairs[5], pairs[6], pairs[7]
        const char *whole = arena_printf(cli->arena, "whole%zu", i),
                   *half = arena_printf(cli->arena, "half%zu", i),
                   *rest = arena_printf(cli->arena, "rest%zu", i);
        expect_ok(cli, TRAIN(cli, whole, trainer, PAIRS));
        copy_model(cli, whole, half, 2);
        expect_ok(cli, TRAIN(cli, rest, trainer, "--resume", cli_path(cli, "%s", half), PAIRS));
        expect_part(cli->out, "\nLoading checkpoint from \"");
        expect_part(cli->out, "Loaded optimizer\nLoaded scheduler\nPrevious epoch: 2\n");
        expect_part(cli->out, "\nepoch [3/3]");
        expect_same_file(cli, arena_printf(cli->arena, "%s/prompt_learner/model.pth.tar-3", whole),
                         arena_printf(cli->arena, "%s/prompt_learner/model.pth.tar-3", rest));
        expect_ok(cli, TRAIN(cli, half, trainer, PAIRS));
        expect_part(cli->out, "Previous epoch: 2\n");
        expect_same_file(cli, arena_printf(cli->arena, "%s/prompt_learner/model.pth.tar-3", whole),
                         arena_printf(cli->arena, "%s/prompt_learner/model.pth.tar-3", half));
    }
}

/* What one trainer leaves, its own test loads, with the same accuracy. */
static void test_trainers(void **state) {
    static const char *const trainers[][5] = {
        {"CoCoOp", "TRAINER.COCOOP.N_CTX", "2"},
        {"KgCoOp", "TRAINER.COOP.CSC", "True", "TRAINER.COOP.N_CTX", "2"},
        {"KgCoOp", "TRAINER.COOP.CTX_INIT", "True"},
        {"ProGrad", "TRAINER.COOP.CTX_INIT", "True", "LOSS.NAME", "prograd"}};
    Cli *cli = *state;
    write_files(cli);
    for (size_t i = 0; i < sizeof trainers / sizeof *trainers; i++) {
        const char *const *t = trainers[i], *out = arena_printf(cli->arena, "%zu", i),
                          *test = arena_printf(cli->arena, "%zu_test", i);
        expect_ok(cli, TRAIN(cli, out, t[0], "DATASET.NUM_SHOTS", "1", t[1], t[2], t[3], t[4]));
        const char *log = read_text(cli, cli_path(cli, "%s/log.txt", out));
        expect_ok(cli, TRAIN(cli, test, t[0], "--eval-only", "--model-dir", cli_path(cli, "%s", out),
                             "--load-epoch", "2", t[1], t[2], t[3], t[4]));
        assert_memory_equal(accuracy_in(cli->out), accuracy_in(log), strcspn(accuracy_in(log), "\n"));
        if (i == 0)
            continue;
        expect_part(log, "\nepoch [2/2][1/1]\ttime "); /* as the parsers of these repositories want it */
        expect_part(log, "\nFinished training\nDo evaluation on test set\n=> result\n");
        assert_int_equal(strcspn(accuracy_in(log), "%"),
                         strlen("* accuracy: 12.00") - (accuracy_in(log)[13] == '.'));
        cli_ok(cli, "import", cli_path(cli, "%s", out), "--out", cli_path(cli, "imported"));
        expect_part(cli->out, "1 result imported");
    }
}

static int count_parts(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* The best model on the validation images is kept after every epoch and tested at the end; a test of it, and
 * of the same images, says the same. */
static void test_best_val(void **state) {
    Cli *cli = *state;
    write_files(cli);
    expect_ok(cli, TRAIN(cli, "best", "CoOp", "DATASET.NUM_SHOTS", "1", "OPTIM.MAX_EPOCH", "3",
                         "TEST.FINAL_MODEL", "best_val", "TEST.COMPUTE_CMAT", "True"));
    const char *log = read_text(cli, cli_path(cli, "best/log.txt"));
    assert_int_equal(count_parts(log, "Evaluate on the *val* set\n=> result\n* total: "), 3);
    assert_int_equal(count_parts(log, "\nConfusion matrix is saved to "), 4);
    expect_part(log, "prompt_learner/model-best.pth.tar\n");
    const char *end =
        strstr(log, "\nFinish training\nDeploy the model with the best val performance\nLoading weights ");
    assert_non_null(end);
    expect_part(end, "prompt_learner/model-best.pth.tar\" (epoch = ");
    expect_part(end, "\nEvaluate on the *test* set\n");
    assert_true(file_exists(cli_path(cli, "best/cmat.pt")));
    expect_ok(cli, TRAIN(cli, "test", "CoOp", "--eval-only", "--model-dir", cli_path(cli, "best"),
                         "DATASET.NUM_SHOTS", "1"));
    assert_memory_equal(accuracy_in(cli->out), accuracy_in(end), strcspn(accuracy_in(end), "\n"));

    expect_ok(cli, TRAIN(cli, "val", "CoOp", "--eval-only", "--model-dir", cli_path(cli, "best"),
                         "DATASET.NUM_SHOTS", "1", "TEST.SPLIT", "val"));
    TensorFile *best;
    Error err = {0};
    assert_non_null(best = tensors_open(cli_path(cli, "best/prompt_learner/model-best.pth.tar"), &err));
    const char *accuracy =
        arena_printf(cli->arena, "* accuracy: %.1f%%\n", atof(tensors_metadata(best, "val_result")));
    tensors_close(best);
    expect_part(cli->out, "Evaluate on the *val* set\n=> result\n* total: 10\n");
    expect_part(cli->out, accuracy);
    expect_ok(cli, TRAIN(cli, "zs", "ZeroshotCLIP", "--eval-only", "TEST.SPLIT", "val"));
    expect_part(cli->out, "Evaluate on the *val* set\n=> result\n* total: ");
}

static void test_zeroshot(void **state) {
    Cli *cli = *state;
    write_files(cli);
    expect_ok(cli, TRAIN(cli, "zs", "ZeroshotCLIP", "--eval-only"));
    expect_part(cli->out, "Prompts: ['a photo of a ring.', ");
    expect_part(cli->out, "Evaluate on the *test* set\n=> result\n* total: ");
}

/* Few-shot lists that are written are used the next time, and change nothing then. */
static void test_few_shot_lists(void **state) {
    Cli *cli = *state;
    write_files(cli);
    expect_ok(cli, TRAIN(cli, "a", "CoOp", "--write-split-fewshot", "DATASET.NUM_SHOTS", "1"));
    expect_part(cli->out, "\nSaving preprocessed few-shot data to ");
    const char *accuracy = arena_strdup(cli->arena, accuracy_in(cli->out));
    assert_true(file_exists(cli_path(cli, "data/caltech-101/split_fewshot/shot_1-seed_1.pkl")));
    expect_ok(cli, TRAIN(cli, "a", "CoOp", "DATASET.NUM_SHOTS", "1"));
    expect_part(cli->out, "\nFound checkpoint at ");
    expect_ok(cli, TRAIN(cli, "b", "CoOp", "DATASET.NUM_SHOTS", "1"));
    expect_part(cli->out, "\nLoading preprocessed few-shot data from ");
    assert_memory_equal(accuracy_in(cli->out), accuracy, strcspn(accuracy, "\n"));
}

static bool holds(const FileMap *map, const void *bytes, size_t size) {
    for (size_t at = 0; at + size <= map->size; at++)
        if (memcmp(map->data + at, bytes, size) == 0)
            return true;
    return false;
}

/* The rows are those of `coop encode --images`, as doubles, in the order of the lists. */
static void test_lpclip(void **state) {
    Cli *cli = *state;
    Error err = {0};
    write_files(cli);
    cli_ok(cli, "encode", "--model", FIXTURES "/clip_vit.safetensors", "--dataset", "caltech101", "--root",
           cli_path(cli, "data"), "--format", "lpclip", "--out", cli_path(cli, "lp"));
    assert_string_equal(cli->out,
                        arena_printf(cli->arena, "%s\n%s\n%s\n", cli_path(cli, "lp/Caltech101/train.npz"),
                                     cli_path(cli, "lp/Caltech101/val.npz"),
                                     cli_path(cli, "lp/Caltech101/test.npz")));
    Dataset dataset;
    const DatasetSpec spec = {.name = "caltech101", .root = cli_path(cli, "data")};
    assert_int_equal(dataset_open(&dataset, &spec, cli->arena, &err), 0);
    Buffer list = {0};
    for (int i = 0; i < dataset.test.n; i++)
        buffer_printf(&list, "%s/%s\n", dataset.root, dataset.test.items[i].path);
    scratch_file(cli_path(cli, "list"), list.bytes, list.size);
    buffer_free(&list);
    cli_ok(cli, "encode", "--model", FIXTURES "/clip_vit.safetensors", "--images", cli_path(cli, "list"),
           "--out", cli_path(cli, "f.safetensors"));
    TensorFile *file = tensors_open(cli_path(cli, "f.safetensors"), &err);
    const Tensor *tensor = tensors_find(file, "features");
    float *rows = arena_floats(cli->arena, tensor->count, 1);
    double *wide = ARENA_NEW(cli->arena, double, tensor->count);
    assert_int_equal(tensor_to_float(file, tensor, rows, &err), 0);
    for (size_t i = 0; i < tensor->count; i++)
        wide[i] = rows[i];
    FileMap map;
    assert_int_equal(file_map(&map, cli_path(cli, "lp/Caltech101/test.npz"), &err), 0);
    assert_true(holds(&map, wide, tensor->count * sizeof *wide));
    assert_true(holds(&map, "feature_list.npy", 16));
    assert_true(holds(&map, "label_list.npy", 14));
    file_unmap(&map);
    tensors_close(file);
    assert_int_equal(cli_run(cli, "encode", "--model", "x", "--dataset", "dtd", "--out", "o"), 2);
    expect_part(cli->err, "--dataset, --root and --format lpclip go together");
}

static void run_experiment(Cli *cli, const char *name, const char *features, const char *more) {
    write_text(cli_path(cli, "%s.yaml", name),
               arena_printf(cli->arena,
                            "output: %s\nmodel: {weights: " FIXTURES "/clip_vit.safetensors}\n"
                            "dataset: {name: caltech101, root: %s%s}\ngrid: {num_shots: 1, seed: 1}\n"
                            "methods: [zeroshot: {}, linear_probe: {}, coop: {n_ctx: 2, max_epoch: 2}]\n"
                            "outputs: {report: false}\n%s",
                            cli_path(cli, "%s", name), cli_path(cli, "data"), features, more));
}

/* Features in files give the results of the images, which need not be there. */
static void test_given_features(void **state) {
    Cli *cli = *state;
    int lines;
    write_files(cli);
    cli_ok(cli, "encode", "--model", FIXTURES "/clip_vit.safetensors", "--dataset", "caltech101", "--root",
           cli_path(cli, "data"), "--format", "lpclip", "--out", cli_path(cli, "lp"));
    const char *features = arena_printf(cli->arena, ", features: %s", cli_path(cli, "lp/Caltech101"));
    run_experiment(cli, "images", "", "");
    run_experiment(cli, "files", features, "");
    run_experiment(cli, "crops", features, "augment: {views: 2}\n");
    cli_ok(cli, "run", cli_path(cli, "images.yaml"));
    assert_int_equal(unlink(cli_path(cli, "data/caltech-101/101_ObjectCategories")), 0);
    cli_ok(cli, "run", cli_path(cli, "files.yaml"));
    expect_part(cli->err,
                "/lp/Caltech101: features are taken from there, as if the model had made them of caltech101");
    const ResultList of_images = cli_results(cli, "images", &lines),
                     of_files = cli_results(cli, "files", &lines);
    assert_int_equal(of_images.n, 3);
    assert_int_equal(of_files.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(of_images.results[i].accuracy == of_files.results[i].accuracy);
        assert_true(i == 0 || of_images.results[i].val_accuracy == of_files.results[i].val_accuracy);
        assert_string_not_equal(of_images.results[i].key, of_files.results[i].key);
    }
    assert_int_not_equal(cli_run(cli, "run", cli_path(cli, "crops.yaml")), 0);
    expect_part(cli->err, "crops.yaml: CoOp M=2 end epochs=2: ");
    expect_part(cli->err, "has no features of random crops (augment.views: 0)");
}

/* A refusal is one line, and leaves no folder: scripts take a folder for a result. */
static void refuses(Cli *cli, const char *expected, const char *const *more) {
    assert_int_not_equal(train(cli, "no", "CoOp", more), 0);
    if (!strstr(cli->err, expected) || strchr(cli->err, '\n')[1])
        fail_msg("'%s' expected, not: %s", expected, cli->err);
    assert_false(folder_exists(cli_path(cli, "no")));
}
#define REFUSES(cli, expected, ...) refuses(cli, expected, (const char *const[]){__VA_ARGS__, NULL})

static void test_refusals(void **state) {
    Cli *cli = *state;
    write_files(cli);
    REFUSES(cli, "INPUT.SIZE: the model takes images of (32, 32)", "INPUT.SIZE", "(224, 224)");
    REFUSES(cli, "prompt_learner/model.pth.tar-50: no such model", "--eval-only", "--model-dir", "none",
            "--load-epoch", "50");
    REFUSES(cli, "--eval-only of CoOp needs --model-dir", "--eval-only");
    expect_ok(cli, TRAIN(cli, "out", "CoOp", "DATASET.NUM_SHOTS", "1", "TRAINER.COOP.N_CTX", "3"));
    copy_model(cli, "out", "half", 2);
    REFUSES(cli, "after epoch 2, where 1 are to be trained", "--resume", cli_path(cli, "half"),
            "OPTIM.MAX_EPOCH", "1", "TRAINER.COOP.N_CTX", "3");
    REFUSES(cli, "no exp_avg of parameter 0: another optimiser left it, or none was kept", "--resume",
            cli_path(cli, "half"), "OPTIM.MAX_EPOCH", "3", "OPTIM.NAME", "adam", "TRAINER.COOP.N_CTX", "3");
    REFUSES(cli, "tensor ctx: shape [3, 128] where [4, 128] is needed", "--eval-only", "--model-dir",
            cli_path(cli, "out"), "--load-epoch", "2", "TRAINER.COOP.N_CTX", "4");
}

/* A second run in the folder of one that is at work leaves nothing there. */
static void test_lock(void **state) {
    Cli *cli = *state;
    Lock *lock;
    Error err = {0};
    write_files(cli);
    assert_int_equal(make_folders(cli_path(cli, "out/coop"), &err), 0);
    assert_int_equal(lock_take(&lock, cli_path(cli, "out/coop"), true, &err), 0);
    assert_int_not_equal(TRAIN(cli, "out", "CoOp", "DATASET.NUM_SHOTS", "1"), 0);
    expect_part(cli->err, "another run is at work in this folder");
    assert_false(file_exists(cli_path(cli, "out/log.txt")));
    lock_release(lock);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_train_and_test), CLI_TEST(test_trainers),
                                       CLI_TEST(test_resume),         CLI_TEST(test_best_val),
                                       CLI_TEST(test_zeroshot),       CLI_TEST(test_few_shot_lists),
                                       CLI_TEST(test_lpclip),         CLI_TEST(test_given_features),
                                       CLI_TEST(test_refusals),       CLI_TEST(test_lock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
