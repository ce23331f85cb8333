/* test_cli_hostile.c: hostile and broken files of every kind, given to the program itself. Each gets one line
 * "FILE: place: reason", status 3, under a second, memory of no more than the file and 64 MiB, and nothing is
 * written. (What the reasons are is tested beside each reader.) */
#include "tests/support/cli_support.h"

#include "tests/support/image_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"
#define MERGES FIXTURES "merges.txt.gz"
#define IMAGE FIXTURES "images/shape00/0004.jpg"

/* The program is refused, as said above; `part` is in the line. */
static void refuses(Cli *cli, const char *path, const char *part, const char *const *words) {
    int n_files = scratch_count(&cli->scratch);
    cli_expect_refusal(cli, 3, arena_printf(cli->arena, "%s: ", path), part, words);
    assert_int_equal(scratch_count(&cli->scratch), n_files);
    if (!scratch_instrumented() && cli->seconds > 1)
        fail_msg("%.1f s to refuse %s: %s", cli->seconds, path, cli->err);
}
#define REFUSES(cli, path, part, ...) refuses((cli), (path), (part), (const char *const[]){__VA_ARGS__, NULL})

/* As a file to inspect, and in place of a checkpoint. */
static void refuses_tensors(Cli *cli, const char *path) {
    REFUSES(cli, path, "", "inspect", path);
    REFUSES(cli, path, "", "zeroshot", "--model", path, "--vocab", MERGES, "--classes", "a,b", IMAGE);
}

/* --- safetensors --- */

/* A file with this header and n_data bytes of data; announced says how long the header is. */
static const char *write_tensors(Cli *cli, uint64_t announced, const char *header, size_t n_header,
                                 size_t n_data) {
    unsigned char *bytes = calloc(8 + n_header + n_data, 1);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(announced >> 8 * i);
    memcpy(bytes + 8, header, n_header);
    const char *path = cli_path(cli, "x.safetensors");
    scratch_file(path, bytes, 8 + n_header + n_data);
    free(bytes);
    return path;
}

#define F32(name, shape, begin, end)                                                                         \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

static void test_safetensors(void **state) {
    Cli *cli = *state;
    static const struct {
        const char *header;
        size_t n_data;
    } cases[] = {
        {"{", 0},
        {"{} x", 0},
        {"{\"\xff\":{}}", 0},
        {"{\"a\\u0000\":{}}", 0},
        {"{\"a\":{\"dtype\":\"F8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1},
        {"{" F32("a", "4294967296,4294967296", 0, 4) "}", 4},
        {"{" F32("a", "2", 0, 4) "}", 4},
        {"{" F32("a", "1", 4, 0) "}", 4},
        {"{" F32("a", "2", 0, 8) "," F32("b", "1", 4, 8) "}", 8},
        {"{" F32("a", "1", 0, 4) "," F32("b", "1", 8, 12) "}", 12},
        {"{" F32("a", "1", 0, 4) "}", 7},
        {"{" F32("a", "1", 0, 4) "}", 3},
        {"{" F32("a", "1", 0, 4) "," F32("a", "1", 4, 8) "}", 8},
        {"{" F32("a", "-1", 0, 4) "}", 4},
        {"{" F32("a", "1.0", 0, 4) "}", 4},
        {"{" F32("a", "1e3", 0, 4) "}", 4},
        {"{\"__metadata__\":{\"k\":1}}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].header);
        refuses_tensors(cli, write_tensors(cli, n, cases[i].header, n, cases[i].n_data));
    }
    static const uint64_t lengths[] = {UINT64_MAX, 100000001, 100000000, 3};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        refuses_tensors(cli, write_tensors(cli, lengths[i], "{}", 2, 0));
    const char *path = cli_path(cli, "x.safetensors");
    for (size_t size = 0; size < 10; size += 3) {
        scratch_file(path, "\2\0\0\0\0\0\0\0{", size);
        refuses_tensors(cli, path);
    }
    char *deep = malloc(100006);
    assert_non_null(deep);
    memset(deep, '[', 100006);
    memcpy(deep, "{\"a\":", 5);
    refuses_tensors(cli, write_tensors(cli, 100006, deep, 100006, 0));
    free(deep);
}

/* 100,000 tensors are a fine file, but no checkpoint. */
static void test_many_tensors(void **state) {
    Cli *cli = *state;
    enum { N = 100000, ROOM = 80 };
    char *header = malloc(N * ROOM);
    assert_non_null(header);
    size_t size = 0;
    for (int i = 0; i < N; i++)
        size += (size_t)snprintf(header + size, ROOM,
                                 "%c\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                                 i == 0 ? '{' : ',', i, i, i + 1);
    header[size++] = '}';
    const char *path = write_tensors(cli, size, header, size, N);
    free(header);
    REFUSES(cli, path, "", "zeroshot", "--model", path, "--vocab", MERGES, "--classes", "a,b", IMAGE);
    cli_ok(cli, "inspect", path);
    assert_non_null(strstr(cli->out, "t99999 "));
    assert_true(scratch_instrumented() || cli->seconds < 1);
}

/* --- experiments --- */

static void test_yaml(void **state) {
    Cli *cli = *state;
    static const struct {
        const char *text, *part;
        size_t size; /* 0: of the text */
    } cases[] = {
        {"", "is empty", 0},
        {"# nothing\n", "is empty", 0},
        {"modle: {}\n", "line 1: unknown key", 0},
        {"cache: a\ncache: b\n", "line 2: key 'cache' appears twice", 0},
        {"a: &a [x, x]\nb: &b [*a, *a]\n", "line 1: anchors", 0},
        {"cache: a\n---\ncache: b\n", "line 2: a second document", 0},
        {"optim: {lr: .nan}\n", "line 1: ", 0},
        {"optim: {lr: -1}\n", "line 1: ", 0},
        {"optim: {lr: 1e999}\n", "line 1: ", 0},
        {"grid: {seed: 99999999999999999999}\n", "line 1: ", 0},
        {"\xff\xfe"
         "a\0:\0 \0001\0",
         "UTF-16", 10},
        {"a: \xff\n", "line 1: not YAML", 0},
        {"a: b\0c\n", "line 1: not YAML", 8},
    };
    const char *path = cli_path(cli, "x.yaml");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_file(path, cases[i].text, cases[i].size ? cases[i].size : strlen(cases[i].text));
        REFUSES(cli, path, cases[i].part, "run", path);
    }
    static const char *const pieces[] = {"[", "{a: ", "- ", "? ", "x"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char *text = arena_alloc(cli->arena, 1 << 20, 1);
        size_t n = strlen(pieces[i]);
        for (size_t k = 0; k < 1 << 20; k++)
            text[k] = pieces[i][k % n];
        scratch_file(path, text, 1 << 20);
        REFUSES(cli, path, i < 4 ? "nested deeper than 64" : "over 4096 bytes", "run", path);
    }
}

/* --- split files --- */

static void test_splits(void **state) {
    Cli *cli = *state;
    static const char *const cases[] = {
        "{\"train\":[[\"a\",0,\"b\"]],\"val\":[],\"te",
        "{\"train\":[[\"a\",0,\"b\"]],\"val\":[]}",
        "{\"train\":[[\"a\",0,\"b\"],[\"a\",2,\"c\"]],\"val\":[],\"test\":[]}",
        "{\"train\":[[\"a\",-1,\"b\"]],\"val\":[],\"test\":[]}",
        "{\"train\":[[\"a\",0,\"b\"],[\"a\",0,\"c\"]],\"val\":[],\"test\":[]}",
        "{\"train\":[[\"../a\",0,\"b\"]],\"val\":[],\"test\":[]}",
        "{\"train\":[[\"/etc/passwd\",0,\"b\"]],\"val\":[],\"test\":[]}",
    };
    const char *path = cli_path(cli, "x.json");
    const char *yaml = cli_experiment(cli, "out", "vit", "methods:\n  - zeroshot: {}\n");
    const char *set = arena_printf(cli->arena, "dataset.split=%s", path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_file(path, cases[i], strlen(cases[i]));
        REFUSES(cli, path, "", "inspect", path);
        REFUSES(cli, path, "", "run", yaml, "--set", set);
    }
    const char *missing = "{\"train\":[[\"a\",0,\"b\"],[\"shape00/0000.jpg\",1,\"d\"]],\"val\":[],"
                          "\"test\":[[\"shape00/0001.jpg\",0,\"b\"]]}";
    scratch_file(path, missing, strlen(missing));
    REFUSES(cli, path, "train[0]: " FIXTURES "images/a: No such file", "run", yaml, "--set", set);
    size_t size = scratch_instrumented() ? 1 << 20 : 32 << 20;
    char *huge = malloc(size);
    assert_non_null(huge);
    for (size_t i = 0; i < size; i++)
        huge[i] = i % 2 ? ',' : '1';
    memcpy(huge, "{\"train\":[", 10);
    scratch_file(path, huge, size);
    free(huge);
    REFUSES(cli, path, "train[0]: ", "inspect", path);
    REFUSES(cli, path, "train[0]: ", "run", yaml, "--set", set);
}

/* --- images --- */

/* Writes the bytes as x.jpg and frees them; shows them to the program, which must end with the status. */
static void show_image(Cli *cli, Bytes bytes, const char *part) {
    const char *path = cli_path(cli, "x.jpg");
    scratch_file(path, bytes.data, bytes.size);
    free(bytes.data);
    if (part)
        REFUSES(cli, path, part, "zeroshot", "--model", VIT, "--vocab", MERGES, "--classes", "a,b", path);
    else
        cli_ok(cli, "zeroshot", "--model", VIT, "--vocab", MERGES, "--classes", "a,b", path);
}

static Bytes copy_bytes(const void *data, size_t size) {
    Bytes bytes = {malloc(size + 1), size};
    assert_non_null(bytes.data);
    memcpy(bytes.data, data, size);
    return bytes;
}

/* A JPEG with bytes changed behind its frame header's marker: length (2), precision, height (2), width (2).
 */
static Bytes patched(size_t offset, const void *data, size_t size, bool progressive) {
    Bytes jpeg =
        make_any_jpeg(&(JpegKind){.width = 16, .height = 16, .channels = 3, .progressive = progressive});
    memcpy(jpeg.data + find_marker(&jpeg, progressive ? 0xc2 : 0xc0, 2) + offset, data, size);
    return jpeg;
}

static void test_images(void **state) {
    Cli *cli = *state;
    static const unsigned char pixels[] = "\0\1\2\3\4\5\6\0\6\5\4\3\2\1";
    show_image(cli, make_png(pixels, 14, &(PngKind)PNG(2, 2, 8, 2)), NULL); /* named .jpg */
    show_image(cli, copy_bytes("", 0), "empty");
    show_image(cli, copy_bytes("\xff\x0a\xff\x07\x08\x83\x04\x0c\0\x4b", 10),
               "a JPEG XL image; coop reads JPEG, PNG");
    show_image(cli, copy_bytes("text", 4), "no image that coop reads");
    Bytes cut = make_any_jpeg(&(JpegKind){.width = 90, .height = 90, .channels = 3});
    cut.size /= 2;
    show_image(cli, cut, "cut short");
    show_image(cli, patched(5, "\xff\xdc\xff\xdc", 4, false), "65500 x 65500");
    show_image(cli, patched(4, "\x0c", 1, false), "precision 12");
    show_image(cli, patched(1, "\xc3", 1, false), "SOF");
    show_image(cli, patched(7, "\0\0", 2, false), "");
    show_image(cli, make_any_jpeg(&(JpegKind){.width = 8, .height = 8, .channels = 2}), "2 components");
    show_image(cli, make_png(pixels, 1, &(PngKind)PNG(13000, 13000, 8, 2)), "cannot hold");
    /* Large pictures in few bytes: a header that promises what the data cannot hold. */
    for (int progressive = 0; progressive < 2; progressive++)
        show_image(cli, patched(5, "\x32\xc8\x32\xc8", 4, progressive), "cannot hold 13000 x 13000");
    Bytes corrupt = make_any_jpeg(&(JpegKind){.width = 90, .height = 90, .channels = 3});
    corrupt.data[find_marker(&corrupt, 0xda, 2) + 100] ^= 0x55;
    show_image(cli, corrupt, NULL);
}

/* Large pictures of one colour, which are small files, cut behind nearly all of their data: test_memory sees
 * what that took. */
static void test_large_cut(void **state) {
    Cli *cli = *state;
    enum { SIDE = 8000 };
    if (scratch_instrumented())
        return;
    unsigned char *pixels = calloc((size_t)SIDE * SIDE, 1);
    assert_non_null(pixels);
    for (int progressive = 0; progressive < 2; progressive++) {
        JpegKind kind = {.width = SIDE, .height = SIDE, .channels = 1, .progressive = progressive};
        Bytes jpeg = make_jpeg(pixels, &kind);
        assert_true(jpeg.size < 1 << 20);
        jpeg.size -= jpeg.size / 16;
        show_image(cli, jpeg, "cut short");
    }
    free(pixels);
}

static void test_scan_bomb(void **state) {
    Cli *cli = *state;
    Bytes jpeg = make_any_jpeg(&(JpegKind){.width = 64, .height = 64, .channels = 1, .progressive = true});
    size_t scan = jpeg.size - 2;
    while (jpeg.data[scan] != 0xff || jpeg.data[scan + 1] != 0xda) /* the last scan */
        scan--;
    size_t n = jpeg.size - 2 - scan, times = 20000;
    unsigned char *scans = malloc(times * n);
    assert_non_null(scans);
    for (size_t i = 0; i < times; i++)
        memcpy(scans + i * n, jpeg.data + scan, n);
    bytes_insert(&jpeg, jpeg.size - 2, scans, times * n);
    free(scans);
    show_image(cli, jpeg, "over 1000 scans");
}

/* --- vocabularies --- */

static void test_vocabularies(void **state) {
    Cli *cli = *state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"#version: 0.2\na b\nab\n", "line 3: one word"},
        {"#version: 0.2\na b\nc d\na b\n", "line 4: this merge stands in the file before"},
        {"#version: 0.2\na b\n\xff d\n", "line 3: not UTF-8"},
        {"{\"model\": {\"merges\": [\"a b\", \"a\"]}}", "merge 2: one word"},
        {"{\"model\": ", "line 1: "},
    };
    const char *path = cli_path(cli, "merges.txt");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_file(path, cases[i].text, strlen(cases[i].text));
        REFUSES(cli, path, cases[i].part, "inspect", path);
        REFUSES(cli, path, "", "zeroshot", "--model", VIT, "--vocab", path, "--classes", "a,b", IMAGE);
    }
    scratch_file(path, "#version: 0.2\na b\n", 18);
    REFUSES(cli, path, "1 merges where the checkpoint's 718 tokens need 204", "zeroshot", "--model", VIT,
            "--vocab", path, "--classes", "a,b", IMAGE);
    size_t size;
    char *bytes = cli_read(cli, MERGES, &size);
    for (size_t cut = 3; cut < size; cut += size / 4) {
        scratch_file(path, bytes, cut);
        REFUSES(cli, path, "", "inspect", path);
    }
    /* A gigabyte of blanks in a megabyte. */
    gzFile file = gzopen(path, "wb1");
    assert_non_null(file);
    char *blanks = arena_alloc(cli->arena, 1 << 20, 1);
    memset(blanks, ' ', 1 << 20);
    for (int i = 0; i < (scratch_instrumented() ? 32 : 1024); i++)
        assert_int_equal(gzwrite(file, blanks, 1 << 20), 1 << 20);
    assert_int_equal(gzclose(file), Z_OK);
    REFUSES(cli, path, "too large", "inspect", path);
}

/* The largest of all processes that this program has started; the largest files are 32 MB. Runs last. */
static void test_memory(void **state) {
    (void)state;
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
    print_message("at most %ld MiB of memory\n", usage.ru_maxrss >> 10);
    if (!scratch_instrumented())
        assert_true(usage.ru_maxrss >> 10 < 32 + 64 + 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_safetensors), CLI_TEST(test_many_tensors), CLI_TEST(test_yaml),
        CLI_TEST(test_splits),      CLI_TEST(test_images),       CLI_TEST(test_large_cut),
        CLI_TEST(test_scan_bomb),   CLI_TEST(test_vocabularies), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
