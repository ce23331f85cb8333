/* text_ends.h: how a text begins and ends. */
#ifndef CLIP_BASE_TEXT_ENDS_H
#define CLIP_BASE_TEXT_ENDS_H

#include <stdbool.h>
#include <string.h>

static inline bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static inline bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

/* The same, with something before it: a file called ".pt" has no suffix. */
static inline bool has_suffix(const char *name, const char *suffix) {
    return ends_with(name, suffix) && strlen(name) > strlen(suffix);
}

#endif
