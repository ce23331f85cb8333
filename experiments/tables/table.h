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
 * A single seed has no std; "–" stands for what is still missing; "*" marks a mean over fewer seeds than
 * expected. On a terminal the best of each column is bold. When the table is too wide, first the blanks
 * around ± go, then the std, then labels are cut.
 */
#ifndef EXPERIMENTS_TABLES_TABLE_H
#define EXPERIMENTS_TABLES_TABLE_H

#include "experiments/tables/cells.h"

#include <stdio.h>

typedef struct {
    const char *title;          /* NULL for none */
    const char *const *columns; /* names; num_shots is then 1 + an index into these. NULL: shots */
    int width;                  /* available, in columns of the terminal; 0: unlimited */
    bool terminal;              /* bold type and box-drawing characters; else plain text, still UTF-8 */
    bool measures;              /* rows are no rivals: none is the best of its column, or a "method" */
} TableStyle;

/* The style for a stream: the width of its window, or 0 when it is not a terminal. With NO_COLOR or TERM=dumb
 * it is plain. */
TableStyle table_style(FILE *out, const char *title);

/* The whole text, ending in a newline, owned by the arena; labels and names as printable() has them; rows and
 * columns in order of first appearance and of shots (zero-shot, 1, 2, ..., all). NULL when memory is out. */
char *table_text(const TableEntry *entries, int n, const TableStyle *style, Arena *arena);

#endif
