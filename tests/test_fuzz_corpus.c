/* test_fuzz_corpus.c: the functions of tests/fuzz on their seeds, on everything that ever went wrong, and on
 * the seeds cut and changed at every byte. What the functions themselves check is said in tests/fuzz/fuzz.h.
 */
#include "tests/fuzz/fuzz.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of a larger seed not every byte is changed. */
enum { MAX_SMALL = 3000 };

typedef void (*InputFn)(const FuzzTarget *target, const char *path, const uint8_t *data, size_t size);

/* Calls visit for every file of FOLDER/KIND; returns how many there are (none when there is no folder). */
static int each_input(const FuzzTarget *target, const char *folder, InputFn visit) {
    char path[600];
    snprintf(path, sizeof path, "tests/fuzz/%s/%s", folder, target->kind);
    DIR *files = opendir(path);
    int n = 0;
    for (struct dirent *entry; files && (entry = readdir(files));) {
        Error err = {0};
        FileMap map;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "tests/fuzz/%s/%s/%s", folder, target->kind, entry->d_name);
        if (file_map(&map, path, &err) < 0)
            fail_msg("%s", err.text);
        visit(target, path, map.data, map.size);
        file_unmap(&map);
        n++;
    }
    if (files)
        closedir(files);
    return n;
}

/* Returns whether the bytes were read. */
static int run_quickly(const FuzzTarget *target, const char *path, const uint8_t *data, size_t size) {
    double start = clock_seconds();
    int was_read = target->run(data, size);
    double seconds = clock_seconds() - start;
    if (seconds > 1 && !scratch_instrumented())
        fail_msg("%s: took %.1f s", path, seconds);
    return was_read;
}

/* A seed teaches nothing unless it is read, or else is called bad_ on purpose. */
static void check_seed(const FuzzTarget *target, const char *path, const uint8_t *data, size_t size) {
    bool bad = strncmp(strrchr(path, '/') + 1, "bad_", 4) == 0;
    if (run_quickly(target, path, data, size) == bad)
        fail_msg("%s: was %s", path, bad ? "read" : "refused");
}

static void check_regression(const FuzzTarget *target, const char *path, const uint8_t *data, size_t size) {
    run_quickly(target, path, data, size);
}

/* Whether no beginning of such a file is one. (Text may end after any line, pictures after their last row.)
 */
static bool ends_for_sure(const char *path) {
    static const char *const suffixes[] = {".safetensors", ".json", ".pkl", ".pth", ".gz"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(strrchr(path, '.'), suffixes[i]) == 0)
            return true;
    return false;
}

/* Every beginning of a small file, and the file with one byte changed in several ways. */
static void cut_and_flip(const FuzzTarget *target, const char *path, const uint8_t *data, size_t size) {
    static const uint8_t flips[] = {1, 4, 32, 128, 255};
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    size_t step = (scratch_instrumented() ? 7 : 1) * (size > MAX_SMALL ? 37 : 1); /* both are slow */
    for (size_t i = 0; i < size; i += step) {
        if (run_quickly(target, path, data, i) && ends_for_sure(path))
            fail_msg("%s: %zu of %zu bytes were read", path, i, size);
        for (size_t j = 0; j < sizeof flips; j++) {
            copy[i] ^= flips[j];
            run_quickly(target, path, copy, size);
            copy[i] ^= flips[j];
        }
    }
    free(copy);
}

static void test_seeds(void **state) {
    (void)state;
    int n;
    const FuzzTarget *targets = fuzz_targets(&n);
    for (int i = 0; i < n; i++)
        assert_true(each_input(&targets[i], "corpus", check_seed) >= 3);
}

static void test_regressions(void **state) {
    (void)state;
    int n;
    const FuzzTarget *targets = fuzz_targets(&n);
    for (int i = 0; i < n; i++)
        each_input(&targets[i], "regressions", check_regression);
}

static void test_every_byte(void **state) {
    (void)state;
    int n;
    const FuzzTarget *targets = fuzz_targets(&n);
    for (int i = 0; i < n; i++)
        each_input(&targets[i], "corpus", cut_and_flip);
}

/* Every folder of inputs belongs to a function: one with another name would never be read. */
static void test_folders(void **state) {
    (void)state;
    static const char *const folders[] = {"tests/fuzz/corpus", "tests/fuzz/regressions"};
    int n;
    const FuzzTarget *targets = fuzz_targets(&n);
    for (int f = 0; f < 2; f++) {
        DIR *files = opendir(folders[f]);
        for (struct dirent *entry; files && (entry = readdir(files));) {
            int i = 0;
            while (i < n && strcmp(targets[i].kind, entry->d_name) != 0)
                i++;
            if (i == n && entry->d_name[0] != '.')
                fail_msg("%s/%s: no such kind", folders[f], entry->d_name);
        }
        if (files)
            closedir(files);
    }
}

static int finish(void **state) {
    (void)state;
    fuzz_finish();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folders), cmocka_unit_test(test_seeds),
                                       cmocka_unit_test(test_regressions), cmocka_unit_test(test_every_byte)};
    return cmocka_run_group_tests(tests, NULL, finish);
}
