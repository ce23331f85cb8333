/* csv.c: lists of images as comma-separated values.
 *
 * The items point into the text of the file. All rows are read before they become items, since without a
 * label column the labels follow from the sorted class names.
 */
#include "datasets/lists/csv.h"
#include "datasets/lists/csv_fields.h"
#include "datasets/lists/lists.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PATH, LABEL, CLASS, SPLIT, N_COLUMNS };
static const char *const column_names[N_COLUMNS] = {"path", "label", "class", "split"};

typedef struct {
    const char *fields[N_COLUMNS]; /* NULL for a column that the file lacks */
    int line;
} Row;

typedef struct {
    CsvText text;
    int columns[N_COLUMNS]; /* where each stands in a row, or -1 */
    int n_fields;           /* in every row */
    TextPool pool;
    Row *rows; /* (n_rows) */
    int n_rows, capacity;
} CsvReader;

static int read_header(CsvReader *reader, Error *err) {
    for (int column = 0; column < N_COLUMNS; column++)
        reader->columns[column] = -1;
    if (!csv_next_line(&reader->text))
        return error_set(err, "%s: empty file", reader->text.path);
    int line = reader->text.line;
    bool last = false;
    while (!last) {
        const char *name = csv_field(&reader->text, &last, err);
        if (!name)
            return -1;
        for (int column = 0; column < N_COLUMNS; column++)
            if (strcmp(name, column_names[column]) == 0) {
                if (reader->columns[column] >= 0)
                    return error_set(err, "%s: line %d: column '%s' comes twice", reader->text.path, line,
                                     name);
                reader->columns[column] = reader->n_fields;
            }
        reader->n_fields++;
    }
    if (reader->columns[PATH] < 0)
        return error_set(err, "%s: line %d: no column 'path'", reader->text.path, line);
    if (reader->columns[LABEL] < 0 && reader->columns[CLASS] < 0)
        return error_set(err, "%s: line %d: no column 'label' or 'class'", reader->text.path, line);
    return 0;
}

static int read_row(CsvReader *reader, Error *err) {
    if (reader->n_rows > INT_MAX / 2)
        return error_set(err, "%s: too many lines", reader->text.path);
    Row *rows =
        arena_grow(reader->pool.arena, reader->rows, &reader->capacity, reader->n_rows + 1, sizeof *rows);
    if (!rows)
        return error_memory(err);
    reader->rows = rows;
    Row *row = &reader->rows[reader->n_rows++];
    *row = (Row){.line = reader->text.line};
    int n = 0;
    for (bool last = false; !last; n++) {
        const char *field = csv_field(&reader->text, &last, err);
        if (!field)
            return -1;
        for (int column = 0; column < N_COLUMNS; column++)
            if (reader->columns[column] == n)
                row->fields[column] = field;
    }
    if (n != reader->n_fields)
        return error_set(err, "%s: line %d: %d fields where the header has %d", reader->text.path, row->line,
                         n, reader->n_fields);
    if (!*row->fields[PATH])
        return error_set(err, "%s: line %d: empty path", reader->text.path, row->line);
    if (reader->columns[CLASS] >= 0 && !*row->fields[CLASS])
        return error_set(err, "%s: line %d: empty class name", reader->text.path, row->line);
    return 0;
}

/* The distinct classes of all rows, sorted, each with its rank. */
static int rank_classes(const CsvReader *reader, NamedValue **classes, int *n_classes, Error *err) {
    NamedValue *names = ARENA_NEW(reader->pool.arena, NamedValue, reader->n_rows);
    if (!names)
        return error_memory(err);
    for (int i = 0; i < reader->n_rows; i++)
        names[i].name = reader->rows[i].fields[CLASS];
    names_sort(names, reader->n_rows);
    int n = 0;
    for (int i = 0; i < reader->n_rows; i++)
        if (n == 0 || strcmp(names[n - 1].name, names[i].name) != 0) {
            names[n] = (NamedValue){.name = names[i].name, .value = n};
            n++;
        }
    *classes = names;
    *n_classes = n;
    return 0;
}

static int parse_label(const CsvReader *reader, const Row *row, long long *label, Error *err) {
    char *end;
    *label = strtoll(row->fields[LABEL], &end, 10);
    if (end == row->fields[LABEL] || *end)
        return error_set(err, "%s: line %d: label '%s' is no integer", reader->text.path, row->line,
                         row->fields[LABEL]);
    return 0;
}

/* The rows become the lists and classes of the dataset. */
static int put_rows(CsvReader *reader, ItemList *parts[N_PARTS], ClassTable *classes, Error *err) {
    ListBuilder lists[N_PARTS] = {0};
    NamedValue *ranked = NULL;
    int n_ranked = 0;
    if (reader->columns[LABEL] < 0 && rank_classes(reader, &ranked, &n_ranked, err) < 0)
        return -1;
    for (int i = 0; i < reader->n_rows; i++) {
        const Row *row = &reader->rows[i];
        const char *split = row->fields[SPLIT] ? row->fields[SPLIT] : part_name(PART_TRAIN);
        Part part = part_find(split, strlen(split));
        if (part == N_PARTS)
            return error_set(err, "%s: line %d: split '%s' (train, val or test)", reader->text.path,
                             row->line, split);
        long long label;
        if (ranked)
            label = names_find(ranked, n_ranked, row->fields[CLASS])->value;
        else if (parse_label(reader, row, &label, err) < 0)
            return -1;
        const char *name = row->fields[reader->columns[CLASS] >= 0 ? CLASS : LABEL];
        if (class_put(classes, label, name, &reader->pool, err) < 0)
            return error_prefix(err, "%s: line %d", reader->text.path, row->line);
        if (list_push(&lists[part], row->fields[PATH], (int)label, reader->pool.arena, err) < 0)
            return -1;
    }
    for (Part part = 0; part < N_PARTS; part++)
        *parts[part] = lists[part].list;
    return class_finish(classes, reader->text.path, err);
}

int csv_read(Dataset *dataset, bool *has_parts, const char *images, const char *path, Arena *arena,
             Error *err) {
    CsvReader reader = {.pool = {.arena = arena}};
    if (csv_open(&reader.text, path, MAX_LIST_BYTES, arena, err) < 0)
        return -1;
    if (read_header(&reader, err) < 0)
        return -1;
    while (csv_next_line(&reader.text))
        if (read_row(&reader, err) < 0)
            return -1;
    ClassTable classes = {0};
    ItemList *parts[N_PARTS] = {&dataset->train, &dataset->val, &dataset->test};
    if (put_rows(&reader, parts, &classes, err) < 0)
        return -1;
    *has_parts = reader.columns[SPLIT] >= 0;
    dataset->source = arena_strdup(arena, path);
    dataset->root = arena_strdup(arena, images);
    dataset->n_classes = classes.n_classes;
    dataset->class_names = classes.names;
    return arena_failed(arena) ? error_memory(err) : 0;
}
