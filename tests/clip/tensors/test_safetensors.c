/* test_safetensors.c: clip/tensors/safetensors.c and safetensors_write.c */
#include "clip/base/arena.h"
#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"
#include "tests/support/torch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A file with the announced length, a header and data that counts 0, 1, 2, ... */
static void write_raw(const char *path, uint64_t length, const char *header, size_t n_header, size_t n_data) {
    unsigned char *bytes = malloc(8 + n_header + n_data);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> 8 * i);
    memcpy(bytes + 8, header, n_header);
    for (size_t i = 0; i < n_data; i++)
        bytes[8 + n_header + i] = (unsigned char)i;
    scratch_file(path, bytes, 8 + n_header + n_data);
    free(bytes);
}

/* --- what is refused --- */

typedef struct {
    const char *label, *header;
    size_t n_data;
    const char *reason;
} Case;

/* An entry of the header; single quotes stand for double ones in all cases. */
#define F32(name, shape, begin, end)                                                                         \
    "'" name "':{'dtype':'F32','shape':[" shape "],'data_offsets':[" #begin "," #end "]}"

static const Case cases[] = {
    /* JSON */
    {"empty header", "", 0, "header, byte 8: '{' expected: not a safetensors file"},
    {"leading space", " {}", 0, "header, byte 8: '{' expected: not a safetensors file"},
    {"a list", "[]", 0, "header, byte 8: '{' expected: not a safetensors file"},
    {"{ alone", "{", 0, "header, byte 9: the JSON text is cut short"},
    {"cut in a name", "{'a", 0, "header, byte 11: the JSON text is cut short"},
    {"cut after an escape", "{'a\\", 0, "header, byte 12: not an escape of JSON"},
    {"cut in an entry", "{'a':{'dtype':", 0, "header, byte 22: the JSON text is cut short"},
    {"cut in a number", "{'a':{'shape':[1", 0, "header, byte 24: the JSON text is cut short"},
    {"no name", "{1:2}", 0, "header, byte 9: '\"' expected"},
    {"no colon", "{'a' {}}", 0, "header, byte 13: ':' expected"},
    {"trailing comma", "{'a':{},}", 0, "tensor a: dtype, shape and two data_offsets are needed"},
    {"trailing comma after an entry", "{" F32("a", "1", 0, 4) ",}", 4, "header, byte 62: '\"' expected"},
    {"missing comma", "{" F32("a", "1", 0, 4) F32("b", "1", 4, 8) "}", 8, "header, byte 61: '}' expected"},
    {"comma in front", "{,}", 0, "header, byte 9: '\"' expected"},
    {"junk after the header", "{} x", 0, "header, byte 11: something follows the JSON text"},
    {"a second object", "{}{}", 0, "header, byte 10: something follows the JSON text"},
    {"a tensor that is a number", "{'a':1}", 0, "header, byte 13: '{' expected"},
    {"a tensor that is null", "{'a':null}", 0, "header, byte 13: '{' expected"},
    {"bad UTF-8", "{'\xff':{}}", 0, "header, byte 10: not UTF-8"},
    {"overlong UTF-8", "{'\xc0\xaf':{}}", 0, "header, byte 10: not UTF-8"},
    {"UTF-8 surrogate", "{'\xed\xa0\x80':{}}", 0, "header, byte 10: not UTF-8"},
    {"UTF-8 cut", "{}\xe2\x82", 0, "header, byte 10: not UTF-8"},
    {"name with NUL", "{'a\\u0000b':{}}", 0, "header, byte 17: a NUL inside a string"},
    {"control character", "{'a\nb':{}}", 0, "header, byte 11: a control character inside a string"},
    {"unknown escape", "{'a\\x':{}}", 0, "header, byte 12: not an escape of JSON"},
    {"bad hexadecimal", "{'a\\u12g4':{}}", 0, "header, byte 12: not an escape of JSON"},
    {"high surrogate", "{'a\\ud800':{}}", 0, "header, byte 17: half of a surrogate pair"},
    {"two high surrogates", "{'a\\ud800\\ud800':{}}", 0, "header, byte 17: half of a surrogate pair"},
    {"low surrogate", "{'a\\udc00':{}}", 0, "header, byte 17: half of a surrogate pair"},
    /* fields */
    {"no dtype", "{'a':{'shape':[],'data_offsets':[0,4]}}", 4,
     "tensor a: dtype, shape and two data_offsets are needed"},
    {"no shape", "{'a':{'dtype':'F32','data_offsets':[0,4]}}", 4,
     "tensor a: dtype, shape and two data_offsets are needed"},
    {"no offsets", "{'a':{'dtype':'F32','shape':[]}}", 4,
     "tensor a: dtype, shape and two data_offsets are needed"},
    {"one offset", "{'a':{'dtype':'F32','shape':[],'data_offsets':[0]}}", 4,
     "tensor a: dtype, shape and two data_offsets are needed"},
    {"three offsets", "{'a':{'dtype':'F32','shape':[],'data_offsets':[0,4,8]}}", 4,
     "header, byte 59: over 2 offsets"},
    {"unknown field", "{'a':{'dtype':'F32','strides':[]}}", 0,
     "tensor a: unknown or repeated field \"strides\""},
    {"repeated field", "{'a':{'dtype':'F32','dtype':'F32'}}", 0,
     "tensor a: unknown or repeated field \"dtype\""},
    {"unknown dtype", "{'a':{'dtype':'F8','shape':[],'data_offsets':[0,1]}}", 1,
     "tensor a: unknown dtype \"F8\""},
    {"lower-case dtype", "{'a':{'dtype':'f32','shape':[],'data_offsets':[0,4]}}", 4,
     "tensor a: unknown dtype \"f32\""},
    {"numeric dtype", "{'a':{'dtype':32}}", 4, "header, byte 22: '\"' expected"},
    {"nine dimensions", "{" F32("a", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, "header, byte 53: over 8 dimensions"},
    {"negative number", "{" F32("a", "-1", 0, 4) "}", 4,
     "header, byte 37: a whole number, 0 or more, expected"},
    {"float", "{" F32("a", "1.0", 0, 4) "}", 4, "header, byte 38: a whole number, 0 or more, expected"},
    {"exponent", "{" F32("a", "1e3", 0, 4) "}", 4, "header, byte 38: a whole number, 0 or more, expected"},
    {"leading zero", "{" F32("a", "01", 0, 4) "}", 4, "header, byte 39: a whole number, 0 or more, expected"},
    {"plus", "{" F32("a", "+1", 0, 4) "}", 4, "header, byte 37: a whole number, 0 or more, expected"},
    {"number in quotes", "{" F32("a", "'1'", 0, 4) "}", 4,
     "header, byte 37: a whole number, 0 or more, expected"},
    {"2^63", "{" F32("a", "9223372036854775808", 0, 4) "}", 4, "header, byte 55: a number over 2^63 - 1"},
    {"2^64", "{" F32("a", "1", 0, 18446744073709551616) "}", 4, "header, byte 77: a number over 2^63 - 1"},
    {"hundred digits", "{" F32("a", "1111111111111111111111111111111111111111111111111111", 0, 4) "}", 4,
     "header, byte 56: a number over 2^63 - 1"},
    /* spans */
    {"product overflow", "{" F32("a", "4294967296,4294967296", 0, 4) "}", 4,
     "tensor a: shape [4294967296, 4294967296] is too large"},
    {"byte overflow", "{" F32("a", "4611686018427387904", 0, 4) "}", 4,
     "tensor a: shape [4611686018427387904] is too large"},
    {"product that wraps to the span", "{" F32("a", "4611686018427387905,4", 0, 16) "}", 16,
     "tensor a: shape [4611686018427387905, 4] is too large"},
    {"span too short", "{" F32("a", "2,3", 0, 20) "}", 20,
     "tensor a: F32 of shape [2, 3] needs 24 bytes but has 20"},
    {"span too long", "{" F32("a", "", 0, 8) "}", 8, "tensor a: F32 of shape [] needs 4 bytes but has 8"},
    {"end before begin", "{" F32("a", "1", 4, 0) "}", 4, "tensor a: ends at 0, before it begins at 4"},
    {"overlap", "{" F32("a", "2", 0, 8) "," F32("b", "1", 4, 8) "}", 8,
     "tensor b: begins at byte 4 of the data, inside the tensor that ends at byte 8"},
    {"the same place", "{" F32("a", "1", 0, 4) "," F32("b", "1", 0, 4) "}", 4,
     "tensor b: begins at byte 0 of the data, inside the tensor that ends at byte 4"},
    {"empty tensor inside another", "{" F32("a", "2", 0, 8) "," F32("b", "0", 4, 4) "}", 8,
     "tensor b: begins at byte 4 of the data, inside the tensor that ends at byte 8"},
    {"hole", "{" F32("a", "1", 0, 4) "," F32("b", "1", 8, 12) "}", 12,
     "tensor b: begins at byte 8 of the data, leaving a hole from byte 4"},
    {"hole in front", "{" F32("a", "1", 4, 8) "}", 8,
     "tensor a: begins at byte 4 of the data, leaving a hole from byte 0"},
    {"trailing bytes", "{" F32("a", "1", 0, 4) "}", 7, "data: 3 bytes follow the last tensor"},
    {"trailing bytes alone", "{}", 1, "data: 1 bytes follow the last tensor"},
    {"one byte short", "{" F32("a", "1", 0, 4) "}", 3, "tensor a: ends at byte 4 of the data, which has 3"},
    {"end of 2^63 - 1", "{" F32("a", "1", 0, 9223372036854775807) "}", 4,
     "tensor a: ends at byte 9223372036854775807 of the data, which has 4"},
    /* names */
    {"duplicate name", "{" F32("a", "1", 0, 4) "," F32("b", "1", 4, 8) "," F32("a", "1", 8, 12) "}", 12,
     "tensor a: is there twice"},
    {"duplicate name by escape", "{" F32("a", "1", 0, 4) "," F32("\\u0061", "1", 4, 8) "}", 8,
     "tensor a: is there twice"},
    {"empty name twice", "{" F32("", "1", 0, 4) "," F32("", "1", 4, 8) "}", 8, "tensor : is there twice"},
    {"control characters in an error", "{'a\\u001b[1m':{}}", 0,
     "tensor a?[1m: dtype, shape and two data_offsets are needed"},
    /* metadata */
    {"metadata that is no object", "{'__metadata__':'x'}", 0, "header, byte 24: '{' expected"},
    {"metadata null", "{'__metadata__':null}", 0, "header, byte 24: '{' expected"},
    {"metadata number", "{'__metadata__':{'k':1}}", 0, "header, byte 29: '\"' expected"},
    {"metadata object", "{'__metadata__':{'k':{}}}", 0, "header, byte 29: '\"' expected"},
    {"metadata key twice", "{'__metadata__':{'k':'1','l':'2','k':'1'}}", 0, "metadata k: is there twice"},
    {"metadata twice", "{'__metadata__':{},'__metadata__':{}}", 0,
     "header, byte 42: __metadata__ is there twice"},
};

static void test_refused(void **state) {
    Path path = in_scratch(state, "hostile.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char header[1000];
        size_t n = strlen(cases[i].header);
        assert_true(n < sizeof header);
        for (size_t j = 0; j <= n; j++)
            header[j] = cases[i].header[j] == '\'' ? '"' : cases[i].header[j];
        write_raw(path.text, n, header, n, cases[i].n_data);
        const char *reason = cases[i].reason;
        check_refused(state, path.text, cases[i].label, reason);
    }
}

static void test_lengths(void **state) {
    Path path = in_scratch(state, "hostile.safetensors");
    scratch_file(path.text, "", 0);
    check_refused(state, path.text, "empty", "the file is empty");
    scratch_file(path.text, "\2\0\0\0\0\0\0", 7);
    check_refused(state, path.text, "under 8 bytes",
                  "header: the file has 7 bytes, fewer than the 8 of a length");
    write_raw(path.text, UINT64_MAX, "{}", 2, 0);
    check_refused(state, path.text, "2^64 - 1",
                  "header: a length of 18446744073709551615 bytes: not a safetensors file");
    write_raw(path.text, 100000001, "{}", 2, 0);
    check_refused(state, path.text, "100,000,001",
                  "header: a length of 100000001 bytes: not a safetensors file");
    write_raw(path.text, 100000000, "{}", 2, 0);
    check_refused(state, path.text, "100,000,000", "header: 100000000 bytes are announced but only 2 follow");
    write_raw(path.text, 3, "{}", 2, 0);
    check_refused(state, path.text, "past the file", "header: 3 bytes are announced but only 2 follow");
    write_raw(path.text, 0, "", 0, 0);
    check_refused(state, path.text, "8 bytes of 0", "header, byte 8: '{' expected: not a safetensors file");
    write_raw(path.text, 4, "{}\0\0", 4, 0);
    check_refused(state, path.text, "NUL padding", "header, byte 10: something follows the JSON text");
    write_raw(path.text, 10, "{\"a\0b\":{}}", 10, 0);
    check_refused(state, path.text, "raw NUL in a name", "header, byte 11: a NUL inside a string");
}

/* Every prefix of a good file is refused, and none of its bytes, changed, brings the reader down. */
static void test_cut_and_flipped(void **state) {
    Path path = in_scratch(state, "a.safetensors");
    float data[6] = {0};
    TensorOut tensors[] = {{"one", DTYPE_F32, 2, {2, 3}, data}, {"t\"w\xc3\xb6", DTYPE_U8, 1, {3}, data}};
    MetadataOut metadata[] = {{"key", "line\nline"}};
    assert_int_equal(safetensors_write(path.text, tensors, 2, metadata, 1, NULL), 0);
    FileMap map;
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    size_t size = map.size;
    unsigned char bytes[1000];
    assert_true(size < sizeof bytes);
    memcpy(bytes, map.data, size);
    file_unmap(&map);
    for (size_t cut = 0; cut < size; cut++) {
        Error err = {0};
        scratch_file(path.text, bytes, cut);
        assert_null(tensors_open(path.text, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
    }
    const unsigned char flips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};
    for (size_t i = 0; i < size; i++) {
        for (size_t j = 0; j < sizeof flips; j++) {
            bytes[i] ^= flips[j];
            scratch_file(path.text, bytes, size);
            bytes[i] ^= flips[j];
            Error err = {0};
            TensorFile *file = tensors_open(path.text, &err);
            assert_true((file == NULL) == (err.kind == ERROR_INPUT));
            assert_true(i < 8 ? file == NULL : true);
            tensors_close(file);
        }
    }
}

/* --- large headers --- */

/* Megabytes of memory that a process of its own takes to open the file, over what it had before. */
static double open_megabytes(const char *path) {
    int ends[2];
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
    double megabytes = -1;
    int status = 1;
    close(ends[1]);
    assert_int_equal(read(ends[0], &megabytes, sizeof megabytes), sizeof megabytes);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return megabytes;
}

static void check_header_memory(const char *path, size_t n_header) {
    double limit = (double)n_header / (1 << 20) + 64;
    if (!scratch_instrumented()) {
        double megabytes = open_megabytes(path);
        if (megabytes > limit)
            fail_msg("%.0f MiB to open a file of %.0f MiB", megabytes, limit - 64);
    }
}

/* A header of `n` times `piece`, in which %zu, three times, is the number of the piece. */
static char *repeat(const char *head, const char *piece, size_t n, const char *tail, size_t *size) {
    size_t room = strlen(head) + n * (strlen(piece) + 30) + strlen(tail) + 1;
    char *text = malloc(room);
    size_t used = (size_t)sprintf(text, "%s", head);
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, room - used, piece, i, i, i + 1);
    used += (size_t)sprintf(text + used, "%s", tail);
    *size = used;
    return text;
}

#define NUMBERED ",\"t%zu\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}"

static void test_many_tensors(void **state) {
    Path path = in_scratch(state, "many.safetensors");
    size_t size;
    Error err = {0};
    for (size_t n = 100000; n <= 199999; n += 99999) {
        char *text = repeat("{\"__metadata__\":{}", NUMBERED, n, "}", &size);
        write_raw(path.text, size, text, size, n);
        free(text);
        clock_t start = clock();
        TensorFile *file = tensors_open(path.text, &err);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        assert_non_null(file);
        assert_int_equal(tensors_count(file), n);
        const Tensor *tensor = tensors_find(file, "t99999");
        assert_non_null(tensor);
        assert_int_equal(*tensor->data, 99999 % 256);
        assert_int_equal(tensor->shape[0], 1);
        tensors_close(file);
        assert_true(seconds < 1 || scratch_instrumented());
        check_header_memory(path.text, size);
    }
    char *text = repeat("{\"__metadata__\":{}", NUMBERED, 200001, "}", &size);
    write_raw(path.text, size, text, size, 200001);
    free(text);
    char reason[100];
    assert_null(tensors_open(path.text, &err));
    snprintf(reason, sizeof reason, ": too many tensors");
    assert_non_null(strstr(err.text, reason));
    check_header_memory(path.text, size);
}

static void test_deep(void **state) {
    Path path = in_scratch(state, "deep.safetensors");
    size_t size;
    char *text = repeat("{\"a\":", "[", 100000, "", &size);
    write_raw(path.text, size, text, size, 0);
    free(text);
    check_refused(state, path.text, "depth 100,000", "header, byte 13: '{' expected");
    text = repeat("{\"a\":", "{\"a\":", 100000, "", &size);
    write_raw(path.text, size, text, size, 0);
    free(text);
    check_refused(state, path.text, "depth 100,000 of objects", "tensor a: unknown or repeated field \"a\"");
    text = repeat("{\"a\":{\"shape\":", "[", 100000, "", &size);
    write_raw(path.text, size, text, size, 0);
    free(text);
    check_refused(state, path.text, "depth 100,000 in a shape",
                  "header, byte 23: a whole number, 0 or more, expected");
}

static void test_long_texts(void **state) {
    Path path = in_scratch(state, "long.safetensors");
    size_t size;
    Error err = {0};
    const char *forty = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn";
    char *text = repeat("{\"__metadata__\":{\"k\":\"", forty, 500000, "\"}}", &size); /* 20 MB are fine */
    write_raw(path.text, size, text, size, 0);
    free(text);
    TensorFile *file = tensors_open(path.text, &err);
    assert_non_null(file);
    assert_int_equal(strlen(tensors_metadata(file, "k")), 20000000);
    tensors_close(file);
    check_header_memory(path.text, size);

    text = repeat("{\"", forty, 1000000, "\":1}", &size); /* 40 MB are not */
    write_raw(path.text, size, text, size, 0);
    free(text);
    check_refused(state, path.text, "a name of 40 MB", "header: over 33554432 bytes of names and metadata");
    check_header_memory(path.text, size);

    for (int i = 0; i <= 1; i++) { /* 512 bytes and 513 */
        text = repeat(i == 0 ? "{\"" : "{\"x", "12345678", 64, "\":{}}", &size);
        write_raw(path.text, size, text, size, 0);
        free(text);
        assert_null(tensors_open(path.text, &err));
        assert_non_null(
            strstr(err.text, i == 0 ? "12345678: dtype, shape and" : "header, byte 524: a name of over"));
    }

    text = repeat("{\"__metadata__\":{", "\"%zu\":\"\",", 200001, "\"\":\"\"}}", &size);
    write_raw(path.text, size, text, size, 0);
    free(text);
    assert_null(tensors_open(path.text, &err));
    assert_non_null(strstr(err.text, ": too much metadata"));
    check_header_memory(path.text, size);
}

/* --- what is read --- */

static TensorFile *open_text(const char *path, const char *header, size_t n_data) {
    Error err = {0};
    write_raw(path, strlen(header), header, strlen(header), n_data);
    TensorFile *file = tensors_open(path, &err);
    if (!file)
        fail_msg("%s", err.text);
    return file;
}

static void test_read(void **state) {
    Path path = in_scratch(state, "a.safetensors");
    TensorFile *file = open_text(path.text, "{}", 0);
    assert_int_equal(tensors_count(file), 0);
    assert_int_equal(tensors_metadata_count(file), 0);
    assert_null(tensors_find(file, "a"));
    assert_null(tensors_metadata(file, "a"));
    tensors_close(file);

    /* White space, fields and tensors out of order, metadata last, empty tensors between others. */
    file =
        open_text(path.text,
                  "{ \"late\" :\n{\"data_offsets\": [ 2 , 6 ],\"dtype\":\"F32\",\"shape\":[ 1 , 1 ]},\r\n\t"
                  "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[2,2]},"
                  "\"first\":{\"shape\":[],\"data_offsets\":[0,2],\"dtype\":\"BF16\"},"
                  "\"last\":{\"shape\":[0],\"data_offsets\":[6,6],\"dtype\":\"I64\"},"
                  "\"__metadata__\":{\"b\":\"2\",\"a\":\"\"}}   ",
                  6);
    assert_int_equal(tensors_count(file), 4);
    const char *order[] = {"first", "none", "late", "last"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(tensors_at(file, i)->name, order[i]);
    const Tensor *late = tensors_find(file, "late"), *none = tensors_find(file, "none");
    assert_int_equal(late->dtype, DTYPE_F32);
    assert_int_equal(late->n_dims, 2);
    assert_int_equal(late->size, 4);
    assert_memory_equal(late->data, "\2\3\4\5", 4);
    assert_int_equal(none->count, 0);
    assert_int_equal(none->shape[1], 7);
    assert_int_equal(tensors_find(file, "first")->n_dims, 0);
    assert_int_equal(tensors_find(file, "first")->count, 1);
    assert_int_equal(tensors_metadata_count(file), 2);
    assert_string_equal(tensors_metadata(file, "a"), "");
    assert_string_equal(tensors_metadata(file, "b"), "2");
    const char *key, *value;
    tensors_metadata_at(file, 1, &key, &value);
    assert_string_equal(key, "b");
    assert_string_equal(value, "2");
    tensors_close(file);
}

static void test_escapes(void **state) {
    Path path = in_scratch(state, "a.safetensors");
    TensorFile *file = open_text(path.text,
                                 "{\"__metadata__\":{\"\\u005f\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC"
                                 "\\ud83d\\uDE00\xc3\xa9\"}}",
                                 0);
    assert_string_equal(tensors_metadata(file, "_"),
                        "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9");
    tensors_close(file);
}

static void test_missing_and_wrong(void **state) {
    Path path = in_scratch(state, "a.safetensors");
    char want[5000];
    Error err = {0};
    TensorFile *file =
        open_text(path.text, "{\"ctx\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", 12);
    assert_null(tensors_need(file, "ctx", 2, (int64_t[]){4, 128}, &err));
    snprintf(want, sizeof want, "%s: tensor ctx: shape [3] where [4, 128] is needed", path.text);
    assert_string_equal(err.text, want);
    assert_null(tensors_need(file, "token_prefix", 1, (int64_t[]){3}, &err));
    snprintf(want, sizeof want, "%s: tensor token_prefix: missing", path.text);
    assert_string_equal(err.text, want);
    assert_non_null(tensors_need(file, "ctx", 1, (int64_t[]){3}, &err));
    tensors_close(file);
}

/* --- writing --- */

static void test_write(void **state) {
    Path path = in_scratch(state, "a.safetensors");
    const unsigned char bytes[] = {7, 8, 9};
    const uint16_t halves[] = {0x3c00, 0x4000};
    const double doubles[] = {1, 2, 3};
    const float floats[] = {0.5f};
    const TensorOut tensors[] = {{"bytes", DTYPE_U8, 1, {3}, bytes},
                                 {"halves", DTYPE_F16, 2, {1, 2}, halves},
                                 {"none", DTYPE_F32, 2, {0, 4}, NULL},
                                 {"d\n\"\xc3\xa9", DTYPE_F64, 1, {3}, doubles},
                                 {"scalar", DTYPE_F32, 0, {0}, floats}};
    const MetadataOut metadata[] = {{"classes", "[\"caf\xc3\xa9\", \"a/b\"]"}, {"", "empty"}};
    Error err = {0};
    if (safetensors_write(path.text, tensors, 5, metadata, 2, &err) < 0)
        fail_msg("%s", err.text);
    FileMap map;
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    uint64_t length;
    memcpy(&length, map.data, 8);
    assert_int_equal(length % 8, 0);
    assert_int_equal(map.size, 8 + length + 24 + 4 + 4 + 3);
    file_unmap(&map);
    TensorFile *file = tensors_open(path.text, &err);
    assert_non_null(file);
    const char *order[] = {"d\n\"\xc3\xa9", "none", "scalar", "halves", "bytes"};
    const void *data[] = {doubles, "", floats, halves, bytes};
    for (int i = 0; i < 5; i++) {
        const Tensor *tensor = tensors_at(file, i);
        assert_string_equal(tensor->name, order[i]);
        assert_memory_equal(tensor->data, data[i], tensor->size);
        assert_int_equal((uintptr_t)tensor->data % dtype_size(tensor->dtype), 0);
    }
    assert_int_equal(tensors_find(file, "halves")->shape[1], 2);
    assert_int_equal(tensors_find(file, "none")->shape[1], 4);
    assert_string_equal(tensors_metadata(file, "classes"), metadata[0].value);
    assert_string_equal(tensors_metadata(file, ""), "empty");
    tensors_close(file);
    assert_int_equal(safetensors_write(path.text, NULL, 0, NULL, 0, &err), 0);
    file = tensors_open(path.text, &err);
    assert_non_null(file);
    assert_int_equal(tensors_count(file), 0);
    tensors_close(file);
}

/* With a checksum every changed byte is found, also in the key of the checksum itself. */
static void test_checksum(void **state) {
    Path path = in_scratch(state, "a.safetensors");
    const float data[3] = {1, 2, 3};
    const TensorOut tensors[] = {{"a", DTYPE_F32, 1, {3}, data}, {"b", DTYPE_U8, 1, {1}, "x"}};
    const MetadataOut metadata[] = {{"quoted", "\"coop_crc32\":\"00000000\""}, SAFETENSORS_CHECKED};
    Error err = {0};
    for (int n = 1; n <= 2; n++) {
        assert_int_equal(safetensors_write(path.text, tensors, 2, metadata, n, &err), 0);
        TensorFile *file = tensors_open(path.text, &err);
        assert_non_null(file);
        assert_int_equal(tensors_checked(file), n == 2);
        assert_string_equal(tensors_metadata(file, "quoted"), metadata[0].value);
        tensors_close(file);
    }
    FileMap map;
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    size_t size = map.size;
    file_unmap(&map);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            scratch_flip(path.text, at, (unsigned char)(1 << bit));
            assert_null(tensors_open(path.text, &err));
            scratch_flip(path.text, at, (unsigned char)(1 << bit));
        }
    scratch_flip(path.text, size - 1, 1);
    assert_null(tensors_open(path.text, &err));
    assert_non_null(strstr(err.text, ": damaged: its checksum is "));
}

static void check_not_written(void **state, const TensorOut *tensors, int n_tensors,
                              const MetadataOut *metadata, int n_metadata, const char *reason) {
    Path path = in_scratch(state, "a.safetensors");
    char want[5000];
    Error err = {0};
    snprintf(want, sizeof want, "%s: %s", path.text, reason);
    assert_int_equal(safetensors_write(path.text, tensors, n_tensors, metadata, n_metadata, &err), -1);
    assert_string_equal(err.text, want);
    assert_int_equal(scratch_count(state), 0);
}

static void test_write_refused(void **state) {
    TensorOut twice[] = {{"a", DTYPE_U8, 0, {0}, "x"}, {"a", DTYPE_U8, 0, {0}, "y"}};
    TensorOut bad = {"\xff", DTYPE_U8, 0, {0}, "x"}, reserved = {"__metadata__", DTYPE_U8, 0, {0}, "x"};
    TensorOut huge = {"a", DTYPE_U8, 2, {INT64_MAX, 4}, "x"};
    MetadataOut key = {"\xff", "x"}, value = {"k", "caf\xe9"};
    check_not_written(state, twice, 2, NULL, 0, "tensor a: is there twice");
    check_not_written(state, &reserved, 1, NULL, 0, "tensor __metadata__: a reserved name");
    check_not_written(state, &bad, 1, NULL, 0, "tensor ?: the name is not UTF-8");
    check_not_written(state, &huge, 1, NULL, 0, "tensor a: the shape is too large");
    check_not_written(state, NULL, 0, &key, 1, "metadata ?: not UTF-8");
    check_not_written(state, NULL, 0, &value, 1, "metadata k: not UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_refused),      IN_SCRATCH(test_lengths),       IN_SCRATCH(test_cut_and_flipped),
        IN_SCRATCH(test_many_tensors), IN_SCRATCH(test_deep),          IN_SCRATCH(test_long_texts),
        IN_SCRATCH(test_read),         IN_SCRATCH(test_escapes),       IN_SCRATCH(test_missing_and_wrong),
        IN_SCRATCH(test_write),        IN_SCRATCH(test_write_refused), IN_SCRATCH(test_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
