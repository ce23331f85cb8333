/* tar_support.c: see tar_support.h */
#include "tests/support/tar_support.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCK = 512 };

static void fill_block(Buffer *tar) {
    static const char zeros[BLOCK];
    buffer_append(tar, zeros, (BLOCK - tar->size % BLOCK) % BLOCK);
}

void tar_put(Buffer *tar, const char *name, char type, const void *data, size_t size) {
    char header[BLOCK] = {0};
    unsigned sum = 0;
    assert_true(strlen(name) < 100);
    snprintf(header, 100, "%s", name);
    memcpy(header + 100,
           "0000644\0"
           "0000000\0"
           "0000000",
           24);
    snprintf(header + 124, 12, "%011zo", size);
    memcpy(header + 136, "00000000000", 12);
    memset(header + 148, ' ', 8);
    header[156] = type;
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    for (int i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    buffer_append(tar, header, BLOCK);
    buffer_append(tar, data, size);
    fill_block(tar);
}

void tar_text(Buffer *tar, const char *name, const char *text) {
    tar_put(tar, name, '0', text, strlen(text));
}

void tar_end(Buffer *tar) {
    static const char zeros[2 * BLOCK];
    buffer_append(tar, zeros, sizeof zeros);
}

void tar_save(Buffer *tar, const char *path) {
    assert_false(tar->failed);
    scratch_file(path, tar->bytes, tar->size);
    buffer_free(tar);
}
