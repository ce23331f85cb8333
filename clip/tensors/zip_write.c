/* zip_write.c: writes a zip archive of stored members. The layout is described in zip.c.
 *
 * CRC and sizes are known before the data is written, so they are in the local headers and nothing follows
 * the data. An extra field "FB" fills up each local header so that the data begins at a multiple of 64 bytes,
 * as PyTorch does it: in a map of the file, tensors are aligned. The ZIP64 forms are used where a number
 * does not fit into 4 bytes. All times are the first of 1980, so the same data gives the same bytes.
 */
#include "clip/tensors/zip_write.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define MAX_NAME 512
#define UTF8_NAMES 0x0800 /* a flag: names are UTF-8 */
#define DOS_1980 0x0021   /* the first of January */

struct ZipWriter {
    FileWriter *out;
    Buffer directory;
    uint64_t at; /* bytes written so far */
    uint64_t n_members;
};

/* A header that is being put together. */
typedef struct {
    unsigned char bytes[256];
    size_t n;
} Record;

static void put(Record *record, int n, uint64_t value) {
    for (int i = 0; i < n; i++)
        record->bytes[record->n++] = (unsigned char)(value >> 8 * i);
}

static uint64_t at_most(uint64_t value, uint64_t limit) {
    return value < limit ? value : limit;
}

/* What local header and directory have in common, from the version to the length of the name. */
static void put_common(Record *record, bool is_zip64, uint32_t crc, uint64_t size, size_t n_name) {
    put(record, 2, is_zip64 ? 45 : 20);
    put(record, 2, UTF8_NAMES);
    put(record, 2, 0); /* stored */
    put(record, 2, 0); /* midnight */
    put(record, 2, DOS_1980);
    put(record, 4, crc);
    put(record, 4, at_most(size, UINT32_MAX)); /* packed */
    put(record, 4, at_most(size, UINT32_MAX));
    put(record, 2, n_name);
}

static void append(ZipWriter *zip, const void *data, size_t size) {
    file_append(zip->out, data, size);
    zip->at += size;
}

static void write_local(ZipWriter *zip, const char *name, uint32_t crc, uint64_t size) {
    bool is_zip64 = size >= UINT32_MAX;
    size_t n_name = strlen(name), n_zip64 = is_zip64 ? 20 : 0;
    size_t n_fixed = 30 + n_name + n_zip64 + 4;
    size_t padding = (ALIGNMENT - (zip->at + n_fixed) % ALIGNMENT) % ALIGNMENT;
    Record header = {0}, extra = {0};
    put(&header, 4, 0x04034b50);
    put_common(&header, is_zip64, crc, size, n_name);
    put(&header, 2, n_zip64 + 4 + padding);
    if (is_zip64) {
        put(&extra, 2, 1);
        put(&extra, 2, 16);
        put(&extra, 8, size);
        put(&extra, 8, size);
    }
    put(&extra, 1, 'F');
    put(&extra, 1, 'B');
    put(&extra, 2, padding);
    memset(extra.bytes + extra.n, 'Z', padding);
    extra.n += padding;
    append(zip, header.bytes, header.n);
    append(zip, name, n_name);
    append(zip, extra.bytes, extra.n);
}

static void write_entry(ZipWriter *zip, const char *name, uint32_t crc, uint64_t size, uint64_t start) {
    Record extra = {0}, entry = {0};
    put(&extra, 2, 1);
    put(&extra, 2, 0); /* its length, below */
    if (size >= UINT32_MAX) {
        put(&extra, 8, size);
        put(&extra, 8, size);
    }
    if (start >= UINT32_MAX)
        put(&extra, 8, start);
    extra.bytes[2] = (unsigned char)(extra.n - 4);
    bool is_zip64 = extra.n > 4;
    put(&entry, 4, 0x02014b50);
    put(&entry, 2, is_zip64 ? 45 : 20); /* made by */
    put_common(&entry, is_zip64, crc, size, strlen(name));
    put(&entry, 2, is_zip64 ? extra.n : 0);
    put(&entry, 2, 0); /* comment */
    put(&entry, 2, 0); /* disk */
    put(&entry, 2, 0); /* attributes */
    put(&entry, 4, 0);
    put(&entry, 4, at_most(start, UINT32_MAX));
    buffer_append(&zip->directory, entry.bytes, entry.n);
    buffer_puts(&zip->directory, name);
    buffer_append(&zip->directory, extra.bytes, is_zip64 ? extra.n : 0);
}

ZipWriter *zip_create(const char *path, Error *err) {
    ZipWriter *zip = calloc(1, sizeof *zip);
    if (!zip) {
        error_memory(err);
        return NULL;
    }
    zip->out = file_create(path, err);
    if (!zip->out) {
        zip_discard(zip);
        return NULL;
    }
    return zip;
}

int zip_add(ZipWriter *zip, const char *name, const ZipPart *parts, int n_parts) {
    uint64_t start = zip->at, size = 0;
    uint32_t crc = 0;
    assert(strlen(name) <= MAX_NAME);
    for (int i = 0; i < n_parts; i++) {
        if (parts[i].size > 0) /* NULL would begin anew */
            crc = libdeflate_crc32(crc, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    write_local(zip, name, crc, size);
    int result = 0;
    for (int i = 0; i < n_parts; i++) {
        result = file_append(zip->out, parts[i].data, parts[i].size);
        zip->at += parts[i].size;
    }
    write_entry(zip, name, crc, size, start);
    zip->n_members++;
    return result == 0 && !zip->directory.failed ? 0 : -1;
}

/* The directory has been written; this closes the archive. */
static void write_end(ZipWriter *zip, uint64_t directory) {
    Record end = {0};
    uint64_t size = zip->directory.size, n = zip->n_members, end64 = zip->at;
    if (n >= UINT16_MAX || size >= UINT32_MAX || directory >= UINT32_MAX) {
        put(&end, 4, 0x06064b50);
        put(&end, 8, 44); /* what follows of this record */
        put(&end, 2, 45);
        put(&end, 2, 45);
        put(&end, 8, 0); /* disks */
        put(&end, 8, n);
        put(&end, 8, n);
        put(&end, 8, size);
        put(&end, 8, directory);
        put(&end, 4, 0x07064b50);
        put(&end, 4, 0);
        put(&end, 8, end64);
        put(&end, 4, 1);
    }
    put(&end, 4, 0x06054b50);
    put(&end, 4, 0); /* disks */
    put(&end, 2, at_most(n, UINT16_MAX));
    put(&end, 2, at_most(n, UINT16_MAX));
    put(&end, 4, at_most(size, UINT32_MAX));
    put(&end, 4, at_most(directory, UINT32_MAX));
    put(&end, 2, 0); /* comment */
    append(zip, end.bytes, end.n);
}

int zip_commit(ZipWriter *zip, Error *err) {
    const char *entries = buffer_text(&zip->directory);
    if (!entries) {
        zip_discard(zip);
        return error_memory(err);
    }
    uint64_t directory = zip->at;
    append(zip, entries, zip->directory.size);
    write_end(zip, directory);
    int result = file_commit(zip->out, err);
    zip->out = NULL;
    zip_discard(zip);
    return result;
}

void zip_discard(ZipWriter *zip) {
    if (zip) {
        buffer_free(&zip->directory);
        file_discard(zip->out);
        free(zip);
    }
}
