/* mojibake_bytes.h: the bytes that a text would have had in a code page, put right and read as UTF-8. */
#ifndef CLIP_TEXT_MOJIBAKE_BYTES_H
#define CLIP_TEXT_MOJIBAKE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Spaces that break a sequence of UTF-8 are 0xA0 again; out has room for size + size / 2 bytes. Returns how
 * many there are. */
size_t bytes_restore_a0(uint8_t *out, const uint8_t *bytes, size_t size);

/* Sequences with bytes that are lost, 0x1A or one '?', become U+FFFD; out has room for 3 * size bytes. */
size_t bytes_replace_lossy(uint8_t *out, const uint8_t *bytes, size_t size);

/* Reads UTF-8, with surrogates in pairs (CESU-8) and Java's C0 80 for 0. out has room for size code points.
 * false when the bytes are something else. */
bool bytes_decode(uint32_t *out, size_t *count, const uint8_t *bytes, size_t size);

#endif
