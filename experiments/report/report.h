/* report.h: writes report.html, the results of output folders on one self-contained page. */
#ifndef EXPERIMENTS_REPORT_REPORT_H
#define EXPERIMENTS_REPORT_REPORT_H

#include "clip/base/arena.h"
#include "clip/base/buffer.h"
#include "clip/base/error.h"

#define REPORT_FILE "report.html"

/* The report on the folders; the same folders give the same bytes. What is missing (files of older runs,
 * images that were moved, gnuplot) becomes a line on the page, not an error. page is empty before; the caller
 * frees it, also after an error. baseline: the row that differences are from; NULL: the best. */
int report_make(Buffer *page, const char *const *folders, int n_folders, const char *baseline, Arena *arena,
                Error *err);
/* The same with differences from the best into the file `path`, atomically. */
int report_write(const char *path, const char *const *folders, int n_folders, Arena *arena, Error *err);

#endif
