/* pretrain_support.c: see pretrain_support.h */
#include "tests/support/pretrain_support.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "experiments/results/tensorboard.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void pretrain_write_model(Cli *cli) {
    static const char model[] =
        "{\"embed_dim\": 16, \"quick_gelu\": true,\n"
        " \"vision_cfg\": {\"image_size\": 32, \"layers\": 2, \"width\": 32, \"head_width\": 16, "
        "\"patch_size\": 16},\n"
        " \"text_cfg\": {\"context_length\": 16, \"vocab_size\": 718, \"width\": 32, \"heads\": 2, "
        "\"layers\": 2}}\n";
    scratch_file(cli_path(cli, "model.json"), model, sizeof model - 1);
}

void pretrain_write_resnet(Cli *cli) {
    static const char model[] =
        "{\"embed_dim\": 16, \"quick_gelu\": true,\n"
        " \"vision_cfg\": {\"image_size\": 32, \"layers\": [1, 1, 1, 1], \"width\": 8, \"head_width\": "
        "16},\n"
        " \"text_cfg\": {\"context_length\": 16, \"vocab_size\": 718, \"width\": 32, \"heads\": 2, "
        "\"layers\": 2}}\n";
    scratch_file(cli_path(cli, "model.json"), model, sizeof model - 1);
}

void pretrain_write_pairs(Cli *cli) {
    static const char *const classes[] = {"cup", "boat", "key", "flower"};
    Buffer out = {0};
    buffer_puts(&out, "filepath\ttitle\n");
    for (int i = 0; i < PRETRAIN_PAIRS; i++)
        buffer_printf(&out, "%s/train_%03d.jpg\ta photo of a %s, number %d\n", classes[i % 4], i / 4,
                      classes[i % 4], i / 4);
    const char *text = buffer_text(&out);
    assert_non_null(text);
    scratch_file(cli_path(cli, "pairs.tsv"), text, out.size);
    buffer_free(&out);
}

const char *pretrain_config(Cli *cli, const char *name, const char *rest) {
    const char *path = cli_path(cli, "%s.yaml", name), *folder = cli_path(cli, "x");
    folder = path_folder(cli->arena, folder);
    pretrain_write_model(cli);
    pretrain_write_pairs(cli);
    const char *text = arena_printf(cli->arena,
                                    "output: %s/%s\n"
                                    "model: {config: %s/model.json, vocab: experiments/demo/merges.txt}\n"
                                    "data:\n"
                                    "  train: {csv: %s/pairs.tsv, root: " PRETRAIN_IMAGES "}\n"
                                    "  val: {csv: %s/pairs.tsv, root: " PRETRAIN_IMAGES "}\n"
                                    "  zeroshot: {dataset: {format: split, images: " PRETRAIN_IMAGES
                                    ", split: experiments/demo/camouflage/split_zhou_camouflage.json}}\n"
                                    "optim: {lr: 1.0e-3, warmup: 4, epochs: 3, batch_size: 12}\n"
                                    "state_seconds: 0\n%s",
                                    folder, name, folder, folder, folder, rest);
    assert_non_null(text);
    scratch_file(path, text, strlen(text));
    return path;
}

/* The lines without what tells times. */
static void assert_same_lines(Cli *cli, const char *a, const char *b) {
    size_t n;
    char *one = cli_read(cli, a, &n), *two = cli_read(cli, b, &n);
    for (;; one = strchr(one, '\n') + 1, two = strchr(two, '\n') + 1) {
        char *end = strchr(one, '\n'), *other_end = strchr(two, '\n');
        assert_int_equal(!end, !other_end);
        if (!end)
            return;
        json_t *x = json_loadb(one, (size_t)(end - one), 0, NULL);
        json_t *y = json_loadb(two, (size_t)(other_end - two), 0, NULL);
        json_object_del(x, "pairs_per_second");
        json_object_del(y, "pairs_per_second");
        json_object_del(x, "check");
        json_object_del(y, "check");
        assert_true(json_equal(x, y));
        json_decref(x);
        json_decref(y);
    }
}

void pretrain_assert_same(Cli *cli, const char *a, const char *b, int epochs) {
    for (int i = 1; i <= epochs; i++) {
        const char *name = arena_printf(cli->arena, "epoch_%d.safetensors", i);
        cli_assert_same_files(cli, path_join(cli->arena, a, name), path_join(cli->arena, b, name));
    }
    cli_assert_same_files(cli, path_join(cli->arena, a, TENSORBOARD_FILE),
                          path_join(cli->arena, b, TENSORBOARD_FILE));
    assert_same_lines(cli, path_join(cli->arena, a, "metrics.jsonl"),
                      path_join(cli->arena, b, "metrics.jsonl"));
}
