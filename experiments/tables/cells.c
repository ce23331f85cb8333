/* cells.c: see cells.h */
#include "experiments/tables/cells.h"

#include "experiments/config/experiment.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SHOTS_NONE (-1) comes first, SHOTS_ALL (0) last. */
static int shots_rank(int shots) {
    return shots == SHOTS_ALL ? INT32_MAX : shots;
}

int compare_shots(int a, int b) {
    int x = shots_rank(a), y = shots_rank(b);
    return (x > y) - (x < y);
}

static int compare_columns(const void *a, const void *b) {
    return compare_shots(*(const int *)a, *(const int *)b);
}

static int find_row(const CellTable *table, const char *label) {
    for (int i = 0; i < table->n_rows; i++)
        if (strcmp(table->labels[i], label) == 0)
            return i;
    return -1;
}

static int find_column(const CellTable *table, int shots) {
    for (int i = 0; i < table->n_columns; i++)
        if (table->shots[i] == shots)
            return i;
    return -1;
}

static void name_rows_and_columns(CellTable *table, const TableEntry *entries, int n) {
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
    qsort(table->shots, (size_t)table->n_columns, sizeof *table->shots, compare_columns);
}

static Cell *cell_of(const CellTable *table, const TableEntry *entry) {
    return &table->cells[find_row(table, entry->label) * table->n_columns +
                         find_column(table, entry->num_shots)];
}

/* Two passes, so that the std of close numbers is exact. */
static void fill_cells(CellTable *table, const TableEntry *entries, int n) {
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

static double printed(const Cell *cell) {
    return round(cell->mean * 10);
}

static void find_best(CellTable *table) {
    for (int j = 0; j < table->n_columns; j++) {
        table->best[j] = NAN;
        for (int i = 0; i < table->n_rows; i++) {
            double value = printed(cells_at(table, i, j));
            if (!isnan(value) && !(value <= table->best[j]))
                table->best[j] = value;
        }
    }
}

bool cells_gather(CellTable *table, const TableEntry *entries, int n, Arena *arena) {
    *table = (CellTable){.labels = ARENA_NEW(arena, const char *, n), .shots = ARENA_NEW(arena, int, n)};
    if (arena_failed(arena))
        return false;
    name_rows_and_columns(table, entries, n);
    table->cells = ARENA_NEW(arena, Cell, (size_t)table->n_rows * (size_t)table->n_columns);
    table->best = ARENA_NEW(arena, double, table->n_columns);
    if (arena_failed(arena))
        return false;
    fill_cells(table, entries, n);
    find_best(table);
    return true;
}

const Cell *cells_at(const CellTable *table, int row, int column) {
    return &table->cells[row * table->n_columns + column];
}

bool cells_best(const CellTable *table, int row, int column) {
    return printed(cells_at(table, row, column)) == table->best[column];
}

void cell_text(const Cell *cell, bool tight, bool with_std, char out[64]) {
    const char *star = cell->n < cell->n_expected ? "*" : "";
    if (cell->n_expected == 0)
        out[0] = '\0';
    else if (cell->n == 0)
        strcpy(out, "–");
    else if (cell->n == 1 || !with_std)
        snprintf(out, 64, "%.1f%s", cell->mean, star);
    else
        snprintf(out, 64, tight ? "%.1f±%.1f%s" : "%.1f ± %.1f%s", cell->mean, cell->std, star);
}

void shots_text(int num_shots, char out[64]) {
    if (num_shots == SHOTS_ALL)
        strcpy(out, "all");
    else if (num_shots == SHOTS_NONE)
        strcpy(out, "zero-shot");
    else
        snprintf(out, 64, "%d shot%s", num_shots, num_shots == 1 ? "" : "s");
}
