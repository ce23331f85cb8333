/* page.h: the page that a browser shows (page.html), a part of the program. */
#ifndef EXPERIMENTS_SERVE_PAGE_H
#define EXPERIMENTS_SERVE_PAGE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stddef.h>

extern const char PAGE[]; /* ends with a zero byte */

/* The Content-Security-Policy that lets the page's own style and script work, by their digests, and nothing
 * else; owned by the arena. */
const char *page_policy(Arena *arena, Error *err);

#endif
