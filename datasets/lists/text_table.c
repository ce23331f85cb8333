/* text_table.c: see text_table.h */
#include "datasets/lists/text_table.h"

#include "datasets/lists/csv_fields.h"

#include <string.h>
#include <unistr.h>

enum { MAX_SHOWN_COLUMNS = 20 };

typedef struct {
    const TextTable *table;
    CsvText text;
    int n_columns;             /* of the file */
    int at[TABLE_MAX_COLUMNS]; /* where each column stands; -1: nowhere */
    Arena *arena;
} Reader;

static int no_column(const Reader *reader, const TableColumn *column, const char *shown, Error *err) {
    const char separator = reader->text.separator;
    const char *other = column->other;
    return error_set(err, "%s: line 1: no column '%s'%s%s%s; separated by '%s', there %s %s",
                     reader->text.path, column->name, other ? " (or '" : "", other ? other : "",
                     other ? "')" : "", separator == '\t' ? "\\t" : (const char[]){separator, '\0'},
                     reader->n_columns == 1 ? "is" : "are", shown);
}

static int take_name(Reader *reader, const char *name, Error *err) {
    for (int i = 0; i < reader->table->n_columns; i++) {
        const TableColumn *column = &reader->table->columns[i];
        if (strcmp(name, column->name) != 0 && (!column->other || strcmp(name, column->other) != 0))
            continue;
        if (reader->at[i] >= 0)
            return error_set(err, "%s: line 1: column '%s' comes twice", reader->text.path, name);
        reader->at[i] = reader->n_columns;
    }
    return 0;
}

static int read_header(Reader *reader, Error *err) {
    const TextTable *table = reader->table;
    const char *shown = "";
    for (int i = 0; i < table->n_columns; i++)
        reader->at[i] = -1;
    if (!csv_next_line(&reader->text))
        return error_set(err, "%s: empty file", reader->text.path);
    const bool tab = memchr(reader->text.at, '\t', strcspn(reader->text.at, "\r\n"));
    reader->text.separator = table->separator ? table->separator : tab ? '\t' : ',';
    for (bool last = false; !last; reader->n_columns++) {
        const char *name = csv_field(&reader->text, &last, err);
        if (!name || take_name(reader, name, err) < 0)
            return -1;
        if (reader->n_columns < MAX_SHOWN_COLUMNS)
            shown = arena_printf(reader->arena, "%s%s'%.80s'", shown, *shown ? ", " : "", name);
        if (!shown)
            return error_memory(err);
    }
    for (int i = 0; i < table->n_columns; i++)
        if (reader->at[i] < 0 && !table->columns[i].optional)
            return no_column(reader, &table->columns[i], shown, err);
    return 0;
}

static int check_texts(const TextTable *table, char *const *fields, Error *err) {
    for (int i = 0; i < table->n_columns; i++) {
        const TableColumn *column = &table->columns[i];
        if (!fields[i])
            continue;
        if (!column->optional && !fields[i][strspn(fields[i], " \t\r\n")])
            return error_set(err, "empty %s", column->name);
        if (u8_check((const uint8_t *)fields[i], strlen(fields[i])))
            return error_set(err, "the %s is not UTF-8", column->name);
    }
    return 0;
}

static int read_row(Reader *reader, TableRowFn row, void *context, Error *err) {
    const int line = reader->text.line;
    char *fields[TABLE_MAX_COLUMNS] = {0};
    int n = 0;
    for (bool last = false; !last; n++) {
        char *field = csv_field(&reader->text, &last, err);
        if (!field)
            return -1;
        for (int i = 0; i < reader->table->n_columns; i++)
            fields[i] = reader->at[i] == n ? field : fields[i];
    }
    if (n != reader->n_columns)
        return error_set(err, "%s: line %d: %d field%s where the header has %d", reader->text.path, line, n,
                         n == 1 ? "" : "s", reader->n_columns);
    if ((!reader->table->strict || check_texts(reader->table, fields, err) == 0) &&
        row(context, fields, line, err) == 0)
        return 0;
    return err->is_memory ? -1 : error_prefix(err, "%s: line %d", reader->text.path, line);
}

int text_table_read(const TextTable *table, TableRowFn row, void *context, Arena *arena, Error *err) {
    Reader reader = {.table = table, .arena = arena};
    if (csv_open(&reader.text, table->path, table->max_size, arena, err) < 0)
        return -1;
    reader.text.keep_blanks = true;
    if (read_header(&reader, err) < 0)
        return -1;
    while (csv_next_line(&reader.text))
        if (read_row(&reader, row, context, err) < 0)
            return -1;
    return 0;
}
