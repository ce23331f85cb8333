/* csv_fields.c: see csv_fields.h */
#include "datasets/lists/csv_fields.h"

#include <string.h>

int csv_open(CsvText *csv, const char *path, size_t max_size, Arena *arena, Error *err) {
    size_t size;
    char *text = file_read(path, max_size, arena, &size, err);
    if (!text)
        return -1;
    if (memchr(text, '\0', size))
        return error_set(err, "%s: not UTF-8 text (it holds a NUL byte)", path);
    *csv = (CsvText){.path = path, .at = text, .end = text + size, .line = 1, .separator = ','};
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        csv->at += 3;
    return 0;
}

bool csv_next_line(CsvText *csv) {
    for (; *csv->at == '\r' || *csv->at == '\n'; csv->at++)
        csv->line += *csv->at == '\n' || csv->at[1] != '\n';
    return csv->at < csv->end;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Ends a field whose text is [field, tail): steps over the separator at `at`, then cuts. */
static void end_field(CsvText *csv, char *tail, bool *last) {
    char found = *csv->at;
    *last = csv->at == csv->end || found != csv->separator;
    if (csv->at < csv->end)
        csv->at++;
    if (found == '\r' && *csv->at == '\n')
        csv->at++;
    if (*last)
        csv->line++;
    *tail = '\0';
}

static void skip_blanks(CsvText *csv) {
    while (!csv->keep_blanks && is_blank(*csv->at) && *csv->at != csv->separator)
        csv->at++;
}

char *csv_field(CsvText *csv, bool *last, Error *err) {
    const char ends[] = {csv->separator, '\r', '\n', '\0'};
    skip_blanks(csv);
    char *field = csv->at, *tail = field;
    int line = csv->line;
    if (*field != '"') {
        csv->at += strcspn(field, ends);
        tail = csv->at;
        while (!csv->keep_blanks && tail > field && is_blank(tail[-1]))
            tail--;
        end_field(csv, tail, last);
        return field;
    }
    for (csv->at++; csv->at < csv->end; csv->at++) {
        if (*csv->at == '"' && *++csv->at != '"') {
            skip_blanks(csv);
            if (!strchr(ends, *csv->at)) { /* strchr also finds the NUL at the end */
                error_set(err, "%s: line %d: text after a closing quote", csv->path, csv->line);
                return NULL;
            }
            end_field(csv, tail, last);
            return field;
        }
        csv->line += *csv->at == '\n';
        *tail++ = *csv->at;
    }
    error_set(err, "%s: line %d: a quote is never closed", csv->path, line);
    return NULL;
}

/* Would a spreadsheet compute it? Apostrophes in front are passed over, so that what begins with one and goes
 * on like a formula gets another, and taking one off gives the text again. */
static bool is_formula(const char *text) {
    const char *first = text + strspn(text, "'");
    return *first && strchr("=+-@\t\r", *first);
}

/* Blanks at an end would be lost without quotes. */
static bool needs_quotes(const char *text) {
    size_t n = strlen(text);
    return is_formula(text) || strpbrk(text, ",\"\r\n") ||
           (n > 0 && (is_blank(text[0]) || is_blank(text[n - 1])));
}

typedef void (*PutFn)(void *to, const char *bytes, size_t n);

static void put_field(PutFn put, void *to, const char *text) {
    text = text ? text : "";
    if (!needs_quotes(text)) {
        put(to, text, strlen(text));
        return;
    }
    put(to, "\"'", is_formula(text) ? 2 : 1);
    for (; *text; text++)
        put(to, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    put(to, "\"", 1);
}

static void put_to_writer(void *to, const char *bytes, size_t n) {
    file_append(to, bytes, n);
}

static void put_to_stream(void *to, const char *bytes, size_t n) {
    fwrite(bytes, 1, n, to);
}

void csv_put(FileWriter *writer, const char *text) {
    put_field(put_to_writer, writer, text);
}

void csv_print(FILE *out, const char *text) {
    put_field(put_to_stream, out, text);
}

char *csv_plain(char *field) {
    return *field == '\'' && is_formula(field) ? field + 1 : field;
}
