/* fuzz_pickle.c: the bytes as data.pkl of a PyTorch archive whose other members are in order: a version and
 * three storages, "0" of 16 bytes, "1" of 24 and "2" of none. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { N_MEMBERS = 5, LOCAL_SIZE = 30, ENTRY_SIZE = 46, END_SIZE = 22 };

typedef struct {
    const char *name;
    const void *data;
    size_t size, start;
} Member;

static uint8_t *put(uint8_t *at, uint64_t value, int n) {
    for (int i = 0; i < n; i++)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t n) {
    if (n > 0)
        memcpy(at, bytes, n);
    return at + n;
}

/* What the local header and the directory have in common: flags to lengths. No time, no checksum. */
static uint8_t *put_common(uint8_t *at, const Member *member) {
    at = put(put(at, 10, 2), 0, 2);
    at = put(put(put(at, 0, 2), 0, 4), 0, 4);
    at = put(put(at, member->size, 4), member->size, 4);
    return put(put(at, strlen(member->name), 2), 0, 2);
}

/* The archive, to be freed by the caller (clip/tensors/zip.c describes its layout). */
static uint8_t *make_archive(Member *members, size_t *size) {
    size_t room = END_SIZE;
    for (int i = 0; i < N_MEMBERS; i++)
        room += LOCAL_SIZE + ENTRY_SIZE + 2 * strlen(members[i].name) + members[i].size;
    uint8_t *archive = malloc(room), *at = archive;
    if (!archive)
        abort();
    for (int i = 0; i < N_MEMBERS; i++) {
        members[i].start = (size_t)(at - archive);
        at = put_common(put(at, 0x04034b50, 4), &members[i]);
        at = put_bytes(at, members[i].name, strlen(members[i].name));
        at = put_bytes(at, members[i].data, members[i].size);
    }
    size_t directory = (size_t)(at - archive);
    for (int i = 0; i < N_MEMBERS; i++) {
        at = put_common(put(put(at, 0x02014b50, 4), 10, 2), &members[i]);
        at = put(put(put(put(at, 0, 2), 0, 2), 0, 2), 0, 4);
        at = put_bytes(put(at, members[i].start, 4), members[i].name, strlen(members[i].name));
    }
    size_t end = (size_t)(at - archive);
    at = put(put(put(at, 0x06054b50, 4), 0, 4), N_MEMBERS, 2);
    at = put(put(put(put(at, N_MEMBERS, 2), end - directory, 4), directory, 4), 0, 2);
    *size = (size_t)(at - archive);
    if (*size != room)
        abort();
    return archive;
}

int fuzz_pickle(const uint8_t *data, size_t size) {
    static const float values[] = {1, 2, 3, 4, 5, 6};
    Member members[N_MEMBERS] = {{.name = "a/data.pkl", .data = data, .size = size},
                                 {.name = "a/data/0", .data = values, .size = 16},
                                 {.name = "a/data/1", .data = values, .size = 24},
                                 {.name = "a/data/2"},
                                 {.name = "a/version", .data = "3\n", .size = 2}};
    size_t n;
    uint8_t *archive = make_archive(members, &n);
    int was_read = fuzz_tensors(archive, n);
    free(archive);
    return was_read;
}

FUZZ_ENTRY(fuzz_pickle)
