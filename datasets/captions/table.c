/* table.c: see table.h */
#include "datasets/captions/table.h"

#include "datasets/lists/csv_fields.h"
#include "datasets/lists/lists.h"

#include <string.h>
#include <unistr.h>

typedef struct {
    CsvText text;
    const TableColumn *columns;
    int n_needed;
    int n_columns; /* of the file */
    int at[TABLE_MAX_COLUMNS];
} Table;

static int read_header(Table *table, Error *err) {
    for (int i = 0; i < table->n_needed; i++)
        table->at[i] = -1;
    if (!csv_next_line(&table->text))
        return error_set(err, "%s: empty file", table->text.path);
    const size_t width = strcspn(table->text.at, "\r\n");
    table->text.separator = memchr(table->text.at, '\t', width) ? '\t' : ',';
    for (bool last = false; !last; table->n_columns++) {
        const char *name = csv_field(&table->text, &last, err);
        if (!name)
            return -1;
        for (int i = 0; i < table->n_needed; i++) {
            const TableColumn *column = &table->columns[i];
            if (strcmp(name, column->name) != 0 && (!column->other || strcmp(name, column->other) != 0))
                continue;
            if (table->at[i] >= 0)
                return error_set(err, "%s: line 1: column '%s' comes twice", table->text.path, name);
            table->at[i] = table->n_columns;
        }
    }
    for (int i = 0; i < table->n_needed; i++)
        if (table->at[i] < 0)
            return error_set(err, "%s: line 1: no column '%s'%s%s%s", table->text.path,
                             table->columns[i].name, table->columns[i].other ? " (or '" : "",
                             table->columns[i].other ? table->columns[i].other : "",
                             table->columns[i].other ? "')" : "");
    return 0;
}

static int check_fields(const Table *table, char *const *fields, int n, Error *err) {
    if (n != table->n_columns)
        return error_set(err, "%d field%s where the header has %d", n, n == 1 ? "" : "s", table->n_columns);
    for (int i = 0; i < table->n_needed; i++) {
        const char *name = table->columns[i].name;
        if (!fields[i][strspn(fields[i], " \t\r\n")])
            return error_set(err, "empty %s", name);
        if (u8_check((const uint8_t *)fields[i], strlen(fields[i])))
            return error_set(err, "the %s is not UTF-8", name);
    }
    return 0;
}

static int read_row(Table *table, TableRowFn row, void *context, Error *err) {
    const int line = table->text.line;
    char *fields[TABLE_MAX_COLUMNS] = {0};
    int n = 0;
    for (bool last = false; !last; n++) {
        char *field = csv_field(&table->text, &last, err);
        if (!field)
            return -1;
        for (int i = 0; i < table->n_needed; i++)
            fields[i] = table->at[i] == n ? field : fields[i];
    }
    if (check_fields(table, fields, n, err) == 0 && row(context, fields, err) == 0)
        return 0;
    return err->is_memory ? -1 : error_prefix(err, "%s: line %d", table->text.path, line);
}

int captions_table_read(const char *path, const TableColumn *columns, int n, TableRowFn row, void *context,
                        Arena *arena, Error *err) {
    Table table = {.columns = columns, .n_needed = n};
    if (csv_open(&table.text, path, MAX_LIST_BYTES, arena, err) < 0 || read_header(&table, err) < 0)
        return -1;
    table.text.keep_blanks = true;
    while (csv_next_line(&table.text))
        if (read_row(&table, row, context, err) < 0)
            return -1;
    return 0;
}
