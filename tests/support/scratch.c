/* scratch.c: a temporary folder for a test. */
#define _GNU_SOURCE /* nftw */
#include "tests/support/scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

int scratch_setup(void **state) {
    const char *base = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/coop-test-XXXXXX", base != NULL ? base : "/tmp");
    *state = mkdtemp(path) ? strdup(path) : NULL;
    return *state ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *place) {
    (void)info;
    (void)flag;
    (void)place;
    return remove(path);
}

int scratch_teardown(void **state) {
    int result = nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}

char *scratch_path(void **state, const char *name, char *out, size_t size) {
    int n = snprintf(out, size, "%s/%s", (const char *)*state, name);
    assert_true(n > 0 && (size_t)n < size);
    return out;
}

void scratch_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void scratch_flip(const char *path, size_t at, unsigned char mask) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_not_equal(byte, EOF);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ mask, file), EOF);
    assert_int_equal(fclose(file), 0);
}

int scratch_count(void **state) {
    DIR *folder = opendir(*state);
    assert_non_null(folder);
    int n = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return n;
}

bool scratch_valgrind(void) {
    const char *preload = getenv("LD_PRELOAD"); /* where valgrind puts itself */
    return preload && strstr(preload, "vgpreload");
}

bool scratch_instrumented(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return scratch_valgrind();
#endif
}

/* What LeakSanitizer passes over: libdav1d 1.0 loses a few bytes of some broken files. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libdav1d";
}
