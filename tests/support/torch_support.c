/* torch_support.c: files byte by byte. */
#include "tests/support/torch_support.h"

#include "clip/tensors/tensors_open.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

Path in_scratch(void **state, const char *name) {
    Path path = {""};
    scratch_path(state, name, path.text, sizeof path.text);
    return path;
}

/* --- bytes --- */

void bytes_add(Bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->room) {
        bytes->room = 2 * (bytes->size + size);
        bytes->data = realloc(bytes->data, bytes->room);
        assert_non_null(bytes->data);
    }
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_text(Bytes *bytes, const char *text) {
    bytes_add(bytes, text, strlen(text));
}

void bytes_number(Bytes *bytes, int n, uint64_t value) {
    for (int i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)(value >> 8 * i);
        bytes_add(bytes, &byte, 1);
    }
}

void bytes_set(Bytes *bytes, size_t at, int n, uint64_t value) {
    assert_true(at + (size_t)n <= bytes->size);
    for (int i = 0; i < n; i++)
        bytes->data[at + i] = (unsigned char)(value >> 8 * (i % 8));
}

void bytes_free(Bytes *bytes) {
    free(bytes->data);
    *bytes = (Bytes){0};
}

/* --- zip --- */

/* From the version to the length of the name. */
static void add_common(Bytes *bytes, const ZipPiece *piece) {
    uint32_t crc = (uint32_t)crc32_z(0, piece->data, piece->size);
    const uint64_t fields[][2] = {{2, 20},          {2, 0},           {2, 0},
                                  {2, 0},           {2, 0x21},        {4, crc},
                                  {4, piece->size}, {4, piece->size}, {2, strlen(piece->name)}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        bytes_number(bytes, (int)fields[i][0], fields[i][1]);
}

ZipBuilt zip_build(const ZipPiece *pieces, int n) {
    ZipBuilt zip = {0};
    Bytes *bytes = &zip.bytes;
    size_t *starts = calloc((size_t)n + 1, sizeof *starts);
    assert_non_null(starts);
    for (int i = 0; i < n; i++) {
        starts[i] = bytes->size;
        bytes_text(bytes, "PK\3\4");
        add_common(bytes, &pieces[i]);
        bytes_number(bytes, 2, 0); /* extra fields */
        bytes_text(bytes, pieces[i].name);
        bytes_add(bytes, pieces[i].data, pieces[i].size);
    }
    zip.directory = bytes->size;
    for (int i = 0; i < n; i++) {
        if (i < ZIP_MAX) {
            zip.locals[i] = starts[i];
            zip.entries[i] = bytes->size;
        }
        bytes_text(bytes, "PK\1\2");
        bytes_number(bytes, 2, 20);
        add_common(bytes, &pieces[i]);
        bytes_number(bytes, 8, 0); /* extra fields, comment, disk, attributes */
        bytes_number(bytes, 4, 0);
        bytes_number(bytes, 4, starts[i]);
        bytes_text(bytes, pieces[i].name);
    }
    zip.end = bytes->size;
    bytes_text(bytes, "PK\5\6");
    bytes_number(bytes, 4, 0); /* disks */
    bytes_number(bytes, 2, (uint64_t)n);
    bytes_number(bytes, 2, (uint64_t)n);
    bytes_number(bytes, 4, zip.end - zip.directory);
    bytes_number(bytes, 4, zip.directory);
    bytes_number(bytes, 2, 0); /* comment */
    free(starts);
    return zip;
}

/* --- pickle --- */

static const char *add_quoted(Bytes *bytes, const char *at) {
    size_t n = strcspn(at, "'");
    bytes_text(bytes, "X");
    bytes_number(bytes, 4, n);
    bytes_add(bytes, at, n);
    return at + n + 1;
}

static const char *add_global(Bytes *bytes, const char *at) {
    size_t n_module = strcspn(at, " "), n_name = strcspn(at + n_module + 1, ">");
    bytes_text(bytes, "c");
    bytes_add(bytes, at, n_module);
    bytes_text(bytes, "\n");
    bytes_add(bytes, at + n_module + 1, n_name);
    bytes_text(bytes, "\n");
    return at + n_module + n_name + 2;
}

static const char *add_integer(Bytes *bytes, const char *at) {
    char *end;
    long long value = strtoll(at, &end, 10);
    if (value >= INT32_MIN && value <= INT32_MAX) {
        bytes_text(bytes, "J");
        bytes_number(bytes, 4, (uint64_t)value);
    } else {
        bytes_text(bytes, "\x8a\x08");
        bytes_number(bytes, 8, (uint64_t)value);
    }
    return end;
}

Bytes pickle_build(const char *text) {
    Bytes bytes = {0};
    const char *at = text;
    while (*at != '\0') {
        char c = *at++;
        if (c == '\'') {
            at = add_quoted(&bytes, at);
        } else if (c == '<') {
            at = add_global(&bytes, at);
        } else if (c == '#') {
            at = add_integer(&bytes, at);
        } else if (c == 'x') {
            char digits[3] = {at[0], at[1], '\0'};
            bytes_number(&bytes, 1, strtoul(digits, NULL, 16));
            at += 2;
        } else if (c != ' ') {
            bytes_add(&bytes, &c, 1);
        }
    }
    return bytes;
}

ZipBuilt torch_build(const char *pickle) {
    const float data[6] = {0, 1, 2, 3, 4, 5};
    Bytes bytes = pickle_build(pickle);
    const ZipPiece pieces[] = {
        {"a/data.pkl", bytes.data, bytes.size}, {"a/data/0", data, sizeof data}, {"a/version", "3\n", 2}};
    ZipBuilt zip = zip_build(pieces, 3);
    bytes_free(&bytes);
    return zip;
}

void zip_save(const char *path, ZipBuilt *zip) {
    scratch_file(path, zip->bytes.data, zip->bytes.size);
    bytes_free(&zip->bytes);
}

/* --- opening --- */

TensorFile *open_good(const char *path) {
    Error err = {0};
    TensorFile *file = tensors_open(path, &err);
    if (!file)
        fail_msg("%s", err.text);
    return file;
}

void check_refused(void **state, const char *path, const char *label, const char *reason) {
    Error err = {0};
    int n_files = scratch_count(state);
    clock_t start = clock();
    TensorFile *file = tensors_open(path, &err);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (file) {
        tensors_close(file);
        fail_msg("%s: was read", label);
    }
    size_t n = strlen(path);
    if (strncmp(err.text, path, n) != 0 || strncmp(err.text + n, ": ", 2) != 0 ||
        strcmp(err.text + n + 2, reason) != 0)
        fail_msg("%s: the error is\n%s\nand not\n%s", label, err.text, reason);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(scratch_count(state), n_files);
    if (!scratch_instrumented() && seconds > 1)
        fail_msg("%s: took %.1f s", label, seconds);
}

void check_refused_pickles(void **state, const RefusedPickle *cases, size_t n) {
    Path path = in_scratch(state, "hostile.pt");
    for (size_t i = 0; i < n; i++) {
        ZipBuilt zip = torch_build(cases[i].pickle);
        zip_save(path.text, &zip);
        check_refused(state, path.text, cases[i].label, cases[i].reason);
    }
}

void check_memory(const char *path) {
    int ends[2];
    struct stat info;
    if (scratch_instrumented())
        return;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        tensors_close(tensors_open(path, NULL));
        getrusage(RUSAGE_SELF, &after);
        double megabytes = (double)(after.ru_maxrss - before.ru_maxrss) / 1024;
        _exit(write(ends[1], &megabytes, sizeof megabytes) == sizeof megabytes ? 0 : 1);
    }
    double megabytes = -1, size = (double)info.st_size / (1 << 20);
    int status = 1;
    close(ends[1]);
    assert_int_equal(read(ends[0], &megabytes, sizeof megabytes), sizeof megabytes);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    if (megabytes > size + 64)
        fail_msg("%.0f MiB to open a file of %.0f MiB", megabytes, size);
}

void check_has_tensors(const TensorFile *file, const TensorFile *want) {
    for (int i = 0; i < tensors_count(want); i++) {
        const Tensor *x = tensors_at(want, i), *y = tensors_find(file, x->name);
        bool same = y && x->dtype == y->dtype && x->n_dims == y->n_dims && x->size == y->size;
        for (int j = 0; same && j < x->n_dims; j++)
            same = x->shape[j] == y->shape[j];
        if (!same || memcmp(x->data, y->data, x->size) != 0)
            fail_msg("tensor %s: not the same", x->name);
    }
}

void check_same_tensors(const TensorFile *a, const TensorFile *b) {
    assert_int_equal(tensors_count(a), tensors_count(b));
    check_has_tensors(a, b);
}

ptrdiff_t tensor_distance(const TensorFile *file, const char *a, const char *b) {
    const Tensor *x = tensors_find(file, a), *y = tensors_find(file, b);
    assert_non_null(x);
    assert_non_null(y);
    return (ptrdiff_t)((uintptr_t)y->data - (uintptr_t)x->data);
}
