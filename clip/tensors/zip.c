/* zip.c: reads the directory of a zip archive.
 *
 * Layout (PKWARE APPNOTE.TXT 6.3, sections 4.3 to 4.5), from the end of the file, as it is read:
 *   1. end record, 22 bytes and a comment:  PK\5\6, disks, entries, size and offset of the directory
 *   2. ZIP64 locator, 20 bytes before it:   PK\6\7, offset of the ZIP64 end record (when there is one)
 *   3. ZIP64 end record, 56 bytes or more:  PK\6\6, the same as 1 with 8-byte numbers
 *   4. directory: per member 46 bytes       PK\1\2, method, CRC, sizes, offset of its local header; then its
 *                                           name, extra fields and comment
 *   5. local header, 30 bytes:              PK\3\4; then the name again, extra fields, and the data
 * A number of all ones stands for one in the ZIP64 extra field (0x0001). Writers that stream leave CRC and
 * sizes out of local headers, so of these only the name and the lengths are used.
 *
 * Time and memory are linear in the size of the directory (and its sorting): the directory must fill the
 * space between members and end records exactly, and members must not overlap, so no byte is ever checked
 * twice.
 */
#include "clip/tensors/zip.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

/* Our own limits: with them the table of members stays small, and a name fits into an error. */
#define MAX_MEMBERS ((size_t)65536)
#define MAX_NAME ((size_t)512)
#define MAX_UNPACKED ((size_t)16 << 20)

#define DEFLATED 8 /* a method */

#define END_SIZE ((size_t)22)
#define END64_SIZE ((size_t)56)
#define LOCATOR_SIZE ((size_t)20)
#define ENTRY_SIZE ((size_t)46)
#define LOCAL_SIZE ((size_t)30)

/* A name from the file, for printf's %.*s. */
#define NAME(member) (int)(member)->n_name, (member)->name

typedef struct {
    const char *path;
    Error *err;
    const unsigned char *data; /* (size) the archive */
    size_t size;
    uint64_t directory, directory_size, n_entries; /* as the end record says */
} Reader;

static uint64_t little(const unsigned char *at, int n) {
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static bool signed_as(const unsigned char *at, const char *mark) {
    return memcmp(at, mark, 4) == 0;
}

static int fail(const Reader *reader, const char *reason) {
    return error_set(reader->err, "%s: zip directory: %s", reader->path, reason);
}

/* --- end records --- */

/* Where the end record is: the last one whose comment reaches exactly to the end; `size` when none does. */
static size_t find_end(const Reader *reader) {
    const size_t furthest = END_SIZE + UINT16_MAX;
    size_t first = reader->size > furthest ? reader->size - furthest : 0;
    if (reader->size < END_SIZE)
        return reader->size;
    for (size_t at = reader->size - END_SIZE + 1; at-- > first;) {
        const unsigned char *end = reader->data + at;
        if (signed_as(end, "PK\5\6") && little(end + 20, 2) == reader->size - at - END_SIZE)
            return at;
    }
    return reader->size;
}

/* Reads the ZIP64 end record if there is one; *end becomes the end of the directory. */
static int read_end64(Reader *reader, size_t *end) {
    size_t locator = *end - LOCATOR_SIZE;
    if (*end < LOCATOR_SIZE || !signed_as(reader->data + locator, "PK\6\7"))
        return 0;
    uint64_t place = little(reader->data + locator + 8, 8);
    if (locator < END64_SIZE || place > locator - END64_SIZE || !signed_as(reader->data + place, "PK\6\6") ||
        little(reader->data + place + 4, 8) != locator - place - 12)
        return fail(reader, "the ZIP64 end record is not where its locator says");
    const unsigned char *record = reader->data + place;
    if (little(record + 16, 8) != 0 || little(record + 24, 8) != little(record + 32, 8))
        return fail(reader, "an archive in several parts");
    reader->n_entries = little(record + 32, 8);
    reader->directory_size = little(record + 40, 8);
    reader->directory = little(record + 48, 8);
    *end = place;
    return 0;
}

/* Finds the directory, and checks that it ends where the end records begin. */
static int read_end(Reader *reader) {
    size_t end = find_end(reader);
    if (end == reader->size)
        return fail(reader, "no end record: the file is cut short");
    const unsigned char *record = reader->data + end;
    reader->n_entries = little(record + 10, 2);
    reader->directory_size = little(record + 12, 4);
    reader->directory = little(record + 16, 4);
    if (little(record + 4, 4) != 0 || little(record + 8, 2) != reader->n_entries)
        return fail(reader, "an archive in several parts");
    if (read_end64(reader, &end) < 0)
        return -1;
    if (reader->directory > end || reader->directory_size != end - reader->directory) {
        return error_set(reader->err,
                         "%s: zip directory: %" PRIu64 " bytes at %" PRIu64 ", which do not end at %zu",
                         reader->path, reader->directory_size, reader->directory, end);
    }
    if (reader->n_entries > reader->directory_size / ENTRY_SIZE) {
        return error_set(reader->err, "%s: zip directory: %" PRIu64 " members announced in %" PRIu64 " bytes",
                         reader->path, reader->n_entries, reader->directory_size);
    }
    return reader->n_entries > MAX_MEMBERS ? fail(reader, "over 65536 members") : 0;
}

/* --- members --- */

/* Replaces numbers that are all ones by those of the ZIP64 field, which has them in this order. */
static int read_extra64(const unsigned char *extra, size_t n_extra, uint64_t *numbers[3]) {
    const unsigned char *field = NULL;
    size_t left = 0;
    for (size_t at = 0; n_extra - at >= 4 && !field;) {
        size_t n = (size_t)little(extra + at + 2, 2);
        if (n > n_extra - at - 4)
            break;
        if (little(extra + at, 2) == 1) {
            field = extra + at + 4;
            left = n;
        }
        at += 4 + n;
    }
    for (int i = 0; i < 3; i++) {
        if (*numbers[i] == UINT32_MAX) {
            if (left < 8)
                return -1;
            *numbers[i] = little(field, 8);
            field += 8;
            left -= 8;
        }
    }
    return 0;
}

static int fail_member(const Reader *reader, const ZipMember *member, const char *reason) {
    return error_set(reader->err, "%s: member %.*s: %s", reader->path, NAME(member), reason);
}

/* Finds the data of a member, which follows its local header. */
static int find_data(const Reader *reader, ZipMember *member, uint64_t start, uint64_t packed) {
    uint64_t limit = reader->directory; /* members lie before the directory */
    if (limit < LOCAL_SIZE || start > limit - LOCAL_SIZE)
        return fail_member(reader, member, "begins past the end");
    const unsigned char *local = reader->data + start;
    if (!signed_as(local, "PK\3\4"))
        return fail_member(reader, member, "no local header where the directory says");
    size_t n_name = (size_t)little(local + 26, 2), n_extra = (size_t)little(local + 28, 2);
    uint64_t room = limit - start - LOCAL_SIZE;
    if (n_name + n_extra > room || packed > room - n_name - n_extra)
        return fail_member(reader, member, "ends past the end");
    if (n_name != member->n_name || memcmp(local + LOCAL_SIZE, member->name, n_name) != 0)
        return fail_member(reader, member, "has another name in its local header");
    member->start = (size_t)start;
    member->packed = (size_t)packed;
    member->data = local + LOCAL_SIZE + n_name + n_extra;
    return 0;
}

/* Reads the entry at *at, which is moved past it. */
static int read_entry(const Reader *reader, size_t *at, ZipMember *member) {
    const unsigned char *entry = reader->data + *at;
    size_t left = (size_t)(reader->directory + reader->directory_size) - *at;
    if (left < ENTRY_SIZE || !signed_as(entry, "PK\1\2"))
        return fail(reader, "fewer members than announced");
    size_t n_name = (size_t)little(entry + 28, 2), n_extra = (size_t)little(entry + 30, 2);
    size_t n_all = ENTRY_SIZE + n_name + n_extra + (size_t)little(entry + 32, 2);
    if (n_all > left)
        return fail(reader, "a member reaches beyond its end");
    if (n_name > MAX_NAME)
        return fail(reader, "a name of over 512 bytes");
    *member = (ZipMember){.name = (const char *)entry + ENTRY_SIZE,
                          .n_name = n_name,
                          .encrypted = (entry[8] & 1) != 0,
                          .method = (uint16_t)little(entry + 10, 2),
                          .crc = (uint32_t)little(entry + 16, 4)};
    uint64_t packed = little(entry + 20, 4), size = little(entry + 24, 4), start = little(entry + 42, 4);
    uint64_t *numbers[3] = {&size, &packed, &start};
    if (read_extra64(entry + ENTRY_SIZE + n_name, n_extra, numbers) < 0)
        return fail_member(reader, member, "its ZIP64 field is too short");
    member->size = (size_t)size;
    *at += n_all;
    return find_data(reader, member, start, packed);
}

static int compare_places(const void *a, const void *b) {
    const ZipMember *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static int compare_texts(const char *a, size_t n_a, const char *b, size_t n_b) {
    int order = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return order != 0 ? order : n_a < n_b ? -1 : n_a > n_b;
}

static int compare_names(const void *a, const void *b) {
    const ZipMember *x = a, *y = b;
    return compare_texts(x->name, x->n_name, y->name, y->n_name);
}

int zip_open(ZipArchive *zip, const char *path, const unsigned char *data, size_t size, Arena *arena,
             Error *err) {
    Reader reader = {.path = path, .err = err, .data = data, .size = size};
    *zip = (ZipArchive){.path = path};
    if (read_end(&reader) < 0)
        return -1;
    zip->n_members = (size_t)reader.n_entries;
    zip->members = ARENA_NEW(arena, ZipMember, zip->n_members);
    if (arena_failed(arena))
        return error_memory(err);
    size_t at = (size_t)reader.directory;
    for (size_t i = 0; i < zip->n_members; i++) {
        if (read_entry(&reader, &at, &zip->members[i]) < 0)
            return -1;
        zip->has_crc = zip->has_crc || zip->members[i].crc != 0;
    }
    if (at != reader.directory + reader.directory_size)
        return fail(&reader, "more members than announced");
    qsort(zip->members, zip->n_members, sizeof *zip->members, compare_places);
    for (size_t i = 1; i < zip->n_members; i++) {
        const ZipMember *member = &zip->members[i - 1];
        if ((size_t)(member->data - data) + member->packed > zip->members[i].start)
            return fail_member(&reader, &zip->members[i], "begins inside another");
    }
    qsort(zip->members, zip->n_members, sizeof *zip->members, compare_names);
    for (size_t i = 1; i < zip->n_members; i++)
        if (compare_names(&zip->members[i - 1], &zip->members[i]) == 0)
            return fail_member(&reader, &zip->members[i], "is there twice");
    return 0;
}

/* --- using --- */

ZipMember *zip_find(const ZipArchive *zip, const char *name) {
    ZipMember wanted = {.name = name, .n_name = strlen(name)};
    if (zip->n_members == 0)
        return NULL;
    return bsearch(&wanted, zip->members, zip->n_members, sizeof *zip->members, compare_names);
}

static bool check_crc(const ZipArchive *zip, ZipMember *member, const unsigned char *bytes, Error *err) {
    if (!zip->has_crc || member->checked)
        return true;
    uint32_t crc = libdeflate_crc32(0, bytes, member->size);
    if (crc != member->crc)
        error_set(err, "%s: member %.*s: its CRC-32 is %08x, not %08x: the file is damaged", zip->path,
                  NAME(member), crc, member->crc);
    member->checked = crc == member->crc;
    return member->checked;
}

const unsigned char *zip_bytes(const ZipArchive *zip, ZipMember *member, Error *err) {
    if (member->encrypted || member->method != 0) {
        error_set(err, "%s: member %.*s: is %s, where it must be stored", zip->path, NAME(member),
                  member->encrypted ? "encrypted" : "compressed");
        return NULL;
    }
    if (member->size != member->packed) {
        error_set(err, "%s: member %.*s: stored, but of two sizes, %zu and %zu", zip->path, NAME(member),
                  member->size, member->packed);
        return NULL;
    }
    return check_crc(zip, member, member->data, err) ? member->data : NULL;
}

const unsigned char *zip_unpack(const ZipArchive *zip, ZipMember *member, Arena *arena, Error *err) {
    if (member->encrypted || member->method != DEFLATED)
        return zip_bytes(zip, member, err);
    if (member->size > MAX_UNPACKED) {
        error_set(err, "%s: member %.*s: over 16 MiB unpacked", zip->path, NAME(member));
        return NULL;
    }
    unsigned char *out = arena_alloc(arena, member->size + 1, 1);
    struct libdeflate_decompressor *inflate = libdeflate_alloc_decompressor();
    enum libdeflate_result result = LIBDEFLATE_BAD_DATA;
    if (out && inflate)
        result =
            libdeflate_deflate_decompress(inflate, member->data, member->packed, out, member->size, NULL);
    libdeflate_free_decompressor(inflate);
    if (!out || !inflate) {
        error_memory(err);
        return NULL;
    }
    if (result != LIBDEFLATE_SUCCESS) {
        error_set(err, "%s: member %.*s: cannot be unpacked: the file is damaged", zip->path, NAME(member));
        return NULL;
    }
    return check_crc(zip, member, out, err) ? out : NULL;
}
