/* file_digest.c: see file_digest.h */
#include "experiments/fetch/file_digest.h"

#include "clip/base/files.h"
#include "experiments/terminal/interrupt.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdio.h>

enum { STEP = 1 << 22 };

typedef struct {
    DigestKind kind;
    struct sha256_ctx sha256;
    struct sha1_ctx sha1;
} State;

static void begin(State *state, DigestKind kind, size_t size) {
    char head[32];
    *state = (State){.kind = kind};
    sha256_init(&state->sha256);
    sha1_init(&state->sha1);
    if (kind == DIGEST_GIT) {
        const int n = snprintf(head, sizeof head, "blob %zu", size);
        sha1_update(&state->sha1, (size_t)n + 1, (const uint8_t *)head);
    }
}

static void add(State *state, const unsigned char *data, size_t size) {
    if (state->kind == DIGEST_GIT)
        sha1_update(&state->sha1, size, data);
    else
        sha256_update(&state->sha256, size, data);
}

static void finish(State *state, char out[65]) {
    unsigned char digest[SHA256_DIGEST_SIZE];
    const int n = state->kind == DIGEST_GIT ? SHA1_DIGEST_SIZE : SHA256_DIGEST_SIZE;
    if (state->kind == DIGEST_GIT)
        sha1_digest(&state->sha1, SHA1_DIGEST_SIZE, digest);
    else
        sha256_digest(&state->sha256, SHA256_DIGEST_SIZE, digest);
    for (int i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void file_digest(char out[65], DigestKind kind, const char *path, Error *err) {
    FileMap map;
    State state;
    out[0] = '\0';
    if (file_map(&map, path, err) < 0)
        return;
    begin(&state, kind, map.size);
    int status = 0;
    for (size_t at = 0; at < map.size && status == 0; at += STEP) {
        add(&state, map.data + at, map.size - at < STEP ? map.size - at : STEP);
        status = interrupt_check(err);
    }
    if (status == 0)
        finish(&state, out);
    file_unmap(&map);
}
