/* table.c: the comparison on the console (table.h).
 *
 * Entries are gathered into cells (cells.h); then the widest layout that fits the width is chosen, and
 * the rows are written. Widths are counted in columns of a terminal (by libunistring), not in bytes.
 */
#include "experiments/tables/table.h"

#include "clip/base/buffer.h"
#include "experiments/config/experiment.h"
#include "experiments/tables/columns.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <unistr.h>

#define MIN_LABEL 12 /* columns: those of "method/shots" */

/* How much cells and titles say. */
typedef enum {
    DETAIL_FULL,
    DETAIL_TIGHT,
    DETAIL_MEAN,
    N_DETAILS
} Detail; /* "81.8 ± 0.4", "81.8±0.4" under "16", "81.8" */

typedef struct {
    CellTable cells;
    const char *const *names; /* of columns, or NULL */
    Detail detail;
    int label_width, *widths; /* (n_columns), in columns of the terminal */
} Table;

TableStyle table_style(FILE *out, const char *title) {
    TableStyle style = {.title = title};
    const char *term = getenv("TERM");
    struct winsize window;
    if (!isatty(fileno(out)))
        return style;
    if (ioctl(fileno(out), TIOCGWINSZ, &window) == 0)
        style.width = window.ws_col;
    style.terminal = !getenv("NO_COLOR") && !(term && strcmp(term, "dumb") == 0);
    return style;
}

/* --- layout --- */

static void text_of(const Table *table, int row, int column, char out[64]) {
    const Cell *cell = cells_at(&table->cells, row, column);
    cell_text(cell, table->detail != DETAIL_FULL, table->detail != DETAIL_MEAN, out);
}

static void column_title(const Table *table, int column, char out[64]) {
    int shots = table->cells.shots[column];
    if (table->names) {
        snprintf(out, 64, "%s", table->names[shots - 1]);
        const uint8_t *half = u8_check((const uint8_t *)out, strlen(out)); /* a letter cut in two */
        out[half ? (const char *)half - out : (ptrdiff_t)strlen(out)] = '\0';
    } else if (table->detail == DETAIL_FULL || shots == SHOTS_ALL)
        shots_text(shots, out);
    else
        snprintf(out, 64, "%d", shots == SHOTS_NONE ? 0 : shots);
}

static int measure(Table *table, Detail detail) {
    char text[64];
    int total = table->label_width;
    table->detail = detail;
    for (int j = 0; j < table->cells.n_columns; j++) {
        column_title(table, j, text);
        int widest = text_width(text);
        for (int i = 0; i < table->cells.n_rows; i++) {
            text_of(table, i, j, text);
            int width = text_width(text);
            if (width > widest)
                widest = width;
        }
        table->widths[j] = widest + (detail == DETAIL_FULL ? 3 : 2);
        total += table->widths[j];
    }
    return total;
}

static void choose_layout(Table *table, int width) {
    int widest = MIN_LABEL;
    for (int i = 0; i < table->cells.n_rows; i++) {
        int label = text_width(table->cells.labels[i]);
        widest = label > widest ? label : widest;
    }
    /* The least that labels keep: the std is worth some letters of a long label, but not all. */
    const int least[N_DETAILS] = {widest, 20, MIN_LABEL};
    for (int detail = 0; detail < N_DETAILS; detail++) {
        table->label_width = widest;
        int excess = measure(table, (Detail)detail) - width;
        if (excess <= 0 || width == 0)
            return;
        table->label_width = widest - excess;
        if (table->label_width >= least[detail])
            return;
    }
    table->label_width = MIN_LABEL;
}

/* --- writing --- */

static void write_row(Buffer *out, const Table *table, int row, bool bold) {
    char text[64];
    write_column(out, table->cells.labels[row], table->label_width);
    int blanks = 0; /* held back, so that no line ends in blanks */
    for (int j = 0; j < table->cells.n_columns; j++) {
        text_of(table, row, j, text);
        blanks += table->widths[j] - text_width(text);
        if (!*text)
            continue;
        write_padding(out, blanks, " ");
        blanks = 0;
        bool best = bold && cells_best(&table->cells, row, j);
        buffer_printf(out, "%s%s%s", best ? "\033[1m" : "", text, best ? "\033[0m" : "");
    }
    buffer_putc(out, '\n');
}

static void write_table(Buffer *out, const Table *table, const TableStyle *style) {
    char text[64];
    int total = table->label_width;
    if (style->title)
        buffer_printf(out, "%s\n\n", style->title);
    write_column(out,
                 style->measures                ? "measure"
                 : table->detail == DETAIL_FULL ? "method"
                                                : "method/shots",
                 table->label_width);
    for (int j = 0; j < table->cells.n_columns; j++) {
        column_title(table, j, text);
        write_padding(out, table->widths[j] - text_width(text), " ");
        buffer_puts(out, text);
        total += table->widths[j];
    }
    buffer_putc(out, '\n');
    write_padding(out, total, style->terminal ? "─" : "-");
    buffer_putc(out, '\n');
    for (int i = 0; i < table->cells.n_rows; i++)
        write_row(out, table, i, style->terminal && !style->measures);
    if (table->cells.incomplete)
        buffer_printf(out, "\n* some seeds are not finished\n");
}

/* Labels and names come out of files: what a terminal would obey is spelled out. */
static bool make_printable(Table *table, TableStyle *style, Arena *arena) {
    for (int i = 0; i < table->cells.n_rows; i++)
        table->cells.labels[i] = printable(table->cells.labels[i], arena);
    if (style->title)
        style->title = printable(style->title, arena);
    const CellTable *cells = &table->cells;
    int n_names = style->columns && cells->n_columns > 0 ? cells->shots[cells->n_columns - 1] : 0;
    const char **names = ARENA_NEW(arena, const char *, n_names);
    for (int j = 0; names && j < cells->n_columns && n_names > 0; j++)
        names[cells->shots[j] - 1] = printable(style->columns[cells->shots[j] - 1], arena);
    table->names = style->columns ? names : NULL;
    return !arena_failed(arena);
}

char *table_text(const TableEntry *entries, int n, const TableStyle *style, Arena *arena) {
    Table table = {0};
    TableStyle safe = *style;
    if (!cells_gather(&table.cells, entries, n, arena) || !make_printable(&table, &safe, arena))
        return NULL;
    table.widths = ARENA_NEW(arena, int, table.cells.n_columns);
    if (!table.widths)
        return NULL;
    choose_layout(&table, style->width);
    Buffer out = {0};
    write_table(&out, &table, &safe);
    return buffer_take(&out, arena);
}
