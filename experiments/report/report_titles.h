/* report_titles.h: settings and their values in words. */
#ifndef EXPERIMENTS_REPORT_REPORT_TITLES_H
#define EXPERIMENTS_REPORT_REPORT_TITLES_H

#include "clip/base/arena.h"

/* "Context length M" of "n_ctx"; of a setting that has no title its name with blanks. Owned by the arena
 * where it is made. */
const char *setting_title(const char *setting, Arena *arena);
/* "class-specific" of csc true; mostly the value itself. */
const char *setting_words(const char *setting, const char *value);

#endif
