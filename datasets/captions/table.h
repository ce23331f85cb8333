/* table.h: tables of texts: a header, then a row for each line, separated by tabs (or by commas, where the
 * header has no tab). */
#ifndef DATASETS_CAPTIONS_TABLE_H
#define DATASETS_CAPTIONS_TABLE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

enum { TABLE_MAX_COLUMNS = 4 };

typedef struct {
    const char *name, *other; /* what the header calls it; other may be NULL */
} TableColumn;

/* The fields (n) of a row in the order of the columns, owned by the arena. An error needs to say the reason
 * alone. */
typedef int (*TableRowFn)(void *context, char *const *fields, Error *err);

/* Every row of the file. Other columns are passed over. An empty field of these columns, a row of another
 * length and text that is not UTF-8 are errors: "FILE: line 3: reason". */
int captions_table_read(const char *path, const TableColumn *columns, int n, TableRowFn row, void *context,
                        Arena *arena, Error *err);

#endif
