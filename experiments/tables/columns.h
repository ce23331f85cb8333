/* columns.h: texts in columns of a terminal (by libunistring), which are not bytes. */
#ifndef EXPERIMENTS_TABLES_COLUMNS_H
#define EXPERIMENTS_TABLES_COLUMNS_H

#include "clip/base/buffer.h"

int text_width(const char *text);
void write_padding(Buffer *out, int n, const char *with);
/* The text, cut with "…" where it is too wide, filled up with blanks. */
void write_column(Buffer *out, const char *text, int width);

#endif
