/* test_split_file.c: datasets/lists/split_file.c */
#include "clip/base/files.h"
#include "datasets/lists/split_file.h"
#include "tests/support/list_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int read_text(Lists *lists, const char *text) {
    const char *path = lists_file(lists, "@/s.json", text);
    lists->dataset = (Dataset){0};
    return split_file_read(&lists->dataset, "images", path, lists->arena, &lists->err);
}

static void test_golden(void **state) {
    Lists *lists = *state;
    const char *path = "tests/fixtures/split_zhou_Golden.json";
    lists_assert_ok(
        lists, split_file_read(&lists->dataset, "tests/fixtures/images", path, lists->arena, &lists->err));
    assert_int_equal(lists->dataset.n_classes, 10);
    assert_int_equal(lists->dataset.train.n, 30);
    assert_int_equal(lists->dataset.val.n, 10);
    assert_int_equal(lists->dataset.test.n, 30);
    assert_string_equal(lists->dataset.root, "tests/fixtures/images");
    assert_string_equal(lists->dataset.source, path);
    lists_assert_classes(lists,
                         "ring, flower, hexagon, F-16A/B, square, 2012 M3 coupe, key, boat, star, fish");
    assert_string_equal(lists->dataset.train.items[0].path, "shape05/0002.jpg");
    assert_int_equal(lists->dataset.train.items[0].label, 5);
}

static void test_layout(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, read_text(lists, " {\"test\" : [ [\"c/]\\\"[\\\\.jpg\",1,\"caf\\u00e9_x\"] ],\r\n"
                                            "\t\"val\":[], \"train\":[[\"a..b/..c.jpg\",0,\"a\"],\n"
                                            "[\"a/2\", 1, \"caf\xC3\xA9_x\"]]}\n "));
    lists_assert_items(lists, &lists->dataset.train, "a..b/..c.jpg 0, a/2 1");
    lists_assert_items(lists, &lists->dataset.val, "");
    lists_assert_items(lists, &lists->dataset.test, "c/]\"[\\.jpg 1");
    lists_assert_classes(lists, "a, caf\xC3\xA9_x");
}

/* A transfer set: its labels come from the test list. Two labels may share a name (ImageNet has such). */
static void test_test_alone(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists,
                    read_text(lists, "{\"train\":[],\"val\":[],\"test\":[[\"b\",1,\"x\"],[\"a\",0,\"x\"]]}"));
    assert_int_equal(lists->dataset.train.n, 0);
    lists_assert_items(lists, &lists->dataset.test, "b 1, a 0");
    lists_assert_classes(lists, "x, x");
}

#define PARTS ",\"val\":[],\"test\":[]}"
#define TRAIN(entries) "{\"train\":[" entries "]" PARTS

static void test_hostile(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "@/s.json: empty file"},
        {"[]", "@/s.json: byte 0: no '{': not a split file"},
        {"\xEF\xBB\xBF{}", "@/s.json: byte 0: no '{': not a split file"},
        {"{}", "@/s.json: byte 1: no key (train, val or test)"},
        {"{", "@/s.json: byte 1: no key (train, val or test)"},
        {"{\"train\"", "@/s.json: train: no ':' after the key"},
        {"{\"train", "@/s.json: byte 1: unknown key 'train' (train, val or test)"},
        {"{\"train\":", "@/s.json: train: not a list"},
        {"{\"train\":{}", "@/s.json: train: not a list"},
        {"{\"train\":null", "@/s.json: train: not a list"},
        {"{\"trains\":[]}", "@/s.json: byte 1: unknown key 'trains' (train, val or test)"},
        {"{\"train\":[],\"train\":[]}", "@/s.json: train: this part comes twice"},
        {"{\"train\":[],\"val\":[]}", "@/s.json: test: this part is missing (an empty list will do)"},
        {"{\"val\":[],\"test\":[]}", "@/s.json: train: this part is missing (an empty list will do)"},
        {"{\"train\":[],\"val\":[],\"test\":[],}", "@/s.json: byte 31: no key (train, val or test)"},
        {"{\"train\":[] \"val\":[]}", "@/s.json: byte 12: no ',' or '}' after a part"},
        {TRAIN("") "x", "@/s.json: byte 31: text after the end"},
        {TRAIN(""), "@/s.json: no images"},
        {"{\"train\":[[\"a\",0,\"b\"", "@/s.json: train[0]: the file ends here"},
        {"{\"train\":[[\"a\\\"", "@/s.json: train[0]: the file ends here"},
        {"{\"train\":[[\"a\\", "@/s.json: train[0]: the file ends here"},
        {"{\"train\":[[\"a\",0,\"b\"]", "@/s.json: train[0]: the file ends after this entry"},
        {"{\"train\":[[\"a\",0,\"b\"],", "@/s.json: train[1]: the file ends here"},
        {TRAIN("[\"a\",0,\"b\"],"), "@/s.json: train[1]: not [path, label, class name]"},
        {TRAIN("[\"a\",0,\"b\"] [\"a\",0,\"b\"]"), "@/s.json: train[0]: no ',' or ']' after this entry"},
        {TRAIN("0"), "@/s.json: train[0]: not [path, label, class name]"},
        {TRAIN("{\"a\":0}"), "@/s.json: train[0]: not [path, label, class name]"},
        {TRAIN("[\"a\",0]"), "@/s.json: train[0]: not [path, label, class name]"},
        {TRAIN("[\"a\",0,\"b\",1]"), "@/s.json: train[0]: not [path, label, class name]"},
        {TRAIN("[\"a\",[0],\"b\"]"), "@/s.json: train[0]: not [path, label, class name]"},
        {TRAIN("[0,0,\"b\"]"), "@/s.json: train[0]: not [path, label, class name]"},
        {TRAIN("[\"a\",0,null]"), "@/s.json: train[0]: not [path, label, class name]"},
        {TRAIN("[\"a\",\"0\",\"b\"]"), "@/s.json: train[0]: the label is no integer"},
        {TRAIN("[\"a\",0.0,\"b\"]"), "@/s.json: train[0]: the label is no integer"},
        {TRAIN("[\"a\",-1,\"b\"]"), "@/s.json: train[0]: label -1 is negative"},
        {TRAIN("[\"a\",1000000,\"b\"]"), "@/s.json: train[0]: label 1000000 is too large (at most 999999)"},
        {TRAIN("[\"a\",99999999999999999999,\"b\"]"),
         "@/s.json: train[0]: too big integer near '99999999999999999999'"},
        {TRAIN("[\"a\",0,\"b\"],[\"a\",2,\"c\"]"),
         "@/s.json: no image has label 1 (labels go up to 2, without gaps)"},
        {TRAIN("[\"a\",999999,\"b\"]"),
         "@/s.json: no image has label 0 (labels go up to 999999, without gaps)"},
        {TRAIN("[\"a\",0,\"cat\"],[\"a\",0,\"dog\"]"), "@/s.json: train[1]: label 0 is 'cat' and 'dog'"},
        {"{\"train\":[[\"a\",0,\"cat\"]],\"val\":[],\"test\":[[\"a\",0,\"cat\"],[\"a\",0,\"dog\"]]}",
         "@/s.json: test[1]: label 0 is 'cat' and 'dog'"},
        {TRAIN("[\"a\",0,\"\"]"), "@/s.json: train[0]: label 0 has an empty class name"},
        {TRAIN("[\"\",0,\"b\"]"), "@/s.json: train[0]: empty path: ''"},
        {TRAIN("[\"/etc/passwd\",0,\"b\"]"), "@/s.json: train[0]: absolute path: '/etc/passwd'"},
        {TRAIN("[\"../a\",0,\"b\"]"), "@/s.json: train[0]: path with '..': '../a'"},
        {TRAIN("[\"a/../../b\",0,\"b\"]"), "@/s.json: train[0]: path with '..': 'a/../../b'"},
        {TRAIN("[\"a/..\",0,\"b\"]"), "@/s.json: train[0]: path with '..': 'a/..'"},
        {TRAIN("[\"a//..\",0,\"b\"]"), "@/s.json: train[0]: path with '..': 'a//..'"},
        {TRAIN("[\"a\\u002f..\",0,\"b\"]"), "@/s.json: train[0]: path with '..': 'a/..'"},
    };
    Lists *lists = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        lists_assert_error(lists, read_text(lists, cases[i].text), cases[i].message);
}

/* What jansson refuses: the message is its own, the place is ours. */
static void test_bad_json(void **state) {
    static const char *const entries[] = {
        TRAIN("[\"a\",0,\"b\xFF\"]"), TRAIN("[\"a\\u0000\",0,\"b\"]"), TRAIN("[\"a\",0,\"b\\ud800\"]"),
        TRAIN("[\"a\",0,\"b\\q\"]"),  TRAIN("[\"a\",0,'b']"),          TRAIN("[\"a\",00,\"b\"]"),
        TRAIN("[\"a\",0,\"b\",]"),    TRAIN("[\"a\" 0 \"b\"]"),        TRAIN("[\"a\nb\",0,\"b\"]"),
        TRAIN("[\"a\",NaN,\"b\"]"),   TRAIN("[\"a\",+1,\"b\"]"),       TRAIN("[]x"),
    };
    Lists *lists = *state;
    const char *place = lists_path(lists, "@/s.json: train[0]: ");
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        assert_int_equal(read_text(lists, entries[i]), -1);
        assert_int_equal(strncmp(lists->err.text, place, strlen(place)), 0);
        assert_true(strlen(lists->err.text) > strlen(place) + 5);
        assert_null(strchr(lists->err.text, '\n'));
    }
}

/* Every shorter file is an error, and so is one with a NUL in it. */
static void test_every_cut(void **state) {
    static const char whole[] = "{\"train\": [[\"a/1.jpg\", 0, \"cat\"], [\"b/1.jpg\", 1, \"dog\"]], "
                                "\"val\": [], \"test\": [[\"a/2.jpg\", 0, "
                                "\"cat\"]]}";
    Lists *lists = *state;
    const char *path = lists_file(lists, "@/s.json", whole);
    lists_assert_ok(lists, read_text(lists, whole));
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char cut[sizeof whole];
        memcpy(cut, whole, sizeof whole);
        scratch_file(path, cut, n);
        assert_int_equal(split_file_read(&lists->dataset, ".", path, lists->arena, &lists->err), -1);
        assert_int_equal(lists->err.kind, ERROR_INPUT);
        cut[n] = '\0';
        scratch_file(path, cut, sizeof whole - 1);
        assert_int_equal(split_file_read(&lists->dataset, ".", path, lists->arena, &lists->err), -1);
    }
    assert_int_equal(split_file_read(&lists->dataset, ".", "no/such.json", lists->arena, &lists->err), -1);
    assert_string_equal(lists->err.text, "no/such.json: cannot open: No such file or directory");
}

/* n times `unit` between head and tail (fewer under a sanitizer or valgrind, which are slow). */
static const char *repeat(Lists *lists, const char *head, const char *unit, int n, const char *tail) {
    const char *path = lists_path(lists, "@/s.json");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    n = scratch_instrumented() ? n / 30 : n;
    fputs(head, file);
    for (int i = 0; i < n; i++)
        fputs(unit, file);
    fputs(tail, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

static long peak_memory(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss; /* KiB */
}

static void test_huge_arrays(void **state) {
    Lists *lists = *state;
    Arena *arena = lists->arena;
    Error *err = &lists->err;
    Dataset dataset = {0};
    long before = peak_memory();
    const char *path = repeat(lists, "{\"train\":[", "1,", 8000000, "1]" PARTS);
    lists_assert_error(lists, split_file_read(&dataset, ".", path, arena, err),
                       "@/s.json: train[0]: not [path, label, class name]");
    path = repeat(lists, "{\"train\":[[", "1,", 8000000, "1]]" PARTS);
    lists_assert_error(lists, split_file_read(&dataset, ".", path, arena, err),
                       "@/s.json: train[0]: an entry of over 65536 bytes");
    path = repeat(lists, "{\"train\":[", "[", 8000000, "");
    lists_assert_error(lists, split_file_read(&dataset, ".", path, arena, err),
                       "@/s.json: train[0]: not [path, label, class name]");
    path = repeat(lists, "", "[", 100000, "");
    lists_assert_error(lists, split_file_read(&dataset, ".", path, arena, err),
                       "@/s.json: byte 0: no '{': not a split file");
    if (!scratch_instrumented())
        assert_true(peak_memory() - before < 16000 + 65536);
}

/* Linear time: 300,000 good entries, then one that is bad. */
static void test_many_entries(void **state) {
    Lists *lists = *state;
    Dataset dataset = {0};
    const char *path =
        repeat(lists, "{\"train\":[", "[\"some/folder/image.jpg\",0,\"name\"],", 300000, "[0]]" PARTS);
    clock_t start = clock();
    lists_assert_error(lists, split_file_read(&dataset, ".", path, lists->arena, &lists->err),
                       scratch_instrumented() ? "@/s.json: train[10000]: not [path, label, class name]"
                                              : "@/s.json: train[300000]: not [path, label, class name]");
    if (!scratch_instrumented())
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 1.0);
    path = repeat(lists, "{\"train\":[", "[\"a\",0,\"b\"],", 90000, "[\"a\",0,\"b\"]]" PARTS);
    lists_assert_ok(lists, split_file_read(&dataset, ".", path, lists->arena, &lists->err));
    assert_int_equal(dataset.train.n, scratch_instrumented() ? 3001 : 90001);
    for (int i = 0; i < dataset.train.n; i++)
        assert_string_equal(dataset.train.items[i].path, "a");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_golden),      TEST(test_layout),      TEST(test_test_alone),
                                       TEST(test_hostile),     TEST(test_bad_json),    TEST(test_every_cut),
                                       TEST(test_huge_arrays), TEST(test_many_entries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
