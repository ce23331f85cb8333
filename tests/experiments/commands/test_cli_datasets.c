/* test_cli_datasets.c: `coop datasets` from outside, on miniatures of all fifteen. */
#include "tests/support/catalog_support.h"
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_out(Cli *cli, const char *part) {
    if (!strstr(cli->out, part))
        fail_msg("no '%s' in\n%s", part, cli->out);
}

/* The text with every '@' replaced. */
static const char *with_root(Cli *cli, const char *text, const char *root) {
    const char *out = "";
    for (const char *at; (at = strchr(text, '@')); text = at + 1)
        out = arena_printf(cli->arena, "%s%.*s%s", out, (int)(at - text), text, root);
    return arena_printf(cli->arena, "%s%s", out, text);
}

static int count_lines(const char *text) {
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* "a 0, b 1" has two items. */
static int count_items(const char *items) {
    int n = *items != '\0';
    for (; *items; items++)
        n += *items == ',';
    return n;
}

static void test_table(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "datasets");
    assert_int_equal(count_lines(cli->out), 1 + N_MINI);
    expect_out(cli,
               "\ncaltech101        Caltech-101                100      4128      1649      2465  a photo of "
               "a {}.\n");
    expect_out(cli,
               "\nimagenet_a        ImageNet-A                 200         -         -      7500  a photo of "
               "a {}.\n");
    cli_ok(cli, "datasets", "--json");
    assert_int_equal(count_lines(cli->out), N_MINI);
    json_t *first = json_loads(cli->out, JSON_DISABLE_EOF_CHECK, NULL);
    assert_int_equal(json_integer_value(json_object_get(first, "train")), 4128);
    json_decref(first);
    cli_ok(cli, "datasets", "dtd", "eurosat");
    assert_int_equal(count_lines(cli->out), 3);
    cli_refuses(cli, 2, "coop datasets: ", "'foo' is not known; coop datasets lists what is\n", "datasets",
                "foo");
    cli_refuses(cli, 2, "coop datasets: ", "'oxford_pet' is not known (did you mean 'oxford_pets'?)",
                "datasets", "oxford_pet");
    cli_refuses(cli, 3, cli_path(cli, "none: "), "no such folder", "datasets", "--root",
                cli_path(cli, "none"));
}

static void test_absent(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "datasets", "--root", cli_path(cli, "."));
    assert_int_equal(count_lines(cli->out), 1 + N_MINI);
    expect_out(cli,
               "\nucf101            absent                       -         -         -         -  no folder "
               "ucf101\n");
}

/* A miniature never has the published sizes. */
static void test_different(void **state) {
    Cli *cli = *state;
    const char *root = cli_path(cli, "data");
    mini_write(root);
    cli_ok(cli, "datasets", "--root", root, "--json");
    const char *at = cli->out;
    for (int i = 0; i < N_MINI; i++, at = strchr(at, '\n') + 1) {
        const MiniDataset *mini = &mini_datasets[i];
        json_t *object = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL),
               *found = json_object_get(object, "found");
        assert_string_equal(json_string_value(json_object_get(object, "name")), mini->name);
        assert_string_equal(json_string_value(json_object_get(object, "status")), "different");
        assert_int_equal(json_integer_value(json_object_get(found, "classes")),
                         count_items(mini->class_names));
        assert_int_equal(json_integer_value(json_object_get(found, "train")), count_items(mini->train));
        assert_int_equal(json_integer_value(json_object_get(found, "val")), count_items(mini->val));
        assert_int_equal(json_integer_value(json_object_get(found, "test")), count_items(mini->test));
        json_decref(object);
    }
    cli_ok(cli, "datasets", "eurosat", "--root", root);
    expect_out(
        cli,
        "different                    2         2         1         1  published: 10, 13500/5400/8100\n");
}

/* What is taken away, and what is said then. */
static const struct {
    const char *path, *name, *line;
} losses[] = {
    {"caltech-101/split_zhou_Caltech101.json", "caltech101", "caltech-101 lacks split_zhou_Caltech101.json"},
    {"oxford_pets/images", "oxford_pets", "2         2         1         1  oxford_pets lacks images/"},
    {"stanford_cars/cars_test", "stanford_cars", "stanford_cars lacks cars_test/"},
    {"oxford_flowers/jpg/a/4.png", "oxford_flowers",
     "split_zhou_OxfordFlowers.json: test[0]: @/oxford_flowers/jpg/a/4.png: No such file or directory"},
    {"fgvc_aircraft/images_variant_val.txt", "fgvc_aircraft", "fgvc_aircraft lacks images_variant_val.txt"},
    {"fgvc_aircraft/variants.txt", "fgvc_aircraft", "lacks variants.txt, images_variant_val.txt"},
    {"imagenet/images/val/n02", "imagenet",
     "@/imagenet/images/val: class 'n02' of @/imagenet/images/train is missing (an empty folder will do)"},
    {"imagenet/images/val", "imagenet", "imagenet lacks images/val/"},
    {"imagenet-rendition/imagenet-r", "imagenet_r", "imagenet-rendition lacks imagenet-r/"},
    {"imagenetv2/imagenetv2-matched-frequency-format-val/2", "imagenetv2",
     "format-val/2: cannot open the folder: No such file or directory"},
    {"imagenet/classnames.txt", "imagenet_sketch", "imagenet-sketch lacks classnames.txt"},
    {"dtd", "dtd", "no folder dtd"},
};

static void test_losses(void **state) {
    Cli *cli = *state;
    const char *root = cli_path(cli, "data"), *away = cli_path(cli, "away");
    mini_write(root);
    assert_int_equal(make_folders(away, NULL), 0);
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        assert_int_equal(rename(cli_path(cli, "data/%s", losses[i].path), cli_path(cli, "away/%zu", i)), 0);
        cli_ok(cli, "datasets", losses[i].name, "--root", root);
        assert_int_equal(count_lines(cli->out), 2);
        expect_out(cli, with_root(cli, losses[i].line, root));
    }
}

/* 47 classes in 5640 entries, all of one image. */
static void test_ready(void **state) {
    Cli *cli = *state;
    static const int sizes[] = {2820, 1128, 1692};
    static const char *const parts[] = {"train", "val", "test"};
    const char *root = cli_path(cli, "data");
    mini_write(root);
    FILE *split = fopen(cli_path(cli, "data/dtd/split_zhou_DescribableTextures.json"), "w");
    assert_non_null(split);
    for (int part = 0; part < 3; part++) {
        fprintf(split, "%s\"%s\": [", part ? "], " : "{", parts[part]);
        for (int i = 0; i < sizes[part]; i++)
            fprintf(split, "%s[\"a/4.png\", %d, \"texture %d\"]", i ? ", " : "", i % 47, i % 47);
    }
    fprintf(split, "]}");
    assert_int_equal(fclose(split), 0);
    cli_ok(cli, "datasets", "dtd", "--root", root);
    expect_out(cli, "\ndtd               ready                       47      2820      1128      1692\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_table), CLI_TEST(test_absent), CLI_TEST(test_different),
                                       CLI_TEST(test_losses), CLI_TEST(test_ready)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
