/* sheet_text.c: sheets as plain text (sheet.h), the first column to the left, numbers to the right. */
#include "experiments/tables/columns.h"
#include "experiments/tables/sheet.h"
#include "experiments/terminal/printable.h"

#define GAP 3        /* blanks between columns */
#define MIN_FIRST 12 /* columns that names keep on a narrow terminal */

static int widest(const Sheet *sheet, int column) {
    int most = text_width(sheet->columns[column]);
    for (int i = 0; i < sheet->n_rows; i++) {
        const int width = text_width(sheet_cell(sheet, i, column)->text);
        most = width > most ? width : most;
    }
    return most;
}

/* Names as a terminal may have them. */
static bool make_printable(Sheet *sheet, Arena *arena) {
    sheet->caption = printable(sheet->caption, arena);
    for (int i = 0; i < sheet->n_rows; i++)
        sheet_cell(sheet, i, 0)->text = printable(sheet_cell(sheet, i, 0)->text, arena);
    return !arena_failed(arena);
}

static void write_cell(Buffer *out, const char *text, int width, int *blanks) {
    *blanks += GAP + width - text_width(text);
    if (!*text) {
        *blanks += text_width(text);
        return;
    }
    write_padding(out, *blanks, " ");
    *blanks = 0;
    buffer_puts(out, text);
}

static void write_line(Buffer *out, const Sheet *sheet, int row, const int *widths) {
    int blanks = 0; /* held back, so that no line ends in blanks */
    write_column(out, row < 0 ? sheet->columns[0] : sheet_cell(sheet, row, 0)->text, widths[0]);
    for (int j = 1; j < sheet->n_columns; j++)
        write_cell(out, row < 0 ? sheet->columns[j] : sheet_cell(sheet, row, j)->text, widths[j], &blanks);
    buffer_putc(out, '\n');
}

void sheet_write_text(Buffer *out, const Sheet *given, int width, Arena *arena) {
    Sheet sheet = *given;
    int *widths = ARENA_NEW(arena, int, sheet.n_columns), total = 0;
    if (!widths || !make_printable(&sheet, arena))
        return;
    for (int j = 0; j < sheet.n_columns; j++)
        total += (widths[j] = widest(&sheet, j)) + (j > 0 ? GAP : 0);
    if (width > 0 && total > width) {
        const int least = widths[0] < MIN_FIRST ? widths[0] : MIN_FIRST;
        const int cut = widths[0] - (total - width);
        total -= widths[0];
        widths[0] = cut > least ? cut : least;
        total += widths[0];
    }
    buffer_printf(out, "%s\n\n", sheet.caption);
    write_line(out, &sheet, -1, widths);
    write_padding(out, total, "-");
    buffer_putc(out, '\n');
    for (int i = 0; i < sheet.n_rows; i++) {
        if (i > 0 && i == sheet.n_rows - sheet.n_foot) {
            write_padding(out, total, "-");
            buffer_putc(out, '\n');
        }
        write_line(out, &sheet, i, widths);
    }
    for (int i = 0; i < sheet.n_notes; i++)
        buffer_printf(out, "%s%s\n", i == 0 ? "\n" : "", printable(sheet.notes[i], arena));
}
