/* test_cli_models.c: checkpoints by name from outside: `coop models`, and every command that takes one. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "experiments/fetch/http.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/web/hub_support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"
#define MERGES FIXTURES "merges.txt.gz"
#define IMAGE FIXTURES "images/shape00/0000.jpg"
#define HUB ".cache/huggingface/hub/models--"
#define SNAPSHOT HUB "me--mine/snapshots/" HUB_COMMIT
#define CONFIG                                                                                               \
    "{\"model_cfg\": {\"embed_dim\": 64, \"quick_gelu\": true,"                                              \
    "\"vision_cfg\": {\"width\": 128, \"layers\": 4, \"patch_size\": 8, \"image_size\": 32},"                \
    "\"text_cfg\": {\"width\": 128, \"layers\": 3, \"heads\": 2, \"vocab_size\": 718}}}"

/* The golden ViT as me/mine on a hub; with `size`, so many bytes in its place. */
static void start(Cli *cli, WebServer *server, const char *rules, size_t size) {
    size_t n_weights, n_merges;
    const char *weights = cli_read(cli, VIT, &n_weights), *merges = cli_read(cli, MERGES, &n_merges);
    char *filler = ARENA_NEW(cli->arena, char, size);
    for (size_t i = 0; i < size; i++)
        filler[i] = (char)((unsigned)i * 2654435761u >> 21);
    const HubEntry entries[] = {
        {"open_clip_model.safetensors", size ? filler : weights, size ? size : n_weights, true, NULL},
        {"open_clip_config.json", CONFIG, strlen(CONFIG), false, NULL},
        {"merges.txt", merges, n_merges, true, NULL}};
    web_start(server, cli->scratch, arena_printf(cli->arena, "%s%s", hub_rules, rules), cli->arena);
    hub_environment(server, cli->scratch);
    hub_put(server, "me/mine", entries, 3);
}

/* A name in a hub's cache, without any server. */
static void put_name(Cli *cli, const char *folder, const char *weights) {
    const char *snapshot = cli_path(cli, HUB "%s/snapshots/1", folder);
    hub_environment(NULL, cli->scratch);
    assert_int_equal(make_folders(snapshot, NULL), 0);
    assert_int_equal(make_folders(cli_path(cli, HUB "%s/refs", folder), NULL), 0);
    scratch_file(cli_path(cli, HUB "%s/refs/main", folder), "1", 1);
    cli_copy(VIT, arena_printf(cli->arena, "%s/%s", snapshot, weights));
    cli_copy(MERGES, arena_printf(cli->arena, "%s/merges.txt.gz", snapshot));
}

/* --- get --- */

static void test_get(void **state) {
    Cli *cli = *state;
    WebServer server;
    start(cli, &server, "", 0);
    cli_refuses(cli, 3, "hf-hub:me/mine: ", "this fetches it: coop models get me/mine", "zeroshot", "--model",
                "hf-hub:me/mine", "--classes", "a,b", IMAGE);
    cli_ok(cli, "models", "get", "me/mine");
    assert_string_equal(
        cli->out, arena_printf(cli->arena, "%s\n", cli_path(cli, SNAPSHOT "/open_clip_model.safetensors")));
    assert_string_equal(cli->err, "use it by its name: --model me/mine\n");
    cli_assert_same_files(cli, VIT, cli_path(cli, SNAPSHOT "/open_clip_model.safetensors"));
    cli_ok(cli, "models");
    assert_non_null(strstr(cli->out, "on this disk:\n  me/mine "));
    assert_non_null(strstr(cli->out, SNAPSHOT "/open_clip_model.safetensors\n"));
    cli_ok(cli, "zeroshot", "--model", "hf-hub:me/mine", "--classes", "a,b", IMAGE);
    cli_ok(cli, "models", "get", "me/mine", "--dir", cli_path(cli, "own"), "--quiet");
    assert_string_equal(cli->err, "");
    cli_ok(cli, "zeroshot", "--model", cli_path(cli, "own"), "--classes", "a,b", IMAGE);
    cli_refuses(cli, 2, "coop models: usage: coop models get NAME...", "", "models", "get");
    cli_refuses(cli, 2, "coop models: ", "coop models get NAME", "models", "--dir", "x");
    cli_refuses(cli, 2, "coop models: x.pt: a path, where the name", "", "models", "get", "x.pt");
    cli_refuses(cli, 3, "RN51: neither a file or folder, nor the name of a checkpoint (near: RN50", "",
                "models", "get", "RN51");
    cli_refuses(cli, 4, "coop models: me/none: ", "no such repository", "models", "get", "me/none");
    web_stop(&server);
    cli_refuses(cli, 4, "coop models: me/mine: ", "127.0.0.1", "models", "get", "me/mine");
}

/* Stopped in the middle, the next one fetches the rest; the bytes are those of a fetch in one go. */
static void test_interrupt(void **state) {
    Cli *cli = *state;
    WebServer server;
    enum { SIZE = 3 << 20 };
    start(cli, &server, "", SIZE);
    const char *slow = web_put(&server, "slow", "", 0);
    cli_start(cli, (const char *const[]){"models", "get", "me/mine", NULL});
    usleep(1500000);
    kill(cli->child, SIGINT);
    assert_int_equal(cli_wait(cli), 130);
    assert_true(cli->seconds < 3);
    assert_non_null(strstr(cli->err, " MiB are kept; the same command goes on behind them\n"));
    assert_false(cli_exists(cli_path(cli, HUB "me--mine/refs/main")));
    unlink(slow);
    cli_ok(cli, "models", "get", "me/mine");
    cli_assert_same_files(cli, cli_path(cli, "www/cdn/me/mine/open_clip_model.safetensors"),
                          cli_path(cli, SNAPSHOT "/open_clip_model.safetensors"));
    assert_int_equal(web_count(&server, "localhost /cdn/me/mine/open_clip_model.safetensors 206"), 1);
    web_stop(&server);
}

static void limit_files(void) {
    const struct rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_no_space(void **state) {
    Cli *cli = *state;
    WebServer server;
    start(cli, &server, "", 3 << 20);
    cli->before = limit_files;
    cli_run(cli, "models", "get", "me/mine");
    assert_int_equal(cli->status, 4);
    assert_non_null(
        strstr(cli->err, ".incomplete: 1.0 MiB are kept; the same command goes on behind them\n"));
    assert_non_null(strstr(cli->err, ".incomplete: cannot write: File too large\n"));
    assert_false(cli_exists(cli_path(cli, HUB "me--mine/refs/main")));
    cli_ok(cli, "models", "get", "me/mine");
    cli_assert_same_files(cli, cli_path(cli, "www/cdn/me/mine/open_clip_model.safetensors"),
                          cli_path(cli, SNAPSHOT "/open_clip_model.safetensors"));
    assert_int_equal(web_count(&server, "206 \"-\" \"bytes=1048576-\""), 1);
    web_stop(&server);
}

/* A server that wants to be asked more slowly. */
static void test_too_many(void **state) {
    Cli *cli = *state;
    WebServer server;
    start(cli, &server, "limit_req zone=slow; ", 0);
    cli_ok(cli, "models", "get", "me/mine");
    assert_non_null(strstr(cli->err, "answers 429: too many requests; again in 1 s\n"));
    cli_assert_same_files(cli, VIT, cli_path(cli, SNAPSHOT "/open_clip_model.safetensors"));
    web_stop(&server);
}

/* --- use --- */

static void test_commands(void **state) {
    Cli *cli = *state;
    size_t size;
    const char *name = "ViT-B-32:openai", *out = cli_path(cli, "a.safetensors"),
               *same = cli_path(cli, "b.safetensors");
    put_name(cli, "timm--vit_base_patch32_clip_224.openai", "open_clip_model.safetensors");
    const char *texts = cli_path(cli, "texts");
    scratch_file(texts, "a ring\n", 7);
    cli_ok(cli, "encode", "--model", name, "--texts", texts, "--out", out);
    cli_ok(cli, "encode", "--model", VIT, "--vocab", MERGES, "--texts", texts, "--out", same, "--quiet");
    cli_assert_same_files(cli, out, same);
    cli_ok(cli, "inspect", name);
    assert_non_null(strstr(cli->out, "the name ViT-B-32:openai\n"));
    cli_ok(cli, "export", name, "--format", "openai", "--out", cli_path(cli, "c.pt"));
    cli_ok(cli, "init", FIXTURES "images", "--model", name, "--out", cli_path(cli, "init.yaml"));
    assert_non_null(strstr(cli_read(cli, cli_path(cli, "init.yaml"), &size), name));

    const char *yaml =
        cli_experiment(cli, "run", "vit",
                       "grid: {num_shots: [2], seed: [1]}\noptim: {max_epoch: 2, batch_size: 8}\n"
                       "methods:\n  - coop: {n_ctx: 2}\n");
    const char *set = arena_printf(cli->arena, "model.weights=%s", name);
    cli_ok(cli, "run", yaml, "--set", set, "--set", "model.vocab=auto");
    ResultList results = cli_results(cli, "run", NULL);
    assert_int_equal(results.n, 1);
    const char *prompt = cli_point_file(cli, "run", results.results[0].label, -1, "prompt.safetensors");
    assert_non_null(strstr(prompt, "/ViT-B-32_openai_2shots/"));
    cli_ok(cli, "classify", prompt, IMAGE);
    cli_ok(cli, "words", prompt);
    cli_ok(cli, "eval", prompt, "--config", yaml, "--set", set, "--set", "model.vocab=auto");
    cli_ok(cli, "inspect", prompt);
    assert_non_null(strstr(cli->out, name)); /* and the digest, beside it */
    unlink(
        cli_path(cli, HUB "timm--vit_base_patch32_clip_224.openai/snapshots/1/open_clip_model.safetensors"));
    cli_refuses(cli, 3, prompt,
                ": checkpoint: ViT-B-32:openai is not there; say where it is (--model, or checkpoint of "
                "coop_options), or fetch it: "
                "coop models get ViT-B-32:openai",
                "classify", prompt, IMAGE);
    cli_refuses(cli, 3, "ViT-B-32:openai: not on this disk; this fetches it: coop models get ViT-B-32:openai",
                "", "run", yaml, "--set", set, "--set", "model.vocab=auto", "--set",
                arena_printf(cli->arena, "output=%s", cli_path(cli, "x")));
}

/* A name of single files stands for the published ones. */
static void test_other_content(void **state) {
    Cli *cli = *state;
    hub_environment(NULL, cli->scratch);
    assert_int_equal(make_folders(cli_path(cli, ".cache/clip"), NULL), 0);
    const char *file = cli_path(cli, ".cache/clip/ViT-B-32.pt");
    cli_copy(VIT, file);
    const char *yaml = cli_experiment(cli, "run", "vit", "methods:\n  - zeroshot: {}\n");
    cli_refuses(cli, 3, "ViT-B/32: ",
                "not the file of that name that was published (40d365715913...); this fetches "
                "it: coop models get ViT-B/32",
                "run", yaml, "--set", "model.weights=ViT-B/32");
    cli_ok(cli, "run", yaml, "--set", arena_printf(cli->arena, "model.weights=%s", file));
    cli_run(cli, "models", "ViT-B/32");
    assert_int_equal(cli->status, 3);
    assert_non_null(strstr(cli->err, ": not the published one (40d3"));
}

static void test_pretrain(void **state) {
    Cli *cli = *state;
    put_name(cli, "timm--vit_base_patch32_clip_224.openai", "open_clip_model.safetensors");
    const char *pairs = "filepath\ttitle\nshape00/0000.jpg\ta ring\nshape01/0000.jpg\ta fish\n";
    scratch_file(cli_path(cli, "pairs.tsv"), pairs, strlen(pairs));
    const char *yaml = arena_printf(
        cli->arena,
        "output: %s\nmodel: {weights: 'ViT-B-32:openai'}\ndata:\n  train: {csv: %s, root: " FIXTURES
        "images}\noptim: {epochs: 1, batch_size: 2}\n",
        cli_path(cli, "mine"), cli_path(cli, "pairs.tsv"));
    scratch_file(cli_path(cli, "mine.yaml"), yaml, strlen(yaml));
    cli_ok(cli, "pretrain", cli_path(cli, "mine.yaml"));
    assert_true(cli_exists(cli_path(cli, "mine/epoch_1.safetensors")));
}

int main(void) {
    const struct CMUnitTest uses[] = {CLI_TEST(test_commands), CLI_TEST(test_pretrain),
                                      CLI_TEST(test_other_content)};
    const struct CMUnitTest fetches[] = {CLI_TEST(test_get), CLI_TEST(test_interrupt),
                                         CLI_TEST(test_no_space), CLI_TEST(test_too_many)};
    const int failed = cmocka_run_group_tests(uses, NULL, NULL);
    return failed + (http_available() ? cmocka_run_group_tests(fetches, NULL, NULL) : 0);
}
