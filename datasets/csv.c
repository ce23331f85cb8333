/* csv.c: lists of images as comma-separated values (RFC 4180).
 *
 * Fields are unpacked in place: "" becomes ", separators become NUL, and the items point into the text. A
 * quoted field may hold commas, quotes and line ends; others lose the blanks around them. Lines end with LF,
 * CR LF or CR; empty ones are skipped, and so is a byte order mark. All rows are read before they become
 * items, since without a label column the labels follow from the sorted class names.
 */
#include "datasets/csv.h"
#include "clip/base/files.h"
#include "datasets/lists.h"

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
    const char *path;
    char *at, *end;         /* what is left of the text; *end is NUL */
    int line;               /* of the field at `at` */
    int columns[N_COLUMNS]; /* where each stands in a row, or -1 */
    int n_fields;           /* in every row */
    TextPool pool;
    Row *rows; /* (n_rows) */
    int n_rows, capacity;
} CsvReader;

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Ends a field whose text is [field, tail): steps over the separator at `at`, then cuts. *last: the row ends
 * here. */
static void end_field(CsvReader *reader, char *tail, bool *last) {
    char separator = *reader->at;
    *last = separator != ',';
    if (reader->at < reader->end)
        reader->at++;
    if (separator == '\r' && *reader->at == '\n')
        reader->at++;
    if (*last)
        reader->line++;
    *tail = '\0';
}

/* The next field, in place; NULL after an error. */
static char *next_field(CsvReader *reader, bool *last, Error *err) {
    while (is_blank(*reader->at))
        reader->at++;
    char *field = reader->at, *tail = field;
    int line = reader->line;
    if (*field != '"') {
        reader->at += strcspn(field, ",\r\n");
        tail = reader->at;
        while (tail > field && is_blank(tail[-1]))
            tail--;
        end_field(reader, tail, last);
        return field;
    }
    for (reader->at++; reader->at < reader->end; reader->at++) {
        if (*reader->at == '"' && *++reader->at != '"') {
            while (is_blank(*reader->at))
                reader->at++;
            if (!strchr(",\r\n", *reader->at)) { /* strchr also finds the NUL at the end */
                error_set(err, "%s: line %d: text after a closing quote", reader->path, reader->line);
                return NULL;
            }
            end_field(reader, tail, last);
            return field;
        }
        reader->line += *reader->at == '\n';
        *tail++ = *reader->at;
    }
    error_set(err, "%s: line %d: a quote is never closed", reader->path, line);
    return NULL;
}

static bool skip_empty_lines(CsvReader *reader) {
    for (; *reader->at == '\r' || *reader->at == '\n'; reader->at++)
        reader->line += *reader->at == '\n' || reader->at[1] != '\n';
    return reader->at < reader->end;
}

static int read_header(CsvReader *reader, Error *err) {
    for (int column = 0; column < N_COLUMNS; column++)
        reader->columns[column] = -1;
    if (!skip_empty_lines(reader))
        return error_set(err, "%s: empty file", reader->path);
    int line = reader->line;
    bool last = false;
    while (!last) {
        const char *name = next_field(reader, &last, err);
        if (!name)
            return -1;
        for (int column = 0; column < N_COLUMNS; column++)
            if (strcmp(name, column_names[column]) == 0) {
                if (reader->columns[column] >= 0)
                    return error_set(err, "%s: line %d: column '%s' comes twice", reader->path, line, name);
                reader->columns[column] = reader->n_fields;
            }
        reader->n_fields++;
    }
    for (int column = 0; column < N_COLUMNS; column++)
        if (reader->columns[column] < 0 && (column == PATH || column == SPLIT))
            return error_set(err, "%s: line %d: no column '%s'", reader->path, line, column_names[column]);
    if (reader->columns[LABEL] < 0 && reader->columns[CLASS] < 0)
        return error_set(err, "%s: line %d: no column 'label' or 'class'", reader->path, line);
    return 0;
}

static int grow_rows(CsvReader *reader, Error *err) {
    if (reader->n_rows > INT_MAX / 2)
        return error_set(err, "%s: too many lines", reader->path);
    int capacity = reader->n_rows ? 2 * reader->n_rows : 64;
    Row *rows = ARENA_NEW(reader->pool.arena, Row, capacity);
    if (!rows)
        return error_memory(err);
    if (reader->n_rows > 0)
        memcpy(rows, reader->rows, (size_t)reader->n_rows * sizeof *rows);
    reader->rows = rows;
    reader->capacity = capacity;
    return 0;
}

static int read_row(CsvReader *reader, Error *err) {
    if (reader->n_rows == reader->capacity && grow_rows(reader, err))
        return -1;
    Row *row = &reader->rows[reader->n_rows++];
    *row = (Row){.line = reader->line};
    int n = 0;
    for (bool last = false; !last; n++) {
        const char *field = next_field(reader, &last, err);
        if (!field)
            return -1;
        for (int column = 0; column < N_COLUMNS; column++)
            if (reader->columns[column] == n)
                row->fields[column] = field;
    }
    if (n != reader->n_fields)
        return error_set(err, "%s: line %d: %d fields where the header has %d", reader->path, row->line, n,
                         reader->n_fields);
    if (!*row->fields[PATH])
        return error_set(err, "%s: line %d: empty path", reader->path, row->line);
    if (reader->columns[CLASS] >= 0 && !*row->fields[CLASS])
        return error_set(err, "%s: line %d: empty class name", reader->path, row->line);
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
        return error_set(err, "%s: line %d: label '%s' is no integer", reader->path, row->line,
                         row->fields[LABEL]);
    return 0;
}

/* The rows become the lists and classes of the dataset. */
static int put_rows(CsvReader *reader, ItemList *parts[N_PARTS], ClassTable *classes, Error *err) {
    ListBuilder lists[N_PARTS] = {0};
    NamedValue *ranked = NULL;
    int n_ranked = 0;
    if (reader->columns[LABEL] < 0 && rank_classes(reader, &ranked, &n_ranked, err))
        return -1;
    for (int i = 0; i < reader->n_rows; i++) {
        const Row *row = &reader->rows[i];
        Part part = part_find(row->fields[SPLIT], strlen(row->fields[SPLIT]));
        if (part == N_PARTS)
            return error_set(err, "%s: line %d: split '%s' (train, val or test)", reader->path, row->line,
                             row->fields[SPLIT]);
        long long label;
        if (ranked)
            label = names_find(ranked, n_ranked, row->fields[CLASS])->value;
        else if (parse_label(reader, row, &label, err))
            return -1;
        const char *name = row->fields[reader->columns[CLASS] >= 0 ? CLASS : LABEL];
        if (class_put(classes, label, name, &reader->pool, err))
            return error_prefix(err, "%s: line %d", reader->path, row->line);
        if (list_push(&lists[part], row->fields[PATH], (int)label, reader->pool.arena, err))
            return -1;
    }
    for (Part part = 0; part < N_PARTS; part++)
        *parts[part] = lists[part].list;
    return class_finish(classes, reader->path, err);
}

int csv_read(Dataset *dataset, const char *images, const char *path, Arena *arena, Error *err) {
    size_t size;
    char *text = file_read(path, MAX_LIST_BYTES, arena, &size, err);
    if (!text)
        return -1;
    if (memchr(text, '\0', size))
        return error_set(err, "%s: not UTF-8 text (it holds a NUL byte)", path);
    CsvReader reader = {.path = path, .at = text, .end = text + size, .line = 1, .pool = {.arena = arena}};
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        reader.at += 3;
    if (read_header(&reader, err))
        return -1;
    while (skip_empty_lines(&reader))
        if (read_row(&reader, err))
            return -1;
    ClassTable classes = {0};
    ItemList *parts[N_PARTS] = {&dataset->train, &dataset->val, &dataset->test};
    if (put_rows(&reader, parts, &classes, err))
        return -1;
    dataset->source = arena_strdup(arena, path);
    dataset->root = arena_strdup(arena, images);
    dataset->n_classes = classes.n_classes;
    dataset->class_names = classes.names;
    return arena_failed(arena) ? error_memory(err) : 0;
}
