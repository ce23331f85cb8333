/* text_lines.h: the lines of a text file such as classnames.txt, "key name of the class" or a name alone. */
#ifndef DATASETS_LISTS_TEXT_LINES_H
#define DATASETS_LISTS_TEXT_LINES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

typedef struct {
    const char *path; /* borrowed */
    char *at;         /* what is left of the text, owned by the arena */
    int line;         /* the number of the line that lines_next returned last */
} TextLines;

int lines_open(TextLines *lines, const char *path, Arena *arena, Error *err);

/* The next line without the blanks around it, cut out in place; empty lines are skipped. NULL at the end. */
char *lines_next(TextLines *lines);

/* Cuts "key<TAB>name" at the tab, or "key name" at the first blank when there is no tab, and returns the
 * name; NULL with an error when there is none. */
char *line_cut(const TextLines *lines, char *line, Error *err);

#endif
