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
#ifndef EXPERIMENTS_REPORT_TABLE_H
#define EXPERIMENTS_REPORT_TABLE_H

#include "experiments/report/cells.h"

#include <stdio.h>

typedef struct {
    const char *title;          /* NULL for none */
    const char *const *columns; /* names: an entry's num_shots is then 1 + an index of these; else NULL */
    int width;                  /* columns at hand; 0 is no bound */
    bool terminal;              /* bold and lines drawn with box characters; else plain text, yet UTF-8 */
} TableStyle;

/* Width and terminal of a stream: the window's size, or 0 when it is not a terminal. NO_COLOR and TERM=dumb
 * mean plain. */
TableStyle table_style(FILE *out, const char *title);

/* The whole text, ending in a newline, owned by the arena; rows and columns in order of first appearance and
 * of shots (zero-shot, 1, 2, ..., all). NULL when memory is out. */
char *table_text(const TableEntry *entries, int n, const TableStyle *style, Arena *arena);

#endif
