/* pair_table.c: pairs from a table, one a row, as OpenCLIP reads them (CsvDataset in its data.py, pandas'
 * read_csv with a separator).
 *
 * The rows point into the text of the file. What pandas would turn into the caption "nan", an empty field, is
 * left out; what it would read in a way that nobody meant (text behind a closing quote, rows of another
 * length) is refused. Image files are looked at when they are got: a table of millions is opened in seconds.
 */
#include "datasets/pairs/pair_source.h"

#include "clip/base/files.h"
#include "datasets/lists/csv_fields.h"
#include "datasets/lists/remarks.h"

#include <limits.h>
#include <string.h>
#include <unistr.h>

#define MAX_TABLE_BYTES ((size_t)1 << 34)
#define MAX_SHOWN_COLUMNS 20

typedef struct {
    const char *path, *caption;
} Row;

typedef struct {
    const char *root;
    Row *rows; /* (PairSource.n) */
    int capacity;
} Table;

typedef struct {
    PairSource *source;
    Table *table;
    CsvText text;
    const char *image_key, *caption_key;
    int n_columns, image_column, caption_column;
    int n_empty, first_empty; /* rows without a caption; the line of the first */
} Reader;

static int get(const PairSource *source, int index, uint32_t seed, int epoch, Pair *pair, Arena *arena,
               Error *err) {
    (void)seed, (void)epoch;
    const Table *table = source->kind;
    pair->caption = table->rows[index].caption;
    return pair_read_file(pair, path_join(arena, table->root, table->rows[index].path), arena, err);
}

/* "t" for a tab may come as a backslash and a t, which pandas takes as one, too. */
static int read_separator(char *separator, const char *text, const char *path, Error *err) {
    if (!text || strcmp(text, "\\t") == 0)
        text = "\t";
    if (strlen(text) != 1 || strchr("\"\r\n", *text))
        return error_set(err, "%s: separator '%s': one character is needed, and no quote or line end", path,
                         text);
    *separator = *text;
    return 0;
}

static int no_column(const Reader *reader, const char *key, const char *columns, Error *err) {
    const char separator = reader->text.separator;
    return error_set(err, "%s: line 1: no column '%s'; separated by '%s', there %s %s", reader->text.path,
                     key, separator == '\t' ? "\\t" : (const char[]){separator, '\0'},
                     reader->n_columns == 1 ? "is" : "are", columns);
}

static int take_column(int *column, const char *name, const Reader *reader, const char *key, Error *err) {
    if (strcmp(name, key) != 0)
        return 0;
    if (*column >= 0)
        return error_set(err, "%s: line 1: column '%s' comes twice", reader->text.path, key);
    *column = reader->n_columns;
    return 0;
}

static int read_header(Reader *reader, Error *err) {
    Arena *arena = reader->source->arena;
    const char *columns = "";
    if (!csv_next_line(&reader->text))
        return error_set(err, "%s: empty file", reader->text.path);
    for (bool last = false; !last; reader->n_columns++) {
        const char *name = csv_field(&reader->text, &last, err);
        if (!name || take_column(&reader->image_column, name, reader, reader->image_key, err) < 0 ||
            take_column(&reader->caption_column, name, reader, reader->caption_key, err) < 0)
            return -1;
        if (reader->n_columns < MAX_SHOWN_COLUMNS)
            columns = arena_printf(arena, "%s%s'%.80s'", columns, *columns ? ", " : "", name);
        if (!columns)
            return error_memory(err);
    }
    if (reader->image_column < 0)
        return no_column(reader, reader->image_key, columns, err);
    if (reader->caption_column < 0)
        return no_column(reader, reader->caption_key, columns, err);
    return 0;
}

static int put_row(Reader *reader, Row row, int line, Error *err) {
    PairSource *source = reader->source;
    Table *table = reader->table;
    if (!*row.path)
        return error_set(err, "%s: line %d: empty path", reader->text.path, line);
    if (u8_check((const uint8_t *)row.caption, strlen(row.caption)))
        return error_set(err, "%s: line %d: the caption is not UTF-8", reader->text.path, line);
    if (!row.caption[strspn(row.caption, " \t\r\n")]) {
        reader->first_empty = reader->n_empty++ == 0 ? line : reader->first_empty;
        return 0;
    }
    if (source->n > INT_MAX / 2)
        return error_set(err, "%s: too many lines", reader->text.path);
    Row *rows = arena_grow(source->arena, table->rows, &table->capacity, source->n + 1, sizeof *rows);
    if (!rows)
        return error_memory(err);
    table->rows = rows;
    table->rows[source->n++] = row;
    pair_source_hash_text(source, row.path);
    pair_source_hash_text(source, row.caption);
    return 0;
}

static int read_row(Reader *reader, Error *err) {
    const int line = reader->text.line;
    Row row = {0};
    int n = 0;
    for (bool last = false; !last; n++) {
        const char *field = csv_field(&reader->text, &last, err);
        if (!field)
            return -1;
        row.path = n == reader->image_column ? field : row.path;
        row.caption = n == reader->caption_column ? field : row.caption;
    }
    if (n != reader->n_columns)
        return error_set(err, "%s: line %d: %d field%s where the header has %d", reader->text.path, line, n,
                         n == 1 ? "" : "s", reader->n_columns);
    return put_row(reader, row, line, err);
}

static int read_table(Reader *reader, const char *path, const char *separator, Error *err) {
    Arena *arena = reader->source->arena;
    char between = '\t';
    if (!folder_exists(reader->table->root))
        return error_set(err, "%s: no such folder (the root of %s)", reader->table->root, path);
    if (read_separator(&between, separator, path, err) < 0 ||
        csv_open(&reader->text, path, MAX_TABLE_BYTES, arena, err) < 0)
        return -1;
    reader->text.separator = between;
    reader->text.keep_blanks = true;
    pair_source_hash_text(reader->source, "table");
    if (read_header(reader, err) < 0)
        return -1;
    while (csv_next_line(&reader->text))
        if (read_row(reader, err) < 0)
            return -1;
    if (reader->n_empty > 0)
        remark(&reader->source->remarks, arena, "%s: %d pair%s without a caption left out (first: line %d)",
               path, reader->n_empty, reader->n_empty == 1 ? "" : "s", reader->first_empty);
    return 0;
}

PairSource *pairs_open_table(const char *path, const char *separator, const char *image_key,
                             const char *caption_key, const char *root, Error *err) {
    PairSource *source = pair_source_create(get, err);
    if (!source)
        return NULL;
    Table *table = ARENA_NEW(source->arena, Table, 1);
    Reader reader = {.source = source,
                     .table = table,
                     .image_key = image_key ? image_key : "filepath",
                     .caption_key = caption_key ? caption_key : "title",
                     .image_column = -1,
                     .caption_column = -1};
    source->kind = table;
    if (table) {
        table->root = root ? arena_strdup(source->arena, root) : path_folder(source->arena, path);
        if (table->root && read_table(&reader, path, separator, err) < 0) {
            pairs_close(source);
            return NULL;
        }
    }
    return pair_source_finish(source, path, err);
}
