/* test_cli_images.c: images as people have them, from outside: which way up they are, and what there is to
 * label. */
#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/cli_support.h"
#include "tests/support/image_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL FIXTURES "clip_vit.safetensors"
#define VOCAB FIXTURES "merges.txt.gz"

enum { SIDE = 40 };

/* A picture, lying on its side if asked, with or without an EXIF that says so. */
static void write_png(const char *path, bool lies, bool says) {
    static const unsigned char exif[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                         3,   0,   0, 0,   1, 0, 6, 0, 0, 0, 0, 0,    0};
    const int width = lies ? SIDE / 2 : SIDE, height = lies ? SIDE : SIDE / 2;
    unsigned char lines[SIDE * (SIDE * 3 + 1)], *to = lines;
    for (int y = 0; y < height; y++) {
        *to++ = 0;
        for (int x = 0; x < width; x++) {
            const int u = lies ? SIDE - 1 - y : x, v = lies ? x : y; /* stored a quarter turn to the left */
            *to++ = (unsigned char)(6 * u);
            *to++ = (unsigned char)(12 * v);
            *to++ = (unsigned char)(200 - 5 * u);
        }
    }
    Bytes png = make_png(lines, (size_t)(to - lines), &(PngKind)PNG((uint32_t)width, (uint32_t)height, 8, 2));
    if (says)
        png_insert(&png, "eXIf", exif, sizeof exif);
    scratch_file(path, png.data, png.size);
    free(png.data);
}

static const char *encoded(Cli *cli, const char *image, const char *exif) {
    const char *list = cli_path(cli, "list.txt"),
               *out = cli_path(cli, "%s.%s", strrchr(image, '/') + 1, exif);
    scratch_file(list, image, strlen(image));
    cli_ok(cli, "encode", "--model", MODEL, "--images", list, "--out", out, "--exif", exif);
    TensorFile *file = tensors_open(out, NULL);
    assert_non_null(file);
    const Tensor *features = tensors_find(file, "features");
    char digest[65];
    digest_bytes(digest, features->data, (size_t)features->shape[1] * sizeof(float));
    tensors_close(file);
    return arena_strdup(cli->arena, digest);
}

static void test_encode_turns(void **state) {
    Cli *cli = *state;
    const char *upright = cli_path(cli, "upright.png"), *lying = cli_path(cli, "lying.png"),
               *silent = cli_path(cli, "silent.png");
    write_png(upright, false, false);
    write_png(lying, true, true);
    write_png(silent, true, false);
    const char *expected = encoded(cli, upright, "ignore");
    assert_string_equal(encoded(cli, lying, "rotate"), expected);
    assert_string_not_equal(encoded(cli, lying, "ignore"), expected);
    assert_string_equal(encoded(cli, lying, "ignore"), encoded(cli, silent, "rotate"));
    cli_refuses(cli, 2, "coop encode: --exif turn: rotate or ignore is needed", "", "encode", "--model",
                MODEL, "--images", upright, "--out", cli_path(cli, "x"), "--exif", "turn");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_encode_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
