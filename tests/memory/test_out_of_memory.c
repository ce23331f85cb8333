/* test_out_of_memory.c: memory runs out at the n-th allocation of a command, in our code or in any library.
 *
 * A command then says so in one line and ends with status 4, or gets by without, and everything is as ever:
 * nothing in between. What it leaves behind is whole, and the same command then finishes, to the byte. For
 * each command that is tried at some n, with one allocation that fails and with all from the n-th on. In the
 * environment,
 *
 *     SAMPLES=n   tries so many numbers of each command; 100000: every one, for an hour or more
 *     ONLY=NAME   that command alone
 *     FROM=n      begins there
 *     STEP=n      goes on to every n-th from there: with other beginnings the gaps are filled later
 *     COUNT=1     prints the numbers of allocations, and tries nothing
 */
#define _GNU_SOURCE /* nftw */
#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/base/text_ends.h"
#include "experiments/fetch/http.h"
#include "tests/support/catalog_support.h"
#include "tests/support/checkpoint_copy.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/web/hub_support.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_WORDS = 16, MAX_FILES = 100, MAX_FAULTS = 40, MAX_SECONDS = 60 };
#define POINT_FAILED ": failed: " /* the run goes on with the others */

typedef struct {
    const char *path;
    char *bytes;
    size_t size;
} Leaf;
typedef struct { /* all files of the folder `work` */
    Leaf leaves[MAX_FILES];
    int n;
} Tree;

typedef struct {
    const char *name;
    const char *words[MAX_WORDS]; /* "work/x" and "run/x" lie in the scratch folder */
    int samples;                  /* numbers tried, when not all are */
} Case;

/* What the preloaded library is told; read in the child. */
static struct {
    char library[4200], count[4200], at[32];
    bool later;
} fault;

/* --- processes --- */

static void before(void) {
    setenv("LD_PRELOAD", fault.library, 1);
    setenv("FAIL_AT", fault.at, 1);
    setenv("FAIL_COUNT", fault.count, 1);
    if (fault.later)
        setenv("FAIL_LATER", "1", 1);
    alarm(MAX_SECONDS);
}

/* Runs the command; its n-th allocation fails (0: none). */
static void run_at(Cli *cli, const char *const *words, long n, bool later) {
    snprintf(fault.at, sizeof fault.at, "%ld", n);
    fault.later = later;
    cli->before = before;
    unlink(fault.count);
    cli_start(cli, words);
    cli_wait(cli);
}

static long count_of(Cli *cli) {
    return strtol(cli_read(cli, fault.count, NULL), NULL, 10);
}

/* --- files --- */

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *place) {
    (void)info;
    (void)flag;
    (void)place;
    return remove(path);
}

/* An empty folder `work`; what a report is to replace holds something else. */
static void clear(Cli *cli) {
    Error err = {0};
    const char *work = cli_path(cli, "work");
    nftw(work, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(make_folders(work, &err), 0);
    scratch_file(cli_path(cli, "run/results.csv"), "stale", 5);
}

static Cli *tree_cli;
static Tree *tree_read;
static int read_entry(const char *path, const struct stat *info, int flag, struct FTW *place) {
    (void)info;
    (void)place;
    if (flag != FTW_F)
        return 0;
    assert_true(tree_read->n < MAX_FILES);
    Leaf *leaf = &tree_read->leaves[tree_read->n++];
    leaf->path = arena_strdup(tree_cli->arena, path);
    leaf->bytes = cli_read(tree_cli, path, &leaf->size);
    return 0;
}

static Tree *read_tree(Cli *cli) {
    tree_cli = cli;
    tree_read = ARENA_NEW(cli->arena, Tree, 1);
    assert_int_equal(nftw(cli_path(cli, "work"), read_entry, 16, FTW_PHYS), 0);
    assert_int_equal(nftw(cli_path(cli, "run"), read_entry, 16, FTW_PHYS), 0);
    return tree_read;
}

static const Leaf *find_leaf(const Tree *tree, const char *path) {
    for (int i = 0; i < tree->n; i++)
        if (strcmp(tree->leaves[i].path, path) == 0)
            return &tree->leaves[i];
    return NULL;
}

static bool same_bytes(const Leaf *a, const Leaf *b) {
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* A file that grows line by line, or of which an earlier state is as good. */
static bool may_be_unfinished(const Leaf *leaf, const Leaf *whole) {
    static const char *const growing[] = {"results.jsonl", "metrics.jsonl", ".coop", ".features"};
    for (size_t i = 0; i < sizeof growing / sizeof *growing; i++)
        if (ends_with(leaf->path, growing[i]))
            return leaf->size <= whole->size && memcmp(leaf->bytes, whole->bytes, leaf->size) == 0;
    if (ends_with(leaf->path, "work/report.html")) /* of a pretraining: the curves so far */
        return leaf->size > 8 && memcmp(leaf->bytes + leaf->size - 8, "</html>\n", 8) == 0;
    return ends_with(leaf->path, "state.safetensors") ||
           (ends_with(leaf->path, "run/results.csv") && leaf->size == 5);
}

/* What tells of the points that are there, when others have failed. */
static bool is_of_the_rest(const Leaf *leaf) {
    return ends_with(leaf->path, "results.jsonl") || ends_with(leaf->path, "results.csv") ||
           ends_with(leaf->path, "report.html");
}

/* A log of beginnings, and the state before the last, which may be that of a stop. */
static bool tells_of_stops(const Leaf *leaf) {
    return ends_with(leaf->path, "log.txt") || ends_with(leaf->path, "state_before.safetensors");
}

/* From where a fetch goes on. */
static bool is_fetched_part(const Leaf *leaf) {
    return ends_with(leaf->path, ".part") || ends_with(leaf->path, ".part.etag");
}

/* NULL, or the path of what should not be there, or differs. */
static const char *wrong_file(const Tree *tree, const Tree *expected, bool finished, bool points_failed) {
    for (int i = 0; i < tree->n; i++) {
        const Leaf *leaf = &tree->leaves[i], *whole = find_leaf(expected, leaf->path);
        if (tells_of_stops(leaf) || (!finished && is_fetched_part(leaf)) ||
            (whole && points_failed && is_of_the_rest(leaf)))
            continue;
        if (!whole || (!same_bytes(leaf, whole) && (finished || !may_be_unfinished(leaf, whole))))
            return leaf->path;
    }
    for (int i = 0; finished && i < expected->n; i++)
        if (!find_leaf(tree, expected->leaves[i].path))
            return expected->leaves[i].path;
    return NULL;
}

typedef struct {
    const char *out, *err;
    Tree *tree;
} Outcome;

/* What is said behind the lines that are said as ever. */
static const char *behind_notes(const char *err, const char *expected) {
    for (const char *end; (end = strchr(err, '\n')); expected += end + 1 - err, err = end + 1)
        if (strncmp(err, expected, (size_t)(end + 1 - err)) != 0)
            break;
    return err;
}

/* libcurl's search for a host may end for want of memory without saying so. */
static bool tells_of_memory(const char *said) {
    return strstr(said, "out of memory") || strstr(said, "Could not resolve host: ") ||
           strstr(said, "getaddrinfo() thread failed to start");
}

/* NULL, or what is wrong with how the command ended. */
static const char *fault_of_end(Cli *cli, const Outcome *expected) {
    const char *said = behind_notes(cli->err, expected->err), *newline = strchr(said, '\n');
    if (cli->status == 0 && strcmp(cli->err, expected->err) != 0)
        return "status 0 and other notes";
    if (cli->status == 0)
        return strcmp(cli->out, expected->out) != 0 ? "status 0 and other output" : NULL;
    if (cli->status != 4)
        return "the status is not 4";
    const bool one_line = newline && !newline[1];
    if (!tells_of_memory(said) || (!one_line && !strstr(cli->err, POINT_FAILED)))
        return "not one line about memory"; /* or more, of a point that failed among others */
    return NULL;
}

/* With jobs side by side, results and what an n stands for come in any order. */
static bool is_ordered(const char *const *words) {
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], "--jobs") == 0)
            return false;
    return true;
}

/* Digests of trees from which the command has finished as it should: it would again. */
static Buffer finished_from;

static const char *digest_of_tree(Cli *cli, const Tree *tree) {
    Buffer all = {0};
    char digest[65];
    for (int i = 0; i < tree->n; i++) {
        digest_bytes(digest, tree->leaves[i].bytes, tree->leaves[i].size);
        buffer_printf(&all, "%s %s\n", digest, tree->leaves[i].path);
    }
    assert_non_null(buffer_text(&all));
    digest_bytes(digest, all.bytes, all.size);
    buffer_free(&all);
    return arena_strdup(cli->arena, digest);
}

static const char *try_at(Cli *cli, const char *const *words, const Outcome *expected, long n, bool later) {
    clear(cli);
    run_at(cli, words, n, later);
    const char *wrong = fault_of_end(cli, expected);
    if (wrong)
        return wrong;
    const bool ordered = is_ordered(words);
    const bool points_failed = strstr(cli->err, POINT_FAILED) != NULL;
    const Tree *left = read_tree(cli);
    const char *file = ordered ? wrong_file(left, expected->tree, cli->status == 0, points_failed) : NULL;
    if (file)
        return arena_printf(cli->arena, "%s: a wrong file", file);
    const char *digest = digest_of_tree(cli, left);
    if (cli->status == 0 || strstr(buffer_text(&finished_from), digest))
        return NULL;
    run_at(cli, words, 0, false);
    if (cli->status != 0 || strcmp(cli->out, expected->out) != 0)
        return "the next run does not finish as ever";
    file = ordered ? wrong_file(read_tree(cli), expected->tree, true, false) : NULL;
    if (file)
        return arena_printf(cli->arena, "%s: differs after the next run", file);
    buffer_puts(&finished_from, digest);
    return NULL;
}

/* The next number to try: all at first, then ever wider apart, as many as the samples. */
static long next_number(long n, long count, int samples) {
    const char *step = getenv("STEP");
    if (step && atol(step) > 0)
        return n + atol(step);
    if (n < samples / 3)
        return n + 1;
    return n + 1 + (count - samples / 3) / (samples - samples / 3);
}

static const char *const *in_scratch_folder(Cli *cli, const Case *test) {
    const char **words = ARENA_NEW(cli->arena, const char *, MAX_WORDS + 1);
    for (int i = 0; test->words[i]; i++) {
        const bool inside = strncmp(test->words[i], "work/", 5) == 0 ||
                            (i > 0 && strcmp(test->words[i], "run") == 0) ||
                            strncmp(test->words[i], "in/", 3) == 0;
        words[i] = inside ? cli_path(cli, "%s", test->words[i]) : test->words[i];
    }
    return words;
}

static void sweep(Cli *cli, const Case *test) {
    const char *only = getenv("ONLY"), *from = getenv("FROM"), *asked = getenv("SAMPLES");
    const int samples = asked ? atoi(asked) : test->samples;
    if (only && strcmp(only, test->name) != 0)
        return;
    const char *const *words = in_scratch_folder(cli, test);
    clear(cli);
    run_at(cli, words, 0, false);
    if (cli->status != 0)
        fail_msg("%s: status %d: %s", test->name, cli->status, cli->err);
    const Outcome expected = {cli->out, cli->err, read_tree(cli)};
    const long count = count_of(cli);
    buffer_free(&finished_from);
    if (getenv("COUNT"))
        printf("%-16s %5ld allocations, %.3f s\n", test->name, count, cli->seconds);
    int n_faults = 0;
    for (int later = 0; later < 2 && !getenv("COUNT"); later++)
        for (long n = from ? atol(from) : 1; n <= count && n_faults < MAX_FAULTS;
             n = next_number(n, count, samples)) {
            size_t mark = arena_mark(cli->arena);
            const char *wrong = try_at(cli, words, &expected, n, later);
            if (wrong) {
                printf("%s: allocation %ld%s of %ld: %s\n  status %d: %s\n", test->name, n,
                       later ? " and later" : "", count, wrong, cli->status, cli->err);
                n_faults++;
            }
            arena_reset(cli->arena, mark);
        }
    buffer_free(&finished_from);
    if (n_faults > 0)
        fail_msg("%s: %d faults", test->name, n_faults);
}

/* --- what the commands work on --- */

#define VIT FIXTURES "clip_vit.safetensors"
#define MERGES FIXTURES "merges.txt.gz"
#define ORIGINAL "in/original/prompt_learner/model.pth.tar-50" /* as the original code has it */
#define PHOTO FIXTURES "pillow/15_420_64x64.jpg"
#define ODD "in/\x1b[1mcup.jpg" /* which a terminal would obey */
#define DRAWING FIXTURES "pillow/22_png-16_120x90.png"

static void write_input(Cli *cli, const char *name, Buffer *text) {
    assert_non_null(buffer_text(text));
    scratch_file(cli_path(cli, "in/%s", name), text->bytes, text->size);
    buffer_free(text);
}

/* The golden ViT as Hugging Face would keep it, in a folder with its config. */
static void write_hugging_face(Cli *cli) {
    Buffer config = {0}, shards = {0};
    TensorFile *file = fixture_open(VIT);
    Copy *copy = copy_of(file, cli->arena);
    copy_to_hugging_face(copy, cli->arena);
    copy_write(copy, cli_path(cli, "in/hf/part.safetensors"));
    tensors_close(file);
    buffer_puts(&config,
                "{\"model_type\": \"clip\", \"projection_dim\": 64, \"text_config\": {\"hidden_size\": 128,"
                "\"num_hidden_layers\": 3, \"num_attention_heads\": 2, \"vocab_size\": 718},"
                "\"vision_config\": {\"hidden_size\": 128, \"num_hidden_layers\": 4,"
                "\"num_attention_heads\": 2, \"image_size\": 32, \"patch_size\": 8}}");
    write_input(cli, "hf/config.json", &config);
    for (int i = 0; i < copy->n; i++)
        buffer_printf(&shards, "%s\"%s\": \"part.safetensors\"", i == 0 ? "{\"weight_map\": {" : ", ",
                      copy->tensors[i].name);
    buffer_puts(&shards, "}}");
    write_input(cli, "hf/model.safetensors.index.json", &shards);
}

/* Its vocabulary as a tokenizer.json. */
static void write_tokenizer(Cli *cli) {
    Error err = {0};
    Buffer out = {0};
    char *merges = file_read_gz(MERGES, 1 << 20, cli->arena, NULL, &err), *rest = NULL;
    assert_non_null(merges);
    buffer_puts(&out, "{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": [");
    int n = 0;
    strtok_r(merges, "\n", &rest); /* its version */
    for (char *line; (line = strtok_r(NULL, "\n", &rest)); n++) {
        buffer_puts(&out, n == 0 ? "\"" : ", \"");
        for (; *line; line++) {
            if (*line == '"' || *line == '\\')
                buffer_putc(&out, '\\');
            buffer_putc(&out, *line);
        }
        buffer_putc(&out, '"');
    }
    buffer_puts(&out, "]}}");
    write_input(cli, "hf/tokenizer.json", &out);
}

static void write_experiment(Cli *cli, const char *name, const char *output) {
    Buffer out = {0};
    buffer_printf(&out,
                  "output: %s\n"
                  "model: {weights: " VIT ", vocab: " MERGES ", activation: quick_gelu}\n"
                  "dataset: {format: split, images: " FIXTURES "images, split: " FIXTURES
                  "split_zhou_Golden.json}\n"
                  "transfer: [{subsample_classes: new}]\n"
                  "grid: {num_shots: 1, seed: 1}\nmethods:\n"
                  "  - zeroshot: {}\n  - linear_probe: {}\n  - coop: {n_ctx: 2, name: CoOp}\n"
                  "  - tip_adapter: {}\n  - text_layer: {}\n"
                  "optim: {max_epoch: 2}\noutputs: {logits: true}\n",
                  cli_path(cli, "%s", output));
    write_input(cli, name, &out);
}

static void write_pretraining(Cli *cli) {
    static const char golden[] =
        "{dataset: {format: split, images: " FIXTURES "images, split: " FIXTURES "split_zhou_Golden.json}}";
    Buffer out = {0};
    buffer_printf(&out,
                  "output: %s\n"
                  "model: {weights: " VIT ", vocab: " MERGES ", activation: quick_gelu}\n"
                  "data: {train: %s, val: %s, zeroshot: %s}\n"
                  "optim: {epochs: 1, batch_size: 3, warmup: 1}\n",
                  cli_path(cli, "work"), golden, golden, golden);
    write_input(cli, "pretrain.yaml", &out);
}

/* Results whose files are gone, and a line that is none. */
static void write_faulty(Cli *cli) {
    Buffer out = {0};
    buffer_printf(&out, "%s{\"what\": \"\x1b[1m\n", cli_read(cli, cli_path(cli, "run/results.jsonl"), NULL));
    write_input(cli, "faulty/results.jsonl", &out);
}

/* Two methods on two datasets, with two seeds each: differences and ranks. */
static void write_pairs(Cli *cli) {
    Buffer out = {0};
    for (int i = 0; i < 8; i++)
        buffer_printf(
            &out,
            "{\"key\":\"%064d\",\"dataset\":\"%s\",\"source\":null,\"method\":\"m\",\"label\":\"%s\","
            "\"num_shots\":1,\"seed\":%d,\"accuracy\":%d,\"n_classes\":2,\"n_test\":4,"
            "\"backbone\":\"RN50\"}\n",
            i, i & 1 ? "pets" : "\xe4\xb8\xad", i & 2 ? "A" : "B_%", 1 + i / 4, 50 + i * i);
    write_input(cli, "pairs/results.jsonl", &out);
}

/* The same folder as a repository of a hub's cache. */
static int write_hub(Cli *cli) {
    Error err = {0};
    if (make_folders(cli_path(cli, "in/hub/models--me--mine/snapshots"), &err) < 0)
        return -1;
    setenv("HF_HUB_CACHE", cli_path(cli, "in/hub"), 1);
    setenv("HOME", cli_path(cli, "in/home"), 1);
    return symlink(cli_path(cli, "in/hf"), cli_path(cli, "in/hub/models--me--mine/snapshots/1"));
}

/* A repository of a hub to fetch from. */
static WebServer web;

static void start_hub(Cli *cli) {
    static const HubEntry entries[] = {{"config.json", "{}", 2, false, NULL},
                                       {"model.safetensors", "0123456789", 10, true, NULL}};
    assert_int_equal(make_folders(cli_path(cli, "web"), NULL), 0);
    web_start(&web, cli_path(cli, "web"), hub_rules, cli->arena);
    hub_put(&web, "me/far", entries, 2);
    hub_environment(&web, cli_path(cli, "in/home"));
}

static int teardown(void **state) {
    web_stop(&web);
    return cli_teardown(state);
}

static int setup(void **state) {
    if (cli_setup(state) < 0)
        return -1;
    if (scratch_instrumented())
        return 0;
    Cli *cli = *state;
    Error err = {0};
    Buffer texts = {0};
    snprintf(fault.count, sizeof fault.count, "%s", cli_path(cli, "count"));
    snprintf(fault.library, sizeof fault.library, "%.*s/tests/memory/failing_malloc.so",
             (int)(strrchr(cli->program, '/') - cli->program), cli->program);
    if (!realpath(arena_strdup(cli->arena, fault.library), fault.library) ||
        make_folders(cli_path(cli, "in/hf"), &err) < 0 ||
        make_folders(cli_path(cli, "in/faulty"), &err) < 0 ||
        make_folders(cli_path(cli, "in/pairs"), &err) < 0 || make_folders(cli_path(cli, "run"), &err) < 0)
        return -1;
    write_hugging_face(cli);
    write_tokenizer(cli);
    if (http_available())
        start_hub(cli);
    if (write_hub(cli) < 0)
        return -1;
    mini_write(cli_path(cli, "in/datasets"));
    buffer_puts(&texts, "a cup\n\xc3\x89toile &amp; key\n");
    write_input(cli, "texts.txt", &texts);
    write_experiment(cli, "work.yaml", "work");
    write_experiment(cli, "run.yaml", "run");
    write_pretraining(cli);
    clear(cli);
    setenv("PATH", "", 1);
    cli->before = before;
    snprintf(fault.at, sizeof fault.at, "0");
    cli_ok(cli, "run", cli_path(cli, "in/run.yaml"), "--threads", "1");
    cli_copy(cli_point_file(cli, "run", "CoOp", 1, "prompt.safetensors"),
             cli_path(cli, "in/prompt.safetensors"));
    cli_copy(cli_point_file(cli, "run", "Tip-Adapter", 1, "classifier.safetensors"),
             cli_path(cli, "in/classifier.safetensors"));
    cli_copy(PHOTO, cli_path(cli, ODD));
    write_faulty(cli);
    write_pairs(cli);
    cli_ok(cli, "export", cli_path(cli, "in/prompt.safetensors"), "--format", "torch", "--out",
           cli_path(cli, "in/original"));
    return 0;
}

#define FETCHING "models-get"

static const Case cases[] = {
    {"init", {"init", FIXTURES "images", "--model", VIT, "--vocab", MERGES, "--out", "work/x.yaml"}, 20},
    {"init-print", {"init", FIXTURES "images", "--model", "in/hf"}, 10},
    {"run", {"run", "in/work.yaml", "--threads", "1", "--quiet"}, 20},
    {"run-dry", {"run", "in/work.yaml", "--threads", "1", "--dry-run"}, 10},
    {"run-finished", {"run", "in/run.yaml", "--threads", "1"}, 20},
    {"run-threads", {"run", "in/work.yaml", "--threads", "2", "--jobs", "2", "--quiet"}, 10},
    {"pretrain", {"pretrain", "in/pretrain.yaml", "--threads", "1", "--quiet"}, 20},
    {"pretrain-dry", {"pretrain", "in/pretrain.yaml", "--threads", "1", "--dry-run"}, 10},
    {"export-openai", {"export", VIT, "--format", "openai", "--out", "work/x.pt", "--threads", "1"}, 10},
    {"export-hf", {"export", VIT, "--format", "hugging_face", "--out", "work/x", "--threads", "1"}, 10},
    {"eval",
     {"eval", "in/prompt.safetensors", "--config", "in/run.yaml", "--logits", "work/x", "--threads", "1"},
     15},
    {"eval-original", {"eval", ORIGINAL, "--config", "in/run.yaml", "--threads", "1"}, 15},
    {"classify", {"classify", "in/prompt.safetensors", PHOTO, DRAWING, "--top", "2", "--threads", "1"}, 20},
    {"classify-json", {"classify", "in/prompt.safetensors", PHOTO, "--json", "--threads", "1"}, 10},
    {"classify-odd", {"classify", "in/prompt.safetensors", ODD, DRAWING, "--threads", "1"}, 20},
    {"classify-run", {"classify", "run", PHOTO, DRAWING, "--threads", "1"}, 20},
    {"classify-classifier", {"classify", "in/classifier.safetensors", PHOTO, "--threads", "1"}, 20},
    {"eval-classifier",
     {"eval", "in/classifier.safetensors", "--config", "in/run.yaml", "--threads", "1"},
     15},
    {"zeroshot",
     {"zeroshot", "--model", VIT, "--vocab", MERGES, "--classes", "cup,star", PHOTO, "--json", "--threads",
      "1"},
     15},
    {"zeroshot-hf",
     {"zeroshot", "--model", "in/hf", "--classes", "cup,star", DRAWING, "--ensemble", "--threads", "1"},
     20},
    {"encode-texts",
     {"encode", "--model", VIT, "--vocab", MERGES, "--texts", "in/texts.txt", "--out", "work/x", "--threads",
      "1"},
     15},
    {"encode-images",
     {"encode", "--model", FIXTURES "clip_rn.safetensors", "--images", FIXTURES "images/shape00", "--out",
      "work/x", "--threads", "1"},
     15},
    {"words", {"words", "in/prompt.safetensors", "--top", "2", "--threads", "1"}, 15},
    {"inspect", {"inspect", "in/hf"}, 15},
    {"inspect-prompt", {"inspect", "in/prompt.safetensors"}, 15},
    {"inspect-classifier", {"inspect", "in/classifier.safetensors"}, 15},
    {"inspect-torch", {"inspect", FIXTURES "torch/state_dict.pt"}, 15},
    {"inspect-script", {"inspect", FIXTURES "torch/script.pt"}, 15},
    {"inspect-split", {"inspect", FIXTURES "split_zhou_Golden.json"}, 15},
    {"inspect-merges", {"inspect", MERGES}, 10},
    {"export-torch", {"export", "in/prompt.safetensors", "--format", "torch", "--out", "work/x"}, 15},
    {"export-npz", {"export", "in/prompt.safetensors", "--format", "npz", "--out", "work/x.npz"}, 15},
    {"export", {"export", "in/prompt.safetensors", "--format", "safetensors", "--out", "work/x"}, 15},
    {"models", {"models", VIT, "in/prompt.safetensors"}, 10},
    {"models-list", {"models"}, 10},
    {"models-name", {"models", "ViT-B-32:laion2b_s34b_b79k", "me/mine"}, 10},
    {FETCHING, {"models", "get", "me/far", "--dir", "work/x", "--quiet"}, 20},
    {"zeroshot-name",
     {"zeroshot", "--model", "me/mine", "--classes", "cup,star", DRAWING, "--threads", "1"},
     20},
    {"datasets", {"datasets", "--root", "in/datasets"}, 20},
    {"datasets-json", {"datasets", "--root", "in/datasets", "--json"}, 20},
    {"report", {"report", "run", "--out", "work/x.html"}, 20},
    {"report-faults", {"report", "in/faulty", "--out", "work/x.html"}, 20},
    {"report-pairs", {"report", "in/pairs", "--out", "work/x.html", "--baseline", "A"}, 20},
    {"report-latex", {"report", "in/pairs", "--format", "latex"}, 20},
    {"report-markdown", {"report", "in/pairs", "--format", "markdown", "--baseline", "B_%"}, 10},
};

static void run_cases(void **state) {
    if (scratch_instrumented())
        skip(); /* it has a malloc of its own */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(cases[i].name, FETCHING) != 0 || http_available())
            sweep(*state, &cases[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(run_cases, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
