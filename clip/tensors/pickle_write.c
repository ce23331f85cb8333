/* pickle_write.c: see pickle_write.h. There is no memo: what is there twice is written twice. */
#include "clip/tensors/pickle_write.h"

#include <string.h>

void pickle_put_size(Buffer *out, int n_bytes, uint64_t size) {
    for (int i = 0; i < n_bytes; i++)
        buffer_putc(out, (char)(size >> 8 * i & 0xff));
}

void pickle_put_text(Buffer *out, const char *text) {
    const size_t n = strlen(text);
    buffer_putc(out, 'X'); /* BINUNICODE */
    pickle_put_size(out, 4, n);
    buffer_append(out, text, n);
}

void pickle_put_integer(Buffer *out, int64_t value) {
    if (value >= 0 && value <= UINT16_MAX) {
        buffer_putc(out, value <= UINT8_MAX ? 'K' : 'M'); /* BININT1, BININT2 */
        pickle_put_size(out, value <= UINT8_MAX ? 1 : 2, (uint64_t)value);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        buffer_putc(out, 'J'); /* BININT */
        pickle_put_size(out, 4, (uint64_t)value);
    } else {
        buffer_puts(out, "\x8a\x08"); /* LONG1 of 8 bytes */
        pickle_put_size(out, 8, (uint64_t)value);
    }
}

void pickle_put_real(Buffer *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    buffer_putc(out, 'G'); /* BINFLOAT: the highest byte first */
    for (int i = 7; i >= 0; i--)
        buffer_putc(out, (char)(bits >> 8 * i & 0xff));
}

void pickle_put_bool(Buffer *out, bool value) {
    buffer_putc(out, value ? '\x88' : '\x89'); /* NEWTRUE, NEWFALSE */
}

void pickle_put_none(Buffer *out) {
    buffer_putc(out, 'N');
}

void pickle_put_integers(Buffer *out, const int64_t *values, int n) {
    buffer_putc(out, '('); /* MARK */
    for (int i = 0; i < n; i++)
        pickle_put_integer(out, values[i]);
    buffer_putc(out, 't'); /* TUPLE */
}

void pickle_dict_begin(Buffer *out) {
    buffer_puts(out, "}("); /* EMPTY_DICT, MARK */
}

void pickle_dict_end(Buffer *out) {
    buffer_putc(out, 'u'); /* SETITEMS */
}
