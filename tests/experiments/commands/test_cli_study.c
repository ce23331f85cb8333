/* test_cli_study.c: `coop run` on studies from outside: several checkpoints and datasets, transfer to others,
 * points side by side, points that fail. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN "images: " FIXTURES "images, split: " FIXTURES "split_zhou_Golden.json"
#define BRIEF "optim: {max_epoch: 3, batch_size: 8}\n"

/* SCRATCH/NAME.yaml with output SCRATCH/NAME; rest is all but the output. */
static const char *write_study(Cli *cli, const char *name, const char *rest) {
    const char *path = cli_path(cli, "%s.yaml", name);
    char *text = arena_printf(cli->arena, "output: %s\n%s", cli_path(cli, "%s", name), rest);
    scratch_file(path, text, strlen(text));
    return path;
}

static const Result *find_result(const ResultList *list, const char *dataset, const char *source,
                                 const char *label) {
    for (int i = 0; i < list->n; i++) {
        const Result *r = &list->results[i];
        if (strcmp(r->dataset, dataset) == 0 && strcmp(r->label, label) == 0 &&
            (source ? r->source && strcmp(r->source, source) == 0 : !r->source))
            return r;
    }
    fail_msg("no result of %s on %s", label, dataset);
    return NULL;
}

#define BOTH_MODELS                                                                                          \
    "model: {weights: [" FIXTURES "clip_rn.safetensors, " FIXTURES "clip_vit.safetensors], vocab: " FIXTURES \
    "merges.txt.gz}\n"

/* Two checkpoints, base and new classes: a result for each, a table for each, and the same from `coop eval`.
 */
static void test_base_to_new(void **state) {
    Cli *cli = *state;
    const char *path =
        write_study(cli, "study",
                    BOTH_MODELS "dataset: {format: split, " GOLDEN ", subsample_classes: base}\n"
                                "transfer: [{subsample_classes: new}]\n"
                                "grid: {num_shots: [2], seed: [1]}\n" BRIEF "outputs: {logits: true}\n"
                                "methods: [zeroshot: {}, linear_probe: {}, text_layer: {}, tip_adapter: {},\n"
                                "          coop: {n_ctx: 4, csc: [false, true]}]\n");
    cli_ok(cli, "run", path);
    /* own: 6; on the new classes: the hand-written prompt, the layer and the unified prompt */
    assert_int_equal(cli_results(cli, "study", NULL).n, 2 * (6 + 3));
    assert_non_null(strstr(cli->out, "learned on Golden_base with 2 shots"));
    assert_non_null(strstr(cli->out, " H\n"));
    char *first = cli->out;
    cli_ok(cli, "run", path);
    assert_string_equal(cli->out, first);
    assert_non_null(strstr(cli->err, "18 of 18 points are already finished"));

    ResultList results = cli_results(cli, "study", NULL);
    const Result *own = NULL, *moved = NULL;
    for (int i = 0; i < results.n; i++)
        if (strcmp(results.results[i].label, "CoOp M=4 end") == 0)
            *(results.results[i].source ? &moved : &own) = &results.results[i]; /* of the second checkpoint */
    assert_non_null(own);
    assert_non_null(moved);
    assert_string_equal(moved->dataset, "Golden_new");
    assert_string_equal(moved->source, "Golden_base");
    const char *logits = cli_path(cli, "eval.safetensors");
    cli_ok(cli, "eval", cli_path(cli, "study/%s/prompt.safetensors", own->folder), "--config", path, "--set",
           "dataset.subsample_classes=new", "--set", "model.weights=" FIXTURES "clip_vit.safetensors",
           "--logits", logits);
    cli_assert_same_files(cli, logits, cli_path(cli, "study/%s/test_logits.safetensors", moved->folder));
}

/* The same classes elsewhere: what is class-specific, the probe and the cache can be tested there too. Here
 * the target shows the very images, so nothing may change. */
static void test_same_classes(void **state) {
    Cli *cli = *state;
    const char *path =
        write_study(cli, "study",
                    "model: {weights: " FIXTURES "clip_rn.safetensors, vocab: " FIXTURES "merges.txt.gz}\n"
                    "dataset: {format: split, " GOLDEN "}\n"
                    "transfer:\n  - {name: again, format: split, " GOLDEN
                    "}\n  - {name: oncemore, format: split, " GOLDEN "}\n"
                    "grid: {num_shots: [2], seed: [1, 2]}\n" BRIEF
                    "methods: [zeroshot: {}, linear_probe: {}, text_layer: {layer: bias},\n"
                    "          tip_adapter: {train: [false, true]}, coop: {n_ctx: 4, csc: [false, true]}]\n");
    cli_ok(cli, "run", path);
    ResultList results = cli_results(cli, "study", NULL);
    assert_int_equal(results.n, 3 * 13);
    static const char *const labels[] = {"linear probe",  "text bias",    "Tip-Adapter",
                                         "Tip-Adapter-F", "CoOp M=4 end", "CoOp M=4 end csc"};
    for (int i = 0; i < 6; i++)
        for (int t = 0; t < 2; t++)
            assert_true(find_result(&results, "Golden", NULL, labels[i])->accuracy ==
                        find_result(&results, t ? "oncemore" : "again", "Golden", labels[i])->accuracy);
    assert_non_null(strstr(cli->out, "average"));
    cli_refuses(cli, 3, path, "two datasets called 'again'", "run", path, "--set",
                "transfer=[{name: again, format: split, " GOLDEN "}, {name: again, format: split, " GOLDEN
                "}]",
                "--set", "name=x");
}

/* logits (n, K) of a point. */
static const float *read_logits(Cli *cli, const Result *result, size_t *count) {
    TensorFile *file = fixture_open(cli_path(cli, "study/%s/test_logits.safetensors", result->folder));
    const float *logits = fixture_floats(file, "logits", cli->arena, count);
    tensors_close(file);
    return logits;
}

/* Three of the classes elsewhere, in another order, as the variants of ImageNet show 200 of the 1,000: the
 * logits of what is tied to classes are the columns of these. */
static void test_some_classes(void **state) {
    enum { OWN_CLASSES = 10, PER_CLASS = 3 };
    static const char split[] =
        "{\"train\": [], \"val\": [], \"test\": [[\"shape07/0004.jpg\", 0, \"boat\"],"
        "[\"shape02/0005.jpg\", 1, \"hexagon\"], [\"shape05/0006.jpg\", 2, \"2012 M3 coupe\"]]}";
    static const int classes[] = {7, 2, 5}, images[] = {0, 1, 2}; /* of the own dataset; of each class */
    Cli *cli = *state;
    scratch_file(cli_path(cli, "some.json"), split, strlen(split));
    const char *path =
        write_study(cli, "study",
                    arena_printf(cli->arena,
                                 "model: {weights: " FIXTURES "clip_rn.safetensors, vocab: " FIXTURES
                                 "merges.txt.gz}\ndataset: {format: split, " GOLDEN "}\n"
                                 "transfer: [{name: some, format: split, images: " FIXTURES "images, split: "
                                 "%s}]\ngrid: {num_shots: [2], seed: [1]}\noutputs: {logits: true}\n"
                                 "methods: [linear_probe: {}, tip_adapter: {train: [false, true]}]\n",
                                 cli_path(cli, "some.json")));
    cli_ok(cli, "run", path);
    ResultList results = cli_results(cli, "study", NULL);
    static const char *const labels[] = {"linear probe", "Tip-Adapter", "Tip-Adapter-F"};
    for (int l = 0; l < 3; l++) {
        size_t n_own, n_some;
        const float *own = read_logits(cli, find_result(&results, "Golden", NULL, labels[l]), &n_own);
        const float *some = read_logits(cli, find_result(&results, "some", "Golden", labels[l]), &n_some);
        assert_int_equal(n_own, OWN_CLASSES * PER_CLASS * OWN_CLASSES);
        assert_int_equal(n_some, 3 * 3);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) {
                float expected = own[(classes[i] * PER_CLASS + images[i]) * OWN_CLASSES + classes[k]];
                assert_float_equal(some[3 * i + k], expected, 1e-5 * fabsf(expected));
            }
    }
}

/* One dataset twice, each under the name of the other's folder. */
static void test_one_folder(void **state) {
    Cli *cli = *state;
    const char *path =
        write_study(cli, "study",
                    "model: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES "merges.txt.gz}\n"
                    "dataset: [{format: split, " GOLDEN "}, {format: split, " GOLDEN ", name: Golden}]\n"
                    "grid: {num_shots: [1], seed: [1]}\nmethods: [linear_probe: {}]\n");
    cli_refuses(cli, 3, path,
                "two experiments would share the folder Golden/linear_probe/clip_vit_1shots/seed1", "run",
                path);
}

/* results.csv of an output without the times. */
static const char *csv_without_times(Cli *cli, const char *output) {
    enum { TRAIN_SECONDS = 19, TOTAL_SECONDS = 20, FINISHED = 26 };
    const char *csv = cli_read(cli, cli_path(cli, "%s/results.csv", output), NULL);
    char *kept = arena_alloc(cli->arena, strlen(csv) + 1, 1), *to = kept;
    int column = 0;
    for (const char *at = csv; *at; at++) {
        if (column != TRAIN_SECONDS && column != TOTAL_SECONDS && column != FINISHED)
            *to++ = *at;
        column = *at == '\n' ? 0 : column + (*at == ',');
    }
    assert_non_null(strstr(kept, "found,folder,backbone,model_digest,vocab_digest,split_digest,key,"
                                 "activation,split_train,split_val,program,val_accuracy,validation,"
                                 "trained_parameters,mean_rank,median_rank\n"));
    return kept;
}

/* Points side by side write the same bytes. (With GELU the digest is not that of the file.) */
static void test_jobs(void **state) {
    Cli *cli = *state;
    static const char rest[] =
        "model: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES
        "merges.txt.gz, activation: gelu}\n"
        "dataset: {format: split, " GOLDEN "}\n"
        "grid: {num_shots: [1, 2], seed: [1, 2]}\n" BRIEF
        "methods: [zeroshot: {}, linear_probe: {}, coop: {n_ctx: 4, csc: [false, true]}]\n";
    cli_ok(cli, "run", write_study(cli, "one", rest), "--quiet");
    char *out = cli->out;
    cli_ok(cli, "run", write_study(cli, "three", rest), "--jobs", "3");
    assert_string_equal(cli->out, out);
    assert_non_null(strstr(cli->err, "[13/13] "));
    ResultList results = cli_results(cli, "one", NULL);
    int n_prompts = 0;
    for (int i = 0; i < results.n; i++)
        if (strcmp(results.results[i].method, "coop") == 0) {
            const char *folder = results.results[i].folder;
            cli_assert_same_files(cli, cli_path(cli, "one/%s/prompt.safetensors", folder),
                                  cli_path(cli, "three/%s/prompt.safetensors", folder));
            n_prompts++;
        }
    assert_int_equal(n_prompts, 8);
    assert_string_equal(csv_without_times(cli, "three"), csv_without_times(cli, "one"));
}

/* A signal stops all jobs, and what they had finished is kept. */
static void test_stopped_jobs(void **state) {
    Cli *cli = *state;
    const char *path =
        write_study(cli, "study",
                    "model: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES "merges.txt.gz}\n"
                    "dataset: {format: split, " GOLDEN "}\n"
                    "grid: {num_shots: [1], seed: [1]}\n"
                    "optim: {batch_size: 8, max_epoch: 100000}\n"
                    "methods: [zeroshot: {}, linear_probe: {}, coop: {n_ctx: [2, 3, 4]}]\n");
    cli_start(cli, (const char *const[]){"run", path, "--jobs", "3", NULL});
    for (int i = 0; i < 4000 && !cli_exists(cli_path(cli, "study/results.jsonl")); i++)
        usleep(5000);
    kill(cli->child, SIGTERM);
    assert_int_equal(cli_wait(cli), 128 + SIGTERM);
    assert_non_null(strstr(cli->err, "stopped by SIGTERM; start the same command again to go on\n"));
    assert_in_range(cli_results(cli, "study", NULL).n, 1, 2);
}

/* In whatever order points have been finished: tables are in that of the grid. */
static void test_order(void **state) {
    Cli *cli = *state;
    static const char *const names[] = {"results.jsonl", "results.csv", "report.html"};
    const char *path =
        write_study(cli, "study",
                    "model: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES "merges.txt.gz}\n"
                    "dataset: {format: split, " GOLDEN "}\n"
                    "transfer:\n  - {name: again, format: split, " GOLDEN
                    "}\n  - {name: oncemore, format: split, " GOLDEN "}\n"
                    "grid: {num_shots: [1, 2], seed: [1, 2]}\n"
                    "methods: [tip_adapter: {}, zeroshot: {}, linear_probe: {}]\n");
    cli_ok(cli, "run", path);
    const char *out = cli->out, *before[3];
    for (int i = 0; i < 3; i++)
        before[i] = cli_read(cli, cli_path(cli, "study/%s", names[i]), NULL);
    char *reversed = arena_alloc(cli->arena, strlen(before[0]) + 1, 1), *to = reversed + strlen(before[0]);
    for (const char *at = before[0], *end; *at; at = end) {
        end = strchr(at, '\n') + 1;
        to -= end - at;
        memcpy(to, at, (size_t)(end - at));
    }
    scratch_file(cli_path(cli, "study/results.jsonl"), reversed, strlen(reversed));
    cli_ok(cli, "run", path);
    assert_string_equal(cli->out, out);
    for (int i = 0; i < 3; i++)
        assert_string_equal(cli_read(cli, cli_path(cli, "study/%s", names[i]), NULL), before[i]);
    const char *line = before[0];
    for (int i = 0; i < 3 * 9; i++, line = strchr(line, '\n') + 1) { /* a result of each dataset's 9 */
        static const char *const datasets[] = {"Golden", "again", "oncemore"};
        json_t *json = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        assert_string_equal(json_string_value(json_object_get(json, "dataset")), datasets[i / 9]);
        json_decref(json);
    }
    assert_string_equal(line, "");
}

/* A dry run says what is to be done, and writes nothing. */
static void test_dry_run(void **state) {
    Cli *cli = *state;
    const char *path =
        write_study(cli, "study",
                    "model: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES "merges.txt.gz}\n"
                    "dataset: {format: split, " GOLDEN "}\n"
                    "grid: {num_shots: [1], seed: [1]}\noptim: {max_epoch: 300, batch_size: 8}\n"
                    "methods: [zeroshot: {}, coop: {n_ctx: 2}]\n");
    cli_ok(cli, "run", path, "--dry-run");
    assert_false(cli_exists(cli_path(cli, "study")));
    assert_int_equal(strncmp(cli->out, "2 points, 2 to run: about ", 26), 0);
    char *images = strstr(cli->out, ", ");
    assert_non_null(images = strstr(images + 2, ", "));
    int n_images = atoi(images + 2);
    cli_ok(cli, "run", path, "--set", "optim.max_epoch=2");
    assert_non_null(strstr(cli->err, arena_printf(cli->arena, "encoded %d images", n_images)));
    cli_ok(cli, "run", path, "--dry-run");
    assert_int_equal(strncmp(cli->out, "2 points, 1 to run: about ", 26), 0);
    assert_non_null(strstr(cli->out, ", 0 images to encode\n"));
}

/* A point that fails stops neither the others nor is it lost sight of; its own transfer is not tried. */
static void test_failure(void **state) {
    Cli *cli = *state;
    const char *path = write_study(
        cli, "study",
        "model: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES "merges.txt.gz}\n"
        "dataset: {format: split, " GOLDEN "}\ntransfer: [{name: again, format: split, " GOLDEN "}]\n"
        "grid: {num_shots: [1], seed: [1]}\noptim: {max_epoch: 12, batch_size: 8, warmup_epoch: 0}\n"
        "methods: [coop: {n_ctx: 2, lr: [1.0e+3, 0.002]}, zeroshot: {}]\n");
    cli_start(cli, (const char *const[]){"run", path, "--set", "optim.weight_decay=1e3", NULL});
    assert_int_equal(cli_wait(cli), 4);
    const char *list = strstr(cli->err, "\nfailed:\n");
    assert_non_null(list);
    assert_non_null(strstr(list, "  CoOp M=2 end lr=1000, 1 shot, seed 1: "));
    assert_non_null(strstr(list, "coop run: 1 of 6 points failed\n"));
    ResultList results = cli_results(cli, "study", NULL);
    assert_int_equal(results.n, 4);
    find_result(&results, "again", "Golden", "CoOp M=2 end lr=0.002");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_base_to_new), CLI_TEST(test_same_classes), CLI_TEST(test_some_classes),
        CLI_TEST(test_one_folder),  CLI_TEST(test_jobs),         CLI_TEST(test_stopped_jobs),
        CLI_TEST(test_order),       CLI_TEST(test_dry_run),      CLI_TEST(test_failure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
