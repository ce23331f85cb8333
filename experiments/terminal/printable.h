/* printable.h: texts out of files, made fit for a terminal. */
#ifndef EXPERIMENTS_TERMINAL_PRINTABLE_H
#define EXPERIMENTS_TERMINAL_PRINTABLE_H

#include "clip/base/arena.h"

/* The text with every control character and every byte that is not UTF-8 as "\x1B". Owned by the arena, or
 * the text itself when it may stay as it is; "?" when memory is out. */
const char *printable(const char *text, Arena *arena);

#endif
