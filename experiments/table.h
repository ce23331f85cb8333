/* table.h: the comparison on the console: a row per method, a column per number of shots, mean ± std over
 * seeds.
 *
 *     oxford_pets, RN50: accuracy in %, mean ± std over seeds
 *
 *     method              zero-shot       1 shot      2 shots      4 shots
 *     --------------------------------------------------------------------
 *     zero-shot                85.8
 *     linear probe                    30.1 ± 1.1   43.5 ± 0.8   58.7 ± 0.9
 *     CoOp M=16 end                   85.9 ± 0.7   82.6 ± 2.1            –
 *
 * A single seed shows no std; "–" is still missing; "*" marks a mean over fewer seeds than asked for. The
 * best of each column is bold on a terminal. When the width does not suffice: no blanks around ±, then no
 * std, then labels are cut.
 */
#ifndef EXPERIMENTS_TABLE_H
#define EXPERIMENTS_TABLE_H

#include "experiments/cells.h"
#include "experiments/grid.h"
#include "experiments/results.h"

#include <stdio.h>

/* One entry per point of the grid, NaN where the results hold none; grid NULL takes the results alone.
 * Strings are borrowed. Owned by the arena; NULL when memory is out. */
TableEntry *table_entries(const Grid *grid, const ResultList *results, Arena *arena, int *n);

typedef struct {
    const char *title; /* NULL for none */
    int width;         /* columns at hand; 0 is no bound */
    bool terminal;     /* bold and lines drawn with box characters; else plain text, yet UTF-8 */
} TableStyle;

/* Width and terminal of a stream: the window's size, or 0 when it is not a terminal. NO_COLOR and TERM=dumb
 * mean plain. */
TableStyle table_style(FILE *out, const char *title);

/* The whole text, ending in a newline, owned by the arena; rows and columns in order of first appearance and
 * of shots (zero-shot, 1, 2, ..., all). NULL when memory is out. */
char *table_text(const TableEntry *entries, int n, const TableStyle *style, Arena *arena);

#endif
