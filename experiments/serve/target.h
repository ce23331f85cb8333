/* target.h: what a request asks for: "/api/search?q=a+dog&not=people".
 *
 * A path is compared as it was sent: none of ours holds a '%', so nothing hidden in one is ever looked at.
 * Values are texts in UTF-8 without control characters; anything else is refused.
 */
#ifndef EXPERIMENTS_SERVE_TARGET_H
#define EXPERIMENTS_SERVE_TARGET_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdint.h>

enum { TARGET_WORDS = 32 };

typedef struct {
    const char *path;
    struct {
        const char *name, *value;
    } words[TARGET_WORDS]; /* (n), in order */
    int n;
} Target;

/* Texts are owned by the arena. */
int target_read(Target *target, const char *text, Arena *arena, Error *err);

/* 0 to most, in plain digits, and nothing else. */
int target_number(uint64_t *number, const char *text, uint64_t most);

#endif
