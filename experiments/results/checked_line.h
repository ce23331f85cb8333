/* checked_line.h: a line of JSON that shows when it is damaged.
 *
 * Layout: an object whose last field is the CRC-32 of all that stands before it, as eight hexadecimal digits:
 *     {"epoch": 1, "loss": 0.75, "check": "1f2e3d4c"}
 */
#ifndef EXPERIMENTS_RESULTS_CHECKED_LINE_H
#define EXPERIMENTS_RESULTS_CHECKED_LINE_H

#include <stddef.h>

/* What takes the place of the closing brace of a JSON object that is not empty: printf("%.*s%s\n",
 * (int)strlen(object) - 1, object, line_tail(tail, object)). Returns out. */
enum { LINE_TAIL = 23 };
char *line_tail(char out[LINE_TAIL], const char *object);

typedef enum {
    LINE_GOOD,
    LINE_UNCHECKED, /* without a check: an earlier version wrote none */
    LINE_DAMAGED
} LineState;

/* Of a line (size) without its newline. */
LineState line_state(const char *line, size_t size);

#endif
