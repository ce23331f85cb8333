/* tar_members.c: tar headers (POSIX.1-2008 pax and ustar, GNU's long names and numbers).
 *
 * Layout of a header, in a block of 512 bytes:
 *     0 name (100)   124 size (12)   148 checksum (8)   156 type   257 magic (6)   345 prefix (155)
 * The data follows, filled up to whole blocks. A block of zeros is the end mark. Type 'x' holds records
 * "LENGTH key=value\n" that hold for the next member, type 'L' its name.
 *
 * A reader of its own, since libarchive ends the program or crashes where memory is short (of its allocations
 * while it lists a file, nearly all), and says nothing of a missing end mark.
 */
#include "datasets/pairs/tar_members.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512 };
#define MAX_EXTENSION ((size_t)1 << 20) /* bytes of a long name, or of records */

/* What a header and those before it that belong to it say. */
typedef struct {
    const char *name; /* NULL: what the header itself says */
    size_t size;
    bool has_size, is_sparse;
} Extension;

static int cut_short(const TarReader *reader, const char *name, Error *err) {
    if (!name && !*reader->last)
        return error_set(err, "%s: cut short (byte %zu)", reader->path, reader->map->size);
    return error_set(err, "%s: cut short %s %s (byte %zu)", reader->path, name ? "in" : "behind",
                     name ? name : reader->last, reader->map->size);
}

static int damaged(const TarReader *reader, const char *what, Error *err) {
    return error_set(err, "%s: byte %zu: damaged: %s", reader->path, reader->at, what);
}

/* Octal digits, or, where the first bit is set, the bits behind it. SIZE_MAX when it is neither. */
static size_t read_number(const unsigned char *field, size_t n) {
    size_t value = 0, i = 0;
    if (field[0] & 0x80) {
        value = field[0] & 0x7f;
        for (i = 1; i < n; i++) {
            if (value >> 48)
                return SIZE_MAX;
            value = value << 8 | field[i];
        }
        return value;
    }
    while (i < n && field[i] == ' ')
        i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (size_t)(field[i] - '0');
    return i == n || field[i] == ' ' || field[i] == '\0' ? value : SIZE_MAX;
}

/* The sum of all bytes, with blanks for the checksum; some writers took the bytes as signed. */
static bool sum_is_right(const unsigned char *header) {
    const size_t said = read_number(header + 148, 8);
    size_t sum = 0, high = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        const unsigned char byte = i >= 148 && i < 156 ? ' ' : header[i];
        sum += byte;
        high += byte >= 128;
    }
    return said == sum || said == sum - 256 * high;
}

static bool is_zero(const unsigned char *block) {
    for (int i = 0; i < BLOCK; i++)
        if (block[i] != 0)
            return false;
    return true;
}

static const char *header_name(const TarReader *reader, const unsigned char *header) {
    const char *name = (const char *)header, *prefix = (const char *)header + 345;
    if (memcmp(header + 257, "ustar", 6) == 0 && *prefix)
        return arena_printf(reader->arena, "%.155s/%.100s", prefix, name);
    return arena_printf(reader->arena, "%.100s", name);
}

/* One record in text (n); returns its length, or 0 when it is none. */
static size_t read_record(const TarReader *reader, Extension *extension, const char *text, size_t n) {
    size_t length = 0, i = 0;
    for (; i < n && i < 8 && text[i] >= '0' && text[i] <= '9'; i++)
        length = 10 * length + (size_t)(text[i] - '0');
    if (i == 0 || length > n || length < i + 2 || text[i] != ' ' || text[length - 1] != '\n')
        return 0;
    const char *key = text + i + 1, *equals = memchr(key, '=', length - i - 1);
    if (!equals)
        return 0;
    const size_t n_key = (size_t)(equals - key), n_value = (size_t)(text + length - 1 - equals - 1);
    const bool is_path = n_key == 4 && memcmp(key, "path", 4) == 0;
    const bool is_size = n_key == 4 && memcmp(key, "size", 4) == 0;
    const char *value =
        is_path || is_size ? arena_printf(reader->arena, "%.*s", (int)n_value, equals + 1) : NULL;
    if (is_path)
        extension->name = value;
    if (is_size && value) {
        char *end;
        extension->size = strtoull(value, &end, 10);
        extension->has_size = true;
        if (end == value || *end || *value == '-')
            return 0;
    }
    extension->is_sparse |= n_key > 11 && memcmp(key, "GNU.sparse.", 11) == 0;
    return length;
}

/* The data of a header that belongs to the next one. */
static int read_extension(const TarReader *reader, Extension *extension, char type, const char *text,
                          size_t n, Error *err) {
    if (n > MAX_EXTENSION)
        return damaged(reader, "a header of more than 1 MiB", err);
    if (type == 'L')
        extension->name = arena_printf(reader->arena, "%.*s", (int)n, text);
    for (size_t at = 0; type == 'x' && at < n;) {
        size_t length = read_record(reader, extension, text + at, n - at);
        if (length == 0)
            return damaged(reader, "a record of a pax header", err);
        at += length;
    }
    return arena_failed(reader->arena) ? error_memory(err) : 0;
}

/* The member whose own header this is. */
static int read_member(TarReader *reader, const unsigned char *header, const Extension *extension,
                       TarMember *member, Error *err) {
    const char type = (char)header[156];
    const bool has_data = type < '1' || type > '6'; /* links, devices and folders have none */
    member->name = extension->name ? extension->name : header_name(reader, header);
    if (!member->name)
        return error_memory(err);
    member->size = !has_data ? 0 : extension->has_size ? extension->size : read_number(header + 124, 12);
    member->offset = reader->at + BLOCK;
    if (extension->is_sparse || type == 'S')
        return error_set(err, "%s: %s: a sparse file, which is not read", reader->path, member->name);
    const size_t n_name = strlen(member->name);
    member->is_file =
        (type == '0' || type == '\0' || type == '7') && !(n_name > 0 && member->name[n_name - 1] == '/');
    return 1;
}

int tar_next(TarReader *reader, TarMember *member, Error *err) {
    const FileMap *map = reader->map;
    Extension extension = {0};
    arena_reset(reader->arena, 0);
    for (;;) {
        if (reader->at > map->size || map->size - reader->at < BLOCK)
            return cut_short(reader, NULL, err);
        const unsigned char *header = map->data + reader->at;
        if (is_zero(header))
            return 0;
        if (!sum_is_right(header))
            return reader->at == 0
                       ? error_set(err, "%s: start: not a tar file (one that is compressed must be unpacked)",
                                   reader->path)
                       : damaged(reader, "the checksum of a header", err);
        const char type = (char)header[156];
        const bool is_own = !strchr("xgLKX", type) || type == '\0';
        size_t size = read_number(header + 124, 12);
        if (is_own) {
            if (read_member(reader, header, &extension, member, err) < 0)
                return -1;
            size = member->size;
        }
        if (size == SIZE_MAX)
            return damaged(reader, "the size of a member", err);
        const size_t data = reader->at + BLOCK;
        if (size > map->size - data)
            return cut_short(reader, is_own ? member->name : NULL, err);
        if (!is_own &&
            read_extension(reader, &extension, type, (const char *)map->data + data, size, err) < 0)
            return -1;
        reader->at = data + (size + BLOCK - 1) / BLOCK * BLOCK;
        if (is_own) {
            strncpy(reader->last, member->name, sizeof reader->last - 1);
            return 1;
        }
    }
}
