/* sheet_markdown.c: sheets as GitHub's Markdown (sheet.h). */
#include "experiments/tables/sheet.h"
#include "experiments/terminal/printable.h"

#include <string.h>

/* Punctuation that may be markup has a backslash in front; '<' and '&' are entities, which raw HTML and the
 * oldest readers need. */
static void write_text(Buffer *out, const char *text, Arena *arena) {
    for (const char *at = printable(text, arena); *at; at++)
        if (*at == '<' || *at == '>' || *at == '&')
            buffer_puts(out, *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : "&amp;");
        else if (strchr("\\`*_{}[]#|~!$@", *at))
            buffer_printf(out, "\\%c", *at);
        else
            buffer_putc(out, *at);
}

static void write_cell(Buffer *out, const SheetCell *cell, Arena *arena) {
    const char *bold = cell->best && *cell->text ? "**" : "";
    buffer_printf(out, " %s", bold);
    write_text(out, cell->text, arena);
    buffer_printf(out, "%s |", bold);
}

void sheet_write_markdown(Buffer *out, const Sheet *sheet, Arena *arena) {
    buffer_puts(out, "**");
    write_text(out, sheet->caption, arena);
    buffer_puts(out, "**\n\n|");
    for (int j = 0; j < sheet->n_columns; j++)
        write_cell(out, &(SheetCell){sheet->columns[j], false}, arena);
    buffer_puts(out, "\n|:---|");
    for (int j = 1; j < sheet->n_columns; j++)
        buffer_puts(out, "---:|");
    buffer_putc(out, '\n');
    for (int i = 0; i < sheet->n_rows; i++) {
        buffer_putc(out, '|');
        for (int j = 0; j < sheet->n_columns; j++)
            write_cell(out, sheet_cell(sheet, i, j), arena);
        buffer_putc(out, '\n');
    }
    for (int i = 0; i < sheet->n_notes; i++) {
        buffer_puts(out, "\n");
        write_text(out, sheet->notes[i], arena);
        buffer_putc(out, '\n');
    }
}
