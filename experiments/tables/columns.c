/* columns.c: see columns.h */
#include "experiments/tables/columns.h"

#include <unistr.h>
#include <uniwidth.h>

int text_width(const char *text) {
    return u8_strwidth((const uint8_t *)text, "UTF-8");
}

void write_padding(Buffer *out, int n, const char *with) {
    for (int i = 0; i < n; i++)
        buffer_puts(out, with);
}

void write_column(Buffer *out, const char *text, int width) {
    int needed = text_width(text);
    if (needed <= width) {
        buffer_puts(out, text);
        write_padding(out, width - needed, " ");
        return;
    }
    int used = 0;
    const uint8_t *at = (const uint8_t *)text;
    while (*at) {
        ucs4_t letter;
        int n = u8_strmbtouc(&letter, at), columns = n > 0 ? uc_width(letter, "UTF-8") : 0;
        if (n <= 0 || used + (columns > 0 ? columns : 0) > width - 1)
            break;
        buffer_append(out, at, (size_t)n);
        used += columns > 0 ? columns : 0;
        at += n;
    }
    buffer_puts(out, "…");
    write_padding(out, width - 1 - used, " ");
}
