/* test_cli_images.c: images as people have them, from outside: which way up they are, and what there is to
 * label. */
#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/cli_support.h"
#include "tests/support/image_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL FIXTURES "clip_vit.safetensors"
#define VOCAB FIXTURES "merges.txt.gz"

enum { SIDE = 40 };

/* A picture, lying on its side if asked, with or without an EXIF that says so. */
static void write_picture(const char *path, int tone, bool lies, bool says) {
    static const unsigned char exif[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                         3,   0,   0, 0,   1, 0, 6, 0, 0, 0, 0, 0,    0};
    const int width = lies ? SIDE / 2 : SIDE, height = lies ? SIDE : SIDE / 2;
    unsigned char lines[SIDE * (SIDE * 3 + 1)], *to = lines;
    for (int y = 0; y < height; y++) {
        *to++ = 0;
        for (int x = 0; x < width; x++) {
            const int u = lies ? SIDE - 1 - y : x, v = lies ? x : y; /* stored a quarter turn to the left */
            *to++ = (unsigned char)(6 * u);
            *to++ = (unsigned char)((12 + tone) * v);
            *to++ = (unsigned char)(200 - 5 * u + tone);
        }
    }
    Bytes png = make_png(lines, (size_t)(to - lines), &(PngKind)PNG((uint32_t)width, (uint32_t)height, 8, 2));
    if (says)
        png_insert(&png, "eXIf", exif, sizeof exif);
    scratch_file(path, png.data, png.size);
    free(png.data);
}

static void write_png(const char *path, bool lies, bool says) {
    write_picture(path, 0, lies, says);
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

/* Two classes of pictures, upright or lying with an EXIF that says so. */
static const char *make_photos(Cli *cli, const char *name, bool lie) {
    for (int k = 0; k < 2; k++) {
        assert_int_equal(make_folders(cli_path(cli, "%s/photos/%s", name, k ? "light" : "dark"), NULL), 0);
        for (int i = 0; i < 8; i++)
            write_picture(cli_path(cli, "%s/photos/%s/%d.png", name, k ? "light" : "dark", i), 40 * k + i,
                          lie, lie);
    }
    return cli_path(cli, "%s/photos", name);
}

/* The learned vectors, in hexadecimal digits, and where they are kept. */
static const char *learned(Cli *cli, const char *name, bool lie, const char *exif, const char **prompt) {
    const char *yaml = cli_path(cli, "%s.yaml", name), *photos = make_photos(cli, name, lie);
    const char *text = arena_printf(cli->arena,
                                    "output: %s\nmodel: {weights: " MODEL ", vocab: " VOCAB "}\n"
                                    "dataset: {format: folder, images: %s, exif: %s}\n"
                                    "grid: {num_shots: 2, seed: 1}\noptim: {max_epoch: 3}\n"
                                    "methods: [coop: {name: x, n_ctx: 2}]\n",
                                    cli_path(cli, "%s-out", name), photos, exif);
    char digest[65];
    scratch_file(yaml, text, strlen(text));
    cli_ok(cli, "run", yaml);
    *prompt = cli_point_file(cli, arena_printf(cli->arena, "%s-out", name), "x", 1, "prompt.safetensors");
    TensorFile *file = tensors_open(*prompt, NULL);
    assert_non_null(file);
    const Tensor *ctx = tensors_find(file, "ctx");
    digest_bytes(digest, ctx->data, (size_t)(ctx->shape[0] * ctx->shape[1]) * sizeof(float));
    tensors_close(file);
    return arena_strdup(cli->arena, digest);
}

/* Photos that are turned teach what upright ones do, and what has learned so turns, too. */
static void test_turned_photos_are_learned(void **state) {
    Cli *cli = *state;
    const char *upright, *turned, *lying;
    const char *expected = learned(cli, "a", false, "ignore", &upright);
    assert_string_equal(learned(cli, "b", true, "rotate", &turned), expected);
    assert_string_not_equal(learned(cli, "c", true, "ignore", &lying), expected);
    cli_ok(cli, "classify", upright, "--json", cli_path(cli, "a/photos/dark/1.png"));
    const char *labels = strstr(arena_strdup(cli->arena, cli->out), "labels");
    assert_null(strstr(cli->err, "EXIF"));
    const char *image = cli_path(cli, "b/photos/dark/1.png");
    cli_ok(cli, "classify", turned, "--json", image);
    assert_string_equal(strstr(cli->out, "labels"), labels);
    assert_non_null(
        strstr(cli->err, "note: images are turned upright as their EXIF says, as when this was learned"));
    cli_ok(cli, "eval", turned, "--config", cli_path(cli, "b.yaml"));
    assert_null(strstr(cli->err, "exif"));
    cli_ok(cli, "eval", turned, "--config", cli_path(cli, "c.yaml"));
    assert_non_null(strstr(cli->err, "was learned with exif: rotate; it is tested with exif: ignore"));
    cli_ok(cli, "classify", lying, "--json", image);
    assert_non_null(
        strstr(cli->err, "note: 1 image is turned by EXIF, which was ignored as when this was learned"));
}

/* --- what there is to label --- */

#define CLASSES "--classes", "ring,boat,fish"
#define ZEROSHOT "zeroshot", "--model", MODEL, "--vocab", VOCAB, CLASSES
#define GOOD FIXTURES "images/shape00/0000.jpg"
#define FOLDER FIXTURES "images/shape01"

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* However images are named, they get the same labels. */
static void test_ways_to_name_images(void **state) {
    Cli *cli = *state;
    const char *list = cli_path(cli, "list");
    cli_ok(cli, ZEROSHOT, "--json", FOLDER);
    const char *expected = arena_strdup(cli->arena, cli->out);
    assert_int_equal(count(expected, "\n"), 7);
    Buffer lines = {0}, zeros = {0};
    for (const char *at = expected; (at = strstr(at, "{\"image\":\"")); at++) {
        const char *path = at + 10, *end = strchr(path, '"');
        buffer_printf(&lines, "%.*s\n", (int)(end - path), path);
        buffer_append(&zeros, path, (size_t)(end - path));
        buffer_append(&zeros, "", 1);
    }
    scratch_file(list, lines.bytes, lines.size);
    cli_ok(cli, ZEROSHOT, "--json", "--list", list);
    assert_string_equal(cli->out, expected);
    for (int batch = 1; batch < 6; batch += 2) {
        cli_ok(cli, ZEROSHOT, "--json", "--list", list, "--threads", batch == 3 ? "3" : "1", "--batch",
               arena_printf(cli->arena, "%d", batch));
        assert_string_equal(cli->out, expected);
    }
    scratch_file(list, zeros.bytes, zeros.size);
    cli_ok(cli, ZEROSHOT, "--json", "--list", list, "--null");
    assert_string_equal(cli->out, expected);
    buffer_free(&lines);
    buffer_free(&zeros);
}

/* One line for each bad image, one record for it; other files of a folder are passed over. */
static void test_bad_images_are_records(void **state) {
    Cli *cli = *state;
    const char *folder = cli_path(cli, "photos"), *bad = cli_path(cli, "photos/cut.jpg");
    const char *good = cli_path(cli, "photos/good.jpg"), *text = cli_path(cli, "photos/read,me.txt");
    assert_int_equal(make_folders(folder, NULL), 0);
    cli_copy(GOOD, good);
    scratch_file(bad, "\xff\xd8\xff\xe0", 4);
    scratch_file(text, "words", 5);
    const char *fault = arena_printf(cli->arena, "%s: header: the file is cut short", bad);
    assert_int_equal(cli_run(cli, ZEROSHOT, "--csv", "--top", "2", folder), 1);
    assert_int_equal(strncmp(cli->out, "image,label,probability,label_2,probability_2,error\n", 52), 0);
    assert_non_null(strstr(cli->out, arena_printf(cli->arena, "\n%s,,,,,%s\n", bad, fault)));
    assert_non_null(strstr(cli->out, arena_printf(cli->arena, "\n%s,", good)));
    assert_int_equal(count(cli->out, "\n"), 3);
    assert_non_null(strstr(cli->err, arena_printf(cli->arena, "%s\n", fault)));
    assert_non_null(
        strstr(cli->err,
               arena_printf(cli->arena, "note: 1 file of folders is no image and passed over (%s)\n", text)));
    assert_non_null(strstr(cli->err, "coop zeroshot: 1 of 2 images could not be read\n"));
    assert_int_equal(cli_run(cli, ZEROSHOT, "--json", folder, text),
                     1); /* what is named itself is no other file */
    assert_int_equal(count(cli->out, "\n"), 3);
    assert_int_equal(count(cli->out, "\"error\":"), 2);
    assert_int_equal(cli_run(cli, ZEROSHOT, "--quiet", folder, cli_path(cli, "none")), 1);
    assert_null(strstr(cli->err, "note: "));
    const char *empty = cli_path(cli, "empty");
    make_folders(empty, NULL);
    cli_refuses(cli, 3, empty, ": there is no image", ZEROSHOT, empty);
    cli_refuses(cli, 3, empty, " and the others: there is no image", ZEROSHOT, empty, empty);
}

static void test_sheet(void **state) {
    Cli *cli = *state;
    const char *page = cli_path(cli, "sheet.html");
    cli_ok(cli, ZEROSHOT, FOLDER, GOOD, "--html", page);
    const char *text = cli_read(cli, page, NULL);
    assert_int_equal(count(text, "<img "), 8);
    assert_non_null(strstr(text, "8 images, each as the model sees it"));
    cli_run(cli, ZEROSHOT, GOOD, "--html", cli_path(cli, "none/sheet.html"));
    assert_int_equal(cli->status, 4);
    assert_string_equal(cli->out, ""); /* before the work */
}

/* That nothing was turned is said. */
static void test_turned_images_are_told(void **state) {
    Cli *cli = *state;
    const char *upright = cli_path(cli, "upright.png"), *lying = cli_path(cli, "lying.png");
    write_png(upright, false, false);
    write_png(lying, true, true);
    cli_ok(cli, ZEROSHOT, "--json", upright);
    const char *expected = strstr(arena_strdup(cli->arena, cli->out), "labels");
    assert_null(strstr(cli->err, "EXIF"));
    cli_ok(cli, ZEROSHOT, "--json", "--exif", "rotate", lying);
    assert_string_equal(strstr(cli->out, "labels"), expected);
    assert_null(strstr(cli->err, "EXIF"));
    cli_ok(cli, ZEROSHOT, "--json", lying);
    assert_string_not_equal(strstr(cli->out, "labels"), expected);
    assert_non_null(strstr(
        cli->err,
        arena_printf(
            cli->arena,
            "note: 1 image is turned by EXIF, which was ignored; --exif rotate turns them upright (%s)\n",
            lying)));
}

/* A pipe that is fed slowly gets each label at once, and the end of it is an end. */
static void test_pipe(void **state) {
    Cli *cli = *state;
    int to[2], from[2];
    assert_true(pipe(to) == 0 && pipe(from) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(to[0], 0), dup2(from[1], 1);
        close(to[0]), close(to[1]), close(from[0]), close(from[1]);
        execl(cli->program, "coop", ZEROSHOT, "--quiet", "-", (char *)NULL);
        _exit(127);
    }
    close(to[0]), close(from[1]);
    for (int i = 0; i < 3; i++) { /* each answer comes before the next question */
        char answer[256];
        assert_int_equal(write(to[1], GOOD "\n", strlen(GOOD) + 1), strlen(GOOD) + 1);
        ssize_t n = read(from[0], answer, sizeof answer - 1);
        assert_true(n > 0 && answer[n - 1] == '\n');
        answer[n] = '\0';
        assert_int_equal(strncmp(answer, GOOD "  ", strlen(GOOD) + 2), 0);
    }
    int status;
    close(to[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(from[0]);
}

/* Ctrl-C while it waits for a pipe, or works: whole lines, and the status of a signal. */
static void test_interrupt(void **state) {
    Cli *cli = *state;
    const char *list = cli_path(cli, "list");
    assert_int_equal(mkfifo(list, 0600), 0);
    const int fd = open(list, O_RDWR); /* it stays open */
    assert_int_equal(write(fd, GOOD "\n" GOOD "\n", 2 * strlen(GOOD) + 2), 2 * strlen(GOOD) + 2);
    assert_false(cli_survives(cli, (const char *const[]){ZEROSHOT, "--list", list, NULL}, 3, SIGINT));
    close(fd);
    assert_int_equal(cli->status, 130);
    assert_int_equal(count(cli->out, "\n"), 2);
    assert_int_equal(count(cli->out, " %\n"), 2);
    assert_non_null(strstr(cli->err, "stopped by SIGINT"));
}

/* --- coop check --- */

static void put_photo(Cli *cli, const char *name, const char *from) {
    const char *path = cli_path(cli, "%s", name);
    char *folder = arena_strdup(cli->arena, path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(make_folders(folder, NULL), 0);
    cli_copy(from, path);
}

static void assert_line(Cli *cli, const char *image, const char *finding, const char *other,
                        const char *end) {
    const char *line = arena_printf(cli->arena, "%s%s%s%s\n", cli_path(cli, "%s", image), finding,
                                    *other ? cli_path(cli, "%s", other) : "", end);
    if (!strstr(cli->out, line))
        fail_msg("no '%s' in\n%s", line, cli->out);
}

static void test_check(void **state) {
    Cli *cli = *state;
    const char *photos = cli_path(cli, "photos"), *empty = cli_path(cli, "empty");
    put_photo(cli, "photos/train/cup/1.jpg", FIXTURES "images/shape00/0000.jpg");
    put_photo(cli, "photos/train/cup/2.jpg", FIXTURES "images/shape00/0001.jpg");
    put_photo(cli, "photos/test/cup/3.jpg", FIXTURES "images/shape00/0002.jpg");
    cli_ok(cli, "check", photos);
    assert_string_equal(cli->out, "");
    assert_string_equal(cli->err, "3 images, nothing found\n");
    put_photo(cli, "photos/train/key/4.jpg", FIXTURES "images/shape00/0001.jpg");
    put_photo(cli, "photos/test/cup/6.jpg", FIXTURES "images/shape00/0000.jpg");
    scratch_file(cli_path(cli, "photos/train/cup/5.jpg"), "\xff\xd8\xff\xe0", 4);
    write_png(cli_path(cli, "photos/train/key/7.png"), false, false);
    write_png(cli_path(cli, "photos/train/key/8.png"), false, true);
    assert_int_equal(cli_run(cli, "check", photos), 1);
    assert_int_equal(count(cli->out, "\n"), 6);
    assert_line(cli, "photos/train/key/4.jpg", ": the same file as ", "photos/train/cup/2.jpg",
                ", in another class");
    assert_line(cli, "photos/train/cup/1.jpg", ": the same file as ", "photos/test/cup/6.jpg",
                ", in another part");
    assert_line(cli, "photos/train/key/8.png", ": the same pixels as ", "photos/train/key/7.png", "");
    assert_line(cli, "photos/train/key/7.png", ": tiny: 40 x 20 pixels", "", "");
    assert_line(cli, "photos/train/cup/5.jpg", ": header: the file is cut short", "", "");
    assert_non_null(strstr(cli->err, "note: 1 image is turned by EXIF"));
    assert_non_null(strstr(cli->err, "coop check: of 8 images 1 cannot be read, 2 are tiny, 3 are copies, "
                                     "1 of these in another class, 1 of these in another part\n"));
    assert_int_equal(cli_run(cli, "check", photos, "--json", "--min-side", "20"), 1);
    assert_int_equal(count(cli->out, "\n"), 4);
    assert_int_equal(count(cli->out, "\"finding\":\"same bytes\""), 2);
    assert_int_equal(count(cli->out, "\"finding\":\"same pixels\""), 1);
    assert_int_equal(count(cli->out, "\"across\":\"class\""), 1);
    assert_int_equal(make_folders(empty, NULL), 0);
    cli_refuses(cli, 3, empty, "no files", "check", empty);
    assert_int_equal(cli_run(cli, "check", cli_path(cli, "none")), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_check),
        CLI_TEST(test_ways_to_name_images),
        CLI_TEST(test_bad_images_are_records),
        CLI_TEST(test_sheet),
        CLI_TEST(test_turned_images_are_told),
        CLI_TEST(test_pipe),
        CLI_TEST(test_interrupt),
        CLI_TEST(test_encode_turns),
        CLI_TEST(test_turned_photos_are_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
