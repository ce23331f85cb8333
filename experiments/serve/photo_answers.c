/* photo_answers.c: see photo_answers.h */
#include "experiments/serve/photo_answers.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"
#include "experiments/find/photo_file.h"
#include "experiments/report/thumbnail.h"

#include <stdio.h>
#include <string.h>

enum { SIDE = 320, LEAST_SIDE = 16, MOST_SIDE = 2048 };

/* --- the bytes --- */

static int gone(Request *request, const char *why) {
    return answer_refuse(request, 410, "this photo %s since it was indexed", why);
}

const unsigned char *request_photo(const Service *service, Request *request, uint64_t row, IndexEntry *entry,
                                   size_t *size) {
    Error err = {0};
    if (service_entry(service, request, row, entry) < 0)
        return NULL;
    const PhotoState state = photo_state(entry);
    if (state != PHOTO_THERE) {
        gone(request, state == PHOTO_GONE ? "is gone" : "has changed");
        return NULL;
    }
    const unsigned char *bytes = entry->member ? photo_bytes(entry, size, request->arena, &err)
                                               : file_bytes(entry->path, size, request->arena, &err);
    if (!bytes && err.kind == ERROR_INPUT)
        gone(request, "has become unreadable");
    else if (!bytes)
        answer_fail(request, 500, &err);
    else {
        const Digest digest = digest_of(bytes, *size);
        if (digest_equal(&digest, &entry->digest))
            return bytes;
        gone(request, "has changed");
    }
    return NULL;
}

/* --- as it is --- */

/* By its first bytes; it is an image that was read when it was indexed. */
static const char *type_of(const unsigned char *data, size_t size) {
    static const struct {
        size_t offset;
        const char *magic, *type;
    } types[] = {{0, "\xff\xd8\xff", "image/jpeg"}, {0, "\x89PNG", "image/png"},  {8, "WEBP", "image/webp"},
                 {0, "GIF8", "image/gif"},          {0, "BM", "image/bmp"},       {0, "II", "image/tiff"},
                 {0, "MM", "image/tiff"},           {4, "ftypavi", "image/avif"}, {4, "ftyphe", "image/heic"},
                 {4, "ftypm", "image/heif"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const size_t n = strlen(types[i].magic);
        if (size >= types[i].offset + n && memcmp(data + types[i].offset, types[i].magic, n) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static const char *make_etag(Request *request, const Digest *digest, int side) {
    char hex[17];
    for (int i = 0; i < 8; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest->bytes[i]);
    return arena_printf(request->arena, "\"%s-%d\"", hex, side);
}

/* The browser has it, and it is still there. */
static bool is_known(const Service *service, Request *request, uint64_t row, int side) {
    Error ignored = {0};
    IndexEntry entry;
    if (!request->none_match || row >= service->index->n || photo_index_is_dead(service->index, row) ||
        photo_index_entry(service->index, row, &entry, &ignored) < 0 || photo_state(&entry) != PHOTO_THERE)
        return false;
    const char *etag = make_etag(request, &entry.digest, side);
    if (!etag || strcmp(request->none_match, etag) != 0)
        return false;
    request->answer = (Answer){304, NULL, "", 0, etag};
    return true;
}

void answer_photo(const Service *service, Request *request, uint64_t row) {
    IndexEntry entry;
    size_t size;
    if (request_check_names(request, " ") < 0 || is_known(service, request, row, 0))
        return;
    const unsigned char *bytes = request_photo(service, request, row, &entry, &size);
    if (bytes)
        request->answer =
            (Answer){200, type_of(bytes, size), bytes, size, make_etag(request, &entry.digest, 0)};
}

/* --- small --- */

void answer_thumbnail(const Service *service, Request *request, uint64_t row) {
    IndexEntry entry;
    Image image;
    Thumbnail thumbnail;
    Error err = {0};
    size_t size;
    int side = SIDE;
    if (request_check_names(request, " side ") < 0 ||
        request_number(request, &side, "side", LEAST_SIDE, MOST_SIDE) < 0 ||
        is_known(service, request, row, side))
        return;
    const unsigned char *bytes = request_photo(service, request, row, &entry, &size);
    if (!bytes)
        return;
    if (image_decode_upright(&image, bytes, size, photo_name(&entry, request->arena), request->arena, &err) <
            0 ||
        thumbnail_of(&thumbnail, &image, side, request->arena, &err) < 0)
        answer_fail(request, 500, &err);
    else
        request->answer = (Answer){200, "image/jpeg", thumbnail.jpeg, thumbnail.size,
                                   make_etag(request, &entry.digest, side)};
}
