/* table.c: the comparison on the console (table.h).
 *
 * Entries are gathered into cells (row x column); then the widest layout that fits the width is chosen, and
 * the rows are written. Widths are columns of a terminal, counted by libunistring, not bytes.
 */
#include "experiments/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <unistr.h>
#include <uniwidth.h>

#define MIN_LABEL 12 /* columns: those of "method/shots" */

typedef struct {
    double mean, std;  /* percent; mean is NaN while nothing is there */
    int n, n_expected; /* seeds; 0 expected: not part of the grid */
} Cell;

/* How much cells and titles say. */
typedef enum {
    DETAIL_FULL,
    DETAIL_TIGHT,
    DETAIL_MEAN,
    N_DETAILS
} Detail; /* "81.8 ± 0.4", "81.8±0.4" under "16", "81.8" */

typedef struct {
    int n_rows, n_columns;
    const char **labels; /* (n_rows) */
    int *shots;          /* (n_columns), ascending, SHOTS_ALL last */
    Cell *cells;         /* (n_rows, n_columns) */
    double *best;    /* (n_columns) the best mean as it is printed, in tenths; NaN when the column is empty */
    bool incomplete; /* a cell has fewer seeds than asked for */
    Detail detail;
    int label_width, *widths; /* (n_columns), in columns of the terminal */
} Table;

TableEntry *table_entries(const Grid *grid, const ResultList *results, Arena *arena, int *n) {
    *n = grid ? grid->n : results->n;
    TableEntry *entries = ARENA_NEW(arena, TableEntry, *n);
    for (int i = 0; entries && i < *n; i++) {
        if (!grid) {
            const Result *r = &results->results[i];
            entries[i] = (TableEntry){r->label, r->num_shots, r->seed, r->accuracy};
            continue;
        }
        const Point *point = &grid->points[i];
        const Result *r = results_find(results, point->key);
        entries[i] = (TableEntry){point->label, point->num_shots, point->seed, r ? r->accuracy : NAN};
    }
    return entries;
}

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

/* --- gathering --- */

/* SHOTS_NONE (-1) comes first, SHOTS_ALL (0) last. */
static int shots_rank(int shots) {
    return shots == SHOTS_ALL ? INT32_MAX : shots;
}

static int compare_shots(const void *a, const void *b) {
    int x = shots_rank(*(const int *)a), y = shots_rank(*(const int *)b);
    return (x > y) - (x < y);
}

static int find_row(const Table *table, const char *label) {
    for (int i = 0; i < table->n_rows; i++)
        if (strcmp(table->labels[i], label) == 0)
            return i;
    return -1;
}

static int find_column(const Table *table, int shots) {
    for (int i = 0; i < table->n_columns; i++)
        if (table->shots[i] == shots)
            return i;
    return -1;
}

static void name_rows_and_columns(Table *table, const TableEntry *entries, int n) {
    int last = -1; /* neighbours mostly share a row */
    for (int i = 0; i < n; i++) {
        if (last < 0 || strcmp(table->labels[last], entries[i].label) != 0)
            last = find_row(table, entries[i].label);
        if (last < 0) {
            table->labels[table->n_rows] = entries[i].label;
            last = table->n_rows++;
        }
        if (find_column(table, entries[i].num_shots) < 0)
            table->shots[table->n_columns++] = entries[i].num_shots;
    }
    qsort(table->shots, (size_t)table->n_columns, sizeof *table->shots, compare_shots);
}

static Cell *cell_of(const Table *table, const TableEntry *entry) {
    return &table->cells[find_row(table, entry->label) * table->n_columns +
                         find_column(table, entry->num_shots)];
}

/* Two passes, so that the std of close numbers is exact. */
static void fill_cells(Table *table, const TableEntry *entries, int n) {
    for (int i = 0; i < n; i++) {
        Cell *cell = cell_of(table, &entries[i]);
        cell->n_expected++;
        if (isfinite(entries[i].value)) {
            cell->mean += entries[i].value;
            cell->n++;
        }
    }
    int n_cells = table->n_rows * table->n_columns;
    for (int i = 0; i < n_cells; i++)
        table->cells[i].mean = table->cells[i].n > 0 ? table->cells[i].mean / table->cells[i].n : NAN;
    for (int i = 0; i < n; i++) {
        Cell *cell = cell_of(table, &entries[i]);
        if (isfinite(entries[i].value))
            cell->std += (entries[i].value - cell->mean) * (entries[i].value - cell->mean) / cell->n;
    }
    for (int i = 0; i < n_cells; i++) {
        Cell *cell = &table->cells[i];
        cell->std = sqrt(cell->std);
        table->incomplete |= cell->n > 0 && cell->n < cell->n_expected;
    }
}

/* Cells that print alike are equally good. */
static double printed(const Cell *cell) {
    return round(cell->mean * 10);
}

static void find_best(Table *table) {
    for (int j = 0; j < table->n_columns; j++) {
        table->best[j] = NAN;
        for (int i = 0; i < table->n_rows; i++) {
            double value = printed(&table->cells[i * table->n_columns + j]);
            if (!isnan(value) && !(value <= table->best[j]))
                table->best[j] = value;
        }
    }
}

/* --- layout --- */

static int text_width(const char *text) {
    return u8_strwidth((const uint8_t *)text, "UTF-8");
}

static void cell_text(const Cell *cell, Detail detail, char out[64]) {
    const char *star = cell->n < cell->n_expected ? "*" : "";
    if (cell->n_expected == 0)
        out[0] = '\0';
    else if (cell->n == 0)
        strcpy(out, "–");
    else if (cell->n == 1 || detail == DETAIL_MEAN)
        snprintf(out, 64, "%.1f%s", cell->mean, star);
    else
        snprintf(out, 64, detail == DETAIL_FULL ? "%.1f ± %.1f%s" : "%.1f±%.1f%s", cell->mean, cell->std,
                 star);
}

static void column_title(const Table *table, int column, char out[64]) {
    int shots = table->shots[column];
    bool full = table->detail == DETAIL_FULL;
    if (shots == SHOTS_ALL)
        strcpy(out, "all");
    else if (shots == SHOTS_NONE)
        strcpy(out, full ? "zero-shot" : "0");
    else
        snprintf(out, 64, "%d%s", shots, !full ? "" : shots == 1 ? " shot" : " shots");
}

static int measure(Table *table, Detail detail) {
    char text[64];
    int total = table->label_width;
    table->detail = detail;
    for (int j = 0; j < table->n_columns; j++) {
        column_title(table, j, text);
        int widest = text_width(text);
        for (int i = 0; i < table->n_rows; i++) {
            cell_text(&table->cells[i * table->n_columns + j], detail, text);
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
    for (int i = 0; i < table->n_rows; i++) {
        int label = text_width(table->labels[i]);
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

static void pad(FILE *out, int n, const char *with) {
    for (int i = 0; i < n; i++)
        fputs(with, out);
}

/* The label, cut with "…" where it is too wide, filled up with blanks. */
static void write_label(FILE *out, const char *label, int width) {
    int needed = text_width(label);
    if (needed <= width) {
        fputs(label, out);
        pad(out, width - needed, " ");
        return;
    }
    int used = 0;
    const uint8_t *at = (const uint8_t *)label;
    while (*at) {
        ucs4_t letter;
        int n = u8_strmbtouc(&letter, at), columns = n > 0 ? uc_width(letter, "UTF-8") : 0;
        if (n <= 0 || used + (columns > 0 ? columns : 0) > width - 1)
            break;
        fwrite(at, 1, (size_t)n, out);
        used += columns > 0 ? columns : 0;
        at += n;
    }
    fputs("…", out);
    pad(out, width - 1 - used, " ");
}

static void write_row(FILE *out, const Table *table, int row, bool bold) {
    char text[64];
    write_label(out, table->labels[row], table->label_width);
    int blanks = 0; /* held back, so that no line ends in blanks */
    for (int j = 0; j < table->n_columns; j++) {
        const Cell *cell = &table->cells[row * table->n_columns + j];
        cell_text(cell, table->detail, text);
        blanks += table->widths[j] - text_width(text);
        if (!*text)
            continue;
        pad(out, blanks, " ");
        blanks = 0;
        bool best = bold && printed(cell) == table->best[j];
        fprintf(out, "%s%s%s", best ? "\033[1m" : "", text, best ? "\033[0m" : "");
    }
    putc('\n', out);
}

static void write_table(FILE *out, const Table *table, const TableStyle *style) {
    char text[64];
    int total = table->label_width;
    if (style->title)
        fprintf(out, "%s\n\n", style->title);
    write_label(out, table->detail == DETAIL_FULL ? "method" : "method/shots", table->label_width);
    for (int j = 0; j < table->n_columns; j++) {
        column_title(table, j, text);
        pad(out, table->widths[j] - text_width(text), " ");
        fputs(text, out);
        total += table->widths[j];
    }
    putc('\n', out);
    pad(out, total, style->terminal ? "─" : "-");
    putc('\n', out);
    for (int i = 0; i < table->n_rows; i++)
        write_row(out, table, i, style->terminal);
    if (table->incomplete)
        fprintf(out, "\n* some seeds are not finished\n");
}

char *table_text(const TableEntry *entries, int n, const TableStyle *style, Arena *arena) {
    Table table = {.labels = ARENA_NEW(arena, const char *, n), .shots = ARENA_NEW(arena, int, n)};
    if (arena_failed(arena))
        return NULL;
    name_rows_and_columns(&table, entries, n);
    table.cells = ARENA_NEW(arena, Cell, (size_t)table.n_rows * (size_t)table.n_columns);
    table.best = ARENA_NEW(arena, double, table.n_columns);
    table.widths = ARENA_NEW(arena, int, table.n_columns);
    if (arena_failed(arena))
        return NULL;
    fill_cells(&table, entries, n);
    find_best(&table);
    choose_layout(&table, style->width);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    write_table(out, &table, style);
    char *copy = fclose(out) == 0 ? arena_strdup(arena, text) : NULL;
    free(text);
    return copy;
}
