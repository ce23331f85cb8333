/* printable.h: texts out of files, made fit for a terminal. */
#ifndef EXPERIMENTS_TERMINAL_PRINTABLE_H
#define EXPERIMENTS_TERMINAL_PRINTABLE_H

#include "clip/base/arena.h"
#include "clip/base/json.h"

#include <stdarg.h>
#include <stdio.h>

/* The text with every byte of what is not visible (clip/base/visible.h) as "\x1B". Owned by the arena, or the
 * text itself when it may stay as it is; "?" when memory is out. */
const char *printable(const char *text, Arena *arena);

/* One line, as printf and a newline, with the whole of it made printable: no text from outside can end it
 * early or move the cursor. One that is very long is cut, and ends by saying so, when memory is out. */
void print_line(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void vprint_line(FILE *out, const char *format, va_list args);
/* A line of JSON; what is not visible becomes "\u202E", which means the same to whoever reads it. */
void print_json_line(FILE *out, const char *json);
/* The same of a value made since json_begin, which is released. Fails when memory was short. */
int print_json_value(FILE *out, json_t *value, Error *err);

/* "1,234", of a number from 0 to 1e15 */
void grouped_number(double n, char out[32]);

#endif
