/* text_table.h: tables of texts: a header that names the columns, then a row for each line. */
#ifndef DATASETS_LISTS_TEXT_TABLE_H
#define DATASETS_LISTS_TEXT_TABLE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_MAX_COLUMNS = 8 };

/* Columns of the file that are not among these are passed over. */
typedef struct {
    const char *name, *other; /* what the header calls it; other may be NULL */
    bool optional;
} TableColumn;

typedef struct {
    const char *path;
    char separator; /* 0: a tab where the header has one, else a comma */
    size_t max_size;
    bool strict; /* an empty field of a column that is needed, and text that is not UTF-8, are errors */
    const TableColumn *columns; /* (n_columns) */
    int n_columns;              /* at most TABLE_MAX_COLUMNS */
} TextTable;

/* The fields (n_columns) of a row in the order of the columns, owned by the arena; NULL where an optional
 * column is missing. An error needs to say the reason alone. */
typedef int (*TableRowFn)(void *context, char *const *fields, int line, Error *err);

/* Every row of the file. A row of another length than the header is an error: "FILE: line 3: reason". */
int text_table_read(const TextTable *table, TableRowFn row, void *context, Arena *arena, Error *err);

#endif
