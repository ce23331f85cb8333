/* cells.h: gathers results into a table: a row per method, a column per number of shots, in each cell mean
 * and std over seeds.
 *
 * The std divides by n (numpy's default), as in CoOp's parse_test_res.py.
 */
#ifndef EXPERIMENTS_TABLES_CELLS_H
#define EXPERIMENTS_TABLES_CELLS_H

#include "clip/base/arena.h"

#include <stdbool.h>

/* One result that goes into the table, present or still missing. */
typedef struct {
    const char *label; /* row */
    int num_shots;     /* column, as in Point */
    int seed;
    double value; /* percent; NaN: missing */
} TableEntry;

typedef struct {
    double mean, std;  /* percent; mean is NaN while all seeds are missing */
    int n, n_expected; /* seeds; none expected: not part of the comparison */
} Cell;

typedef struct {
    int n_rows, n_columns;
    const char **labels; /* (n_rows), in order of first appearance; borrowed */
    int *shots;          /* (n_columns), ascending: SHOTS_NONE first, SHOTS_ALL last */
    Cell *cells;         /* (n_rows, n_columns) */
    double *best;        /* (n_columns) the best mean, rounded to tenths as printed; NaN in an empty column */
    bool incomplete;     /* some cell has fewer seeds than expected */
} CellTable;

/* Owned by the arena; false when memory is out. */
bool cells_gather(CellTable *table, const TableEntry *entries, int n, Arena *arena);

const Cell *cells_at(const CellTable *table, int row, int column);
/* Whether the cell is the best of its column. Cells that print alike are equally good. */
bool cells_best(const CellTable *table, int row, int column);

/* "81.8 ± 0.4", or "81.8" for a single seed; "81.8±0.4" when tight; with "*" while some seeds are missing;
 * "–" while all are; "" where none is expected. */
void cell_text(const Cell *cell, bool tight, bool with_std, char out[64]);
/* "zero-shot", "1 shot", "16 shots", "all" */
void shots_text(int num_shots, char out[64]);

/* The order of columns: negative, 0 or positive. */
int compare_shots(int a, int b);

#endif
