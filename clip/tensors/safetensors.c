/* safetensors.c: reads safetensors files.
 *
 * Layout (huggingface/safetensors, README "Format"):
 *   1. u64, little-endian: N, the length of the header
 *   2. N bytes of UTF-8 JSON that begin with '{' and may end in white space:
 *          {"__metadata__": {"key": "text"},
 *           "name": {"dtype": "F32", "shape": [4, 128], "data_offsets": [0, 2048]}}
 *      A file that `coop` will read again has the key "coop_crc32" in its metadata: eight hexadecimal digits,
 *      the CRC-32 of the whole file with zeros in their place.
 *   3. the data; offsets count from its first byte. The tensors cover it without overlap, hole or rest.
 *
 * The header is read by a cursor that knows this one grammar, in one pass and without recursion: a general
 * JSON tree takes up to forty times the memory of its text, and allows depth that is not needed. Every table
 * has a size that follows from N, under the limits below, before the first byte is read.
 */
#include "clip/tensors/safetensors.h"

#include "clip/base/checksum.h"
#include "clip/base/minimum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

/* Our own limits: together they keep the tables of the longest header under 64 MiB. */
#define MAX_TENSORS ((size_t)200000)
#define MAX_METADATA ((size_t)200000)
#define MAX_TEXT ((size_t)32 << 20) /* bytes of names, keys and values */
#define MAX_NAME ((size_t)512)      /* so that an error has room for the name and for the reason */

/* The shortest texts that make a tensor and a metadata pair: a header of N bytes holds at most N / these. */
#define MIN_TENSOR (sizeof "'':{'dtype':'U8','shape':[],'data_offsets':[0,0]}" - 1)
#define MIN_PAIR (sizeof "'':''" - 1)

/* --- the cursor --- */

typedef struct {
    TensorFile *file;
    Error *err;
    const unsigned char *start, *at, *end; /* the header */
    char *text;                            /* (max_text) strings, unescaped and NUL-terminated */
    size_t n_text, max_text;
    size_t max_tensors, max_metadata;
    const unsigned char *checksum; /* its digits; NULL: the file has none */
} Cursor;

static int fail_at(Cursor *cursor, const char *reason) {
    size_t byte = 8 + (size_t)(cursor->at - cursor->start);
    return error_set(cursor->err, "%s: header, byte %zu: %s", cursor->file->path, byte, reason);
}

static void skip_space(Cursor *cursor) {
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\t' || *cursor->at == '\r'))
        cursor->at++;
}

/* Passes `c` if it comes next. */
static bool accept(Cursor *cursor, char c) {
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != (unsigned char)c)
        return false;
    cursor->at++;
    return true;
}

static int expect(Cursor *cursor, char c) {
    if (accept(cursor, c))
        return 0;
    if (cursor->at == cursor->end)
        return fail_at(cursor, "the JSON text is cut short");
    const char reason[] = {'\'', c, '\'', ' ', 'e', 'x', 'p', 'e', 'c', 't', 'e', 'd', '\0'};
    return fail_at(cursor, reason);
}

/* After an item of a list that ends in `close`: 1 if another follows, 0 if it was the last, -1 if neither. */
static int more(Cursor *cursor, char close) {
    if (accept(cursor, ','))
        return 1;
    return expect(cursor, close);
}

/* Four hexadecimal digits; -1 when they are not. */
static int32_t hex4(const unsigned char *at, const unsigned char *end) {
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The escape after a backslash, as UTF-8 into out (4); returns its length, -1 when it is wrong. */
static int read_escape(Cursor *cursor, char *out) {
    const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = cursor->at < cursor->end ? *cursor->at : 0;
    const char *simple = c != 0 ? strchr(from, c) : NULL;
    if (simple) {
        cursor->at++;
        *out = to[simple - from];
        return 1;
    }
    int32_t unit = c == 'u' ? hex4(cursor->at + 1, cursor->end) : -1;
    if (unit < 0)
        return fail_at(cursor, "not an escape of JSON");
    cursor->at += 5;
    if (unit >= 0xd800 && unit < 0xdc00 && cursor->end - cursor->at >= 6 &&
        memcmp(cursor->at, "\\u", 2) == 0) {
        int32_t low = hex4(cursor->at + 2, cursor->end);
        if (low >= 0xdc00 && low < 0xe000) {
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            cursor->at += 6;
        }
    }
    if (unit == 0)
        return fail_at(cursor, "a NUL inside a string");
    int n = u8_uctomb((uint8_t *)out, (ucs4_t)unit, 4);
    return n > 0 ? n : fail_at(cursor, "half of a surrogate pair");
}

/* A string into the table of strings. The whole header is known to be UTF-8. */
static int read_string(Cursor *cursor, const char **out) {
    if (expect(cursor, '"') < 0)
        return -1;
    char *text = cursor->text + cursor->n_text;
    size_t room = cursor->max_text - cursor->n_text, used = 0;
    while (cursor->at < cursor->end && *cursor->at != '"') {
        if (used + 4 >= room) {
            return error_set(cursor->err, "%s: header: over %zu bytes of names and metadata",
                             cursor->file->path, MAX_TEXT);
        }
        unsigned char c = *cursor->at;
        if (c < 0x20)
            return fail_at(cursor, c == 0 ? "a NUL inside a string" : "a control character inside a string");
        cursor->at++;
        if (c != '\\') {
            text[used++] = (char)c;
            continue;
        }
        int n = read_escape(cursor, text + used);
        if (n < 0)
            return -1;
        used += (size_t)n;
    }
    if (cursor->at == cursor->end)
        return fail_at(cursor, "the JSON text is cut short");
    cursor->at++;
    text[used] = '\0';
    cursor->n_text += used + 1;
    *out = text;
    return 0;
}

/* A string that may have to be shown in an error. */
static int read_name(Cursor *cursor, const char **out) {
    size_t mark = cursor->n_text;
    if (read_string(cursor, out) < 0)
        return -1;
    if (cursor->n_text - mark > MAX_NAME + 1)
        return fail_at(cursor, "a name of over 512 bytes ends here");
    return 0;
}

/* A whole number from 0 to 2^63 - 1. */
static int read_integer(Cursor *cursor, int64_t *out) {
    skip_space(cursor);
    const unsigned char *first = cursor->at;
    int64_t value = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *cursor->at - '0', &value))
            return fail_at(cursor, "a number over 2^63 - 1");
        cursor->at++;
    }
    bool other = cursor->at < cursor->end && strchr("+-.eE", *cursor->at);
    bool leading_zero = cursor->at - first > 1 && *first == '0';
    if (cursor->at == first || other || leading_zero)
        return fail_at(cursor, "a whole number, 0 or more, expected");
    *out = value;
    return 0;
}

/* "[1, 2]" of at most `max` numbers; `too_many` is the error for more. */
static int read_integers(Cursor *cursor, int64_t *out, int max, int *n, const char *too_many) {
    *n = 0;
    if (expect(cursor, '[') < 0)
        return -1;
    if (accept(cursor, ']'))
        return 0;
    int again;
    do {
        if (*n == max)
            return fail_at(cursor, too_many);
        if (read_integer(cursor, &out[*n]) < 0)
            return -1;
        (*n)++;
        again = more(cursor, ']');
    } while (again == 1);
    return again;
}

/* --- the header --- */

/* A damaged key of the checksum is still known for it: one byte may differ. */
static bool is_checksum(const MetadataOut *pair) {
    const size_t n = sizeof SAFETENSORS_CHECKSUM - 1;
    int n_other = 0;
    for (size_t i = 0; i < n && strlen(pair->key) == n; i++)
        n_other += pair->key[i] != SAFETENSORS_CHECKSUM[i];
    return strlen(pair->key) == n && n_other <= 1 && strlen(pair->value) == CHECKSUM_TEXT - 1;
}

static int read_metadata(Cursor *cursor) {
    TensorFile *file = cursor->file;
    if (expect(cursor, '{') < 0)
        return -1;
    if (accept(cursor, '}'))
        return 0;
    int again;
    do {
        if ((size_t)file->n_metadata == cursor->max_metadata)
            return fail_at(cursor, "too much metadata");
        MetadataOut *pair = &file->metadata[file->n_metadata];
        if (read_name(cursor, &pair->key) < 0 || expect(cursor, ':') < 0 ||
            read_string(cursor, &pair->value) < 0)
            return -1;
        if (is_checksum(pair))
            cursor->checksum = cursor->at - CHECKSUM_TEXT; /* behind the closing quote */
        file->n_metadata++;
        again = more(cursor, '}');
    } while (again == 1);
    return again;
}

/* What one entry of the header says, before it is checked. */
typedef struct {
    const char *name, *dtype; /* dtype NULL: not said */
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t offsets[2];    /* begin, end */
    int n_dims, n_offsets; /* -1: not said */
} Entry;

static int read_field(Cursor *cursor, Entry *entry) {
    const char *key;
    if (read_name(cursor, &key) < 0 || expect(cursor, ':') < 0)
        return -1;
    if (strcmp(key, "dtype") == 0 && !entry->dtype)
        return read_name(cursor, &entry->dtype);
    if (strcmp(key, "shape") == 0 && entry->n_dims < 0)
        return read_integers(cursor, entry->shape, TENSOR_MAX_DIMS, &entry->n_dims, "over 8 dimensions");
    if (strcmp(key, "data_offsets") == 0 && entry->n_offsets < 0)
        return read_integers(cursor, entry->offsets, 2, &entry->n_offsets, "over 2 offsets");
    return error_set(cursor->err, "%s: tensor %s: unknown or repeated field \"%s\"", cursor->file->path,
                     entry->name, key);
}

/* Checks one entry against its type, its shape and the file, and stores it. */
static int add_tensor(Cursor *cursor, const Entry *entry) {
    TensorFile *file = cursor->file;
    const char *path = file->path, *name = entry->name;
    size_t data_size = file->map.size - (size_t)(cursor->end - file->map.data);
    if (!entry->dtype || entry->n_dims < 0 || entry->n_offsets != 2) {
        return error_set(cursor->err, "%s: tensor %s: dtype, shape and two data_offsets are needed", path,
                         name);
    }
    int dtype = dtype_from_name(entry->dtype);
    if (dtype < 0)
        return error_set(cursor->err, "%s: tensor %s: unknown dtype \"%s\"", path, name, entry->dtype);
    Tensor tensor = {.name = name, .dtype = (DType)dtype, .n_dims = entry->n_dims};
    memcpy(tensor.shape, entry->shape, sizeof tensor.shape);
    int64_t begin = entry->offsets[0], end = entry->offsets[1];
    char shape[200];
    tensor_shape_text(&tensor, shape, sizeof shape);
    if (shape_size(tensor.dtype, tensor.n_dims, tensor.shape, &tensor.count, &tensor.size) < 0)
        return error_set(cursor->err, "%s: tensor %s: shape %s is too large", path, name, shape);
    if (end < begin) {
        return error_set(cursor->err, "%s: tensor %s: ends at %" PRId64 ", before it begins at %" PRId64,
                         path, name, end, begin);
    }
    if ((size_t)end > data_size) {
        return error_set(cursor->err, "%s: tensor %s: ends at byte %" PRId64 " of the data, which has %zu",
                         path, name, end, data_size);
    }
    if ((size_t)(end - begin) != tensor.size) {
        return error_set(cursor->err, "%s: tensor %s: %s of shape %s needs %zu bytes but has %" PRId64, path,
                         name, entry->dtype, shape, tensor.size, end - begin);
    }
    tensor.data = cursor->end + begin;
    file->tensors[file->n_tensors++] = tensor;
    return 0;
}

static int read_tensor(Cursor *cursor, const char *name) {
    Entry entry = {.name = name, .n_dims = -1, .n_offsets = -1};
    size_t mark = cursor->n_text; /* the texts of the fields are not needed again */
    if ((size_t)cursor->file->n_tensors == cursor->max_tensors)
        return fail_at(cursor, "too many tensors");
    if (expect(cursor, '{') < 0)
        return -1;
    int again = accept(cursor, '}') ? 0 : 1;
    while (again == 1) {
        if (read_field(cursor, &entry) < 0)
            return -1;
        again = more(cursor, '}');
    }
    if (again != 0 || add_tensor(cursor, &entry) < 0)
        return -1;
    cursor->n_text = mark;
    return 0;
}

static int read_header(Cursor *cursor) {
    bool seen_metadata = false;
    cursor->at++; /* '{', as safetensors_read has seen */
    int again = accept(cursor, '}') ? 0 : 1;
    while (again == 1) {
        const char *name;
        if (read_name(cursor, &name) < 0 || expect(cursor, ':') < 0)
            return -1;
        if (strcmp(name, "__metadata__") != 0) {
            if (read_tensor(cursor, name) < 0)
                return -1;
        } else if (seen_metadata) {
            return fail_at(cursor, "__metadata__ is there twice");
        } else if (read_metadata(cursor) < 0) {
            return -1;
        } else {
            seen_metadata = true;
        }
        again = more(cursor, '}');
    }
    skip_space(cursor);
    if (again == 0 && cursor->at != cursor->end)
        return fail_at(cursor, "something follows the JSON text");
    return again;
}

/* --- the whole file --- */

/* By place; empty tensors come before the one that begins where they do. */
static int compare_places(const void *a, const void *b) {
    const Tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Sorts the tensors by offset and checks that they cover the data. */
static int check_cover(TensorFile *file, const unsigned char *data, Error *err) {
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_places);
    size_t end = 0;
    for (int i = 0; i < file->n_tensors; i++) {
        const Tensor *tensor = &file->tensors[i];
        size_t begin = (size_t)(tensor->data - data);
        if (begin != end) {
            return error_set(err, "%s: tensor %s: begins at byte %zu of the data, %s byte %zu", file->path,
                             tensor->name, begin,
                             begin < end ? "inside the tensor that ends at" : "leaving a hole from", end);
        }
        end += tensor->size;
    }
    size_t rest = file->map.size - (size_t)(data - file->map.data) - end;
    if (rest != 0)
        return error_set(err, "%s: data: %zu bytes follow the last tensor", file->path, rest);
    return 0;
}

static int check_checksum(const Cursor *cursor) {
    TensorFile *file = cursor->file;
    const unsigned char *digits = cursor->checksum, *end = file->map.data + file->map.size;
    char found[CHECKSUM_TEXT];
    if (!digits)
        return 0;
    uint32_t sum = checksum(0, file->map.data, (size_t)(digits - file->map.data));
    sum = checksum(sum, SAFETENSORS_NO_CHECKSUM, CHECKSUM_TEXT - 1);
    digits += CHECKSUM_TEXT - 1;
    checksum_text(found, checksum_shared(file->pool, sum, digits, (size_t)(end - digits)));
    if (memcmp(found, cursor->checksum, CHECKSUM_TEXT - 1) != 0)
        return error_set(cursor->err, "%s: damaged: its checksum is %s where its metadata says %.*s",
                         file->path, found, CHECKSUM_TEXT - 1, (const char *)cursor->checksum);
    file->checked = true;
    return 0;
}

int safetensors_read(TensorFile *file, Error *err) {
    const FileMap *map = &file->map;
    if (map->size < 8) {
        return error_set(err, "%s: header: the file has %zu bytes, fewer than the 8 of a length", file->path,
                         map->size);
    }
    uint64_t length = 0;
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)map->data[i] << 8 * i;
    if (length > SAFETENSORS_MAX_HEADER) {
        return error_set(err, "%s: header: a length of %" PRIu64 " bytes: not a safetensors file", file->path,
                         length);
    }
    if (length > map->size - 8) {
        return error_set(err, "%s: header: %" PRIu64 " bytes are announced but only %zu follow", file->path,
                         length, map->size - 8);
    }
    Cursor cursor = {.file = file, .err = err, .start = map->data + 8};
    cursor.at = cursor.start;
    cursor.end = cursor.start + length;
    if (length == 0 || *cursor.at != '{')
        return fail_at(&cursor, "'{' expected: not a safetensors file");
    const uint8_t *bad = u8_check(cursor.start, length);
    if (bad) {
        cursor.at = bad;
        return fail_at(&cursor, "not UTF-8");
    }
    cursor.max_text = min_size(length + 8, MAX_TEXT);
    cursor.max_tensors = min_size(length / MIN_TENSOR + 1, MAX_TENSORS);
    cursor.max_metadata = min_size(length / MIN_PAIR + 1, MAX_METADATA);
    cursor.text = ARENA_NEW(file->arena, char, cursor.max_text);
    file->tensors = ARENA_NEW(file->arena, Tensor, cursor.max_tensors);
    file->metadata = ARENA_NEW(file->arena, MetadataOut, cursor.max_metadata);
    if (arena_failed(file->arena))
        return error_memory(err);
    file->format = "safetensors";
    if (read_header(&cursor) < 0)
        return -1;
    return check_cover(file, cursor.end, err) < 0 ? -1 : check_checksum(&cursor);
}
