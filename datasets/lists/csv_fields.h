/* csv_fields.h: the fields of comma-separated values (RFC 4180), read in place and written. Those that are
 * read may be separated by another character. */
#ifndef DATASETS_LISTS_CSV_FIELDS_H
#define DATASETS_LISTS_CSV_FIELDS_H

#include "clip/base/error.h"
#include "clip/base/files.h"

#include <stdbool.h>
#include <stdio.h>

/* Fields are unpacked in place: "" becomes ", separators become NUL, so the text must outlive the fields. A
 * quoted field may hold commas, quotes and line ends; other fields lose the blanks around them. Lines end
 * with LF, CR LF or CR; empty ones are skipped, and so is a byte order mark. */
typedef struct {
    const char *path; /* for messages */
    char *at, *end;   /* what is left of the text; *end is NUL */
    int line;         /* of the field at `at` */
    bool keep_blanks; /* around fields; a quote behind one is text then */
    char separator;   /* ',' unless the caller changes it once the file is open; no quote, no line end */
} CsvText;

/* A whole file, owned by the arena. */
int csv_open(CsvText *csv, const char *path, size_t max_size, Arena *arena, Error *err);
/* Steps to the next line that is not empty; false at the end. */
bool csv_next_line(CsvText *csv);
/* The next field, and whether it is the last of its line. NULL with an error. */
char *csv_field(CsvText *csv, bool *last, Error *err);

/* Writes a text (NULL is empty), in quotes where they are needed. One that a spreadsheet would take for a
 * formula (it begins with = + - @, a tab or CR) gets an apostrophe in front. */
void csv_put(FileWriter *writer, const char *text);
void csv_print(FILE *out, const char *text);
/* The text of a field that csv_put wrote: without the apostrophe. Lists of others are taken as they are. */
char *csv_plain(char *field);

#endif
