/* cells.h: results gathered into a table: a row per method, a column per number of shots, mean and std over
 * seeds in each cell.
 *
 * std divides by n (numpy's default), as CoOp's parse_test_res.py does.
 */
#ifndef EXPERIMENTS_REPORT_CELLS_H
#define EXPERIMENTS_REPORT_CELLS_H

#include "clip/base/arena.h"

#include <stdbool.h>

/* One number of the table, or a number that is still missing. */
typedef struct {
    const char *label; /* row */
    int num_shots;     /* column, as in Point */
    int seed;
    double value; /* percent; NaN is missing */
} TableEntry;

typedef struct {
    double mean, std;  /* percent; mean is NaN while nothing is there */
    int n, n_expected; /* seeds; 0 expected: not part of the comparison */
} Cell;

typedef struct {
    int n_rows, n_columns;
    const char **labels; /* (n_rows), in order of first appearance; borrowed */
    int *shots;          /* (n_columns), ascending: SHOTS_NONE first, SHOTS_ALL last */
    Cell *cells;         /* (n_rows, n_columns) */
    double *best;    /* (n_columns) the best mean as it is printed, in tenths; NaN when the column is empty */
    bool incomplete; /* a cell has fewer seeds than asked for */
} CellTable;

/* Owned by the arena; false when memory is out. */
bool cells_gather(CellTable *table, const TableEntry *entries, int n, Arena *arena);

const Cell *cells_at(const CellTable *table, int row, int column);
/* Is the cell the best of its column? Cells that print alike are equally good. */
bool cells_best(const CellTable *table, int row, int column);

/* "81.8 ± 0.4", "81.8" of a single seed; "81.8±0.4" when tight; with "*" while seeds are missing, "–" while
 * all are, "" where none is expected. */
void cell_text(const Cell *cell, bool tight, bool with_std, char out[64]);
/* "zero-shot", "1 shot", "16 shots", "all" */
void shots_text(int num_shots, char out[64]);

/* The order of columns: negative, 0 or positive. */
int compare_shots(int a, int b);

#endif
