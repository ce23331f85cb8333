/* checked_line.c: see checked_line.h */
#include "experiments/results/checked_line.h"

#include "clip/base/checksum.h"

#include <string.h>

#define TAIL ", \"check\": \"00000000\"}" /* but for the digits */
enum { N_TAIL = LINE_TAIL - 1, DIGITS = N_TAIL - 10 };
_Static_assert(sizeof TAIL == LINE_TAIL, "the length of a tail");

static char *tail_of(char out[LINE_TAIL], const char *line, size_t size) {
    char digits[CHECKSUM_TEXT];
    checksum_text(digits, checksum(0, line, size));
    memcpy(out, TAIL, LINE_TAIL);
    memcpy(out + DIGITS, digits, sizeof digits - 1);
    return out;
}

char *line_tail(char out[LINE_TAIL], const char *object) {
    return tail_of(out, object, strlen(object) - 1);
}

/* A damaged tail is still known for one: a byte of it may differ. */
static int has_tail(const char *line, size_t size) {
    int n_other = 0;
    for (size_t i = 0; i < N_TAIL && size > N_TAIL; i++)
        if (i < DIGITS || i >= N_TAIL - 2)
            n_other += line[size - N_TAIL + i] != TAIL[i];
    return size > N_TAIL && n_other <= 1;
}

LineState line_state(const char *line, size_t size) {
    char tail[LINE_TAIL];
    if (!has_tail(line, size))
        return LINE_UNCHECKED;
    return memcmp(line + size - N_TAIL, tail_of(tail, line, size - N_TAIL), N_TAIL) == 0 ? LINE_GOOD
                                                                                         : LINE_DAMAGED;
}
