/* pair_table.c: pairs from a table, one a row, as OpenCLIP reads them (CsvDataset in its data.py, pandas'
 * read_csv with a separator).
 *
 * The rows point into the text of the file. What pandas would turn into the caption "nan", an empty field, is
 * left out; what it would read in a way that nobody meant (text behind a closing quote, rows of another
 * length) is refused. Image files are looked at when they are got: a table of millions is opened in seconds.
 */
#include "datasets/pairs/pair_source.h"

#include "clip/base/files.h"
#include "datasets/lists/remarks.h"
#include "datasets/lists/text_table.h"

#include <limits.h>
#include <string.h>
#include <unistr.h>

#define MAX_TABLE_BYTES ((size_t)1 << 34)

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

static int take_row(void *context, char *const *fields, int line, Error *err) {
    Reader *reader = context;
    PairSource *source = reader->source;
    Table *table = reader->table;
    const Row row = {.path = fields[0], .caption = fields[1]};
    if (!*row.path)
        return error_set(err, "empty path");
    if (u8_check((const uint8_t *)row.caption, strlen(row.caption)))
        return error_set(err, "the caption is not UTF-8");
    if (!row.caption[strspn(row.caption, " \t\r\n")]) {
        reader->first_empty = reader->n_empty++ == 0 ? line : reader->first_empty;
        return 0;
    }
    if (source->n > INT_MAX / 2)
        return error_set(err, "too many lines");
    Row *rows = arena_grow(source->arena, table->rows, &table->capacity, source->n + 1, sizeof *rows);
    if (!rows)
        return error_memory(err);
    table->rows = rows;
    table->rows[source->n++] = row;
    pair_source_hash_text(source, row.path);
    pair_source_hash_text(source, row.caption);
    return 0;
}

static int read_table(Reader *reader, const TextTable *text, Error *err) {
    Arena *arena = reader->source->arena;
    if (!folder_exists(reader->table->root))
        return error_set(err, "%s: no such folder (the root of %s)", reader->table->root, text->path);
    pair_source_hash_text(reader->source, "table");
    if (text_table_read(text, take_row, reader, arena, err) < 0)
        return -1;
    if (reader->n_empty > 0)
        remark(&reader->source->remarks, arena, "%s: %d pair%s without a caption left out (first: line %d)",
               text->path, reader->n_empty, reader->n_empty == 1 ? "" : "s", reader->first_empty);
    return 0;
}

PairSource *pairs_open_table(const char *path, const char *separator, const char *image_key,
                             const char *caption_key, const char *root, Error *err) {
    const TableColumn columns[] = {{.name = image_key ? image_key : "filepath"},
                                   {.name = caption_key ? caption_key : "title"}};
    TextTable text = {.path = path, .max_size = MAX_TABLE_BYTES, .columns = columns, .n_columns = 2};
    if (read_separator(&text.separator, separator, path, err) < 0)
        return NULL;
    PairSource *source = pair_source_create(get, err);
    if (!source)
        return NULL;
    Table *table = ARENA_NEW(source->arena, Table, 1);
    Reader reader = {.source = source, .table = table};
    source->kind = table;
    if (table) {
        table->root = root ? arena_strdup(source->arena, root) : path_folder(source->arena, path);
        if (table->root && read_table(&reader, &text, err) < 0) {
            pairs_close(source);
            return NULL;
        }
    }
    return pair_source_finish(source, path, err);
}
