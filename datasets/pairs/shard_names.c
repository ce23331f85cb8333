/* shard_names.c: the first pair of braces is replaced by each of its alternatives, and so on until there is
 * none.
 */
#include "datasets/pairs/shard_names.h"

#include "clip/base/files.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHARDS 1000000
#define MAX_DIGITS 9
#define MAX_NESTED 64

typedef struct {
    ShardNames *names;
    const char *text; /* as it was given, for messages */
    Arena *arena;
    int depth;
} Expansion;

static int expand(Expansion *expansion, const char *done, const char *rest, Error *err);

static int push(Expansion *expansion, const char *path, Error *err) {
    ShardNames *names = expansion->names;
    if (names->n == MAX_SHARDS)
        return error_set(err, "%s: more than %d shards", expansion->text, MAX_SHARDS);
    const char **paths =
        arena_grow(expansion->arena, names->paths, &names->capacity, names->n + 1, sizeof *paths);
    if (!path || !paths)
        return error_memory(err);
    names->paths = paths;
    names->paths[names->n++] = path;
    return 0;
}

/* The brace that closes the one at `open`, or NULL. */
static const char *closing(const char *open) {
    int depth = 0;
    for (const char *at = open; *at; at++) {
        depth += (*at == '{') - (*at == '}');
        if (depth == 0)
            return at;
    }
    return NULL;
}

/* Digits up to `stop`; their number, or 0 when there is something else. */
static int read_number(long *value, const char **at, const char *stop) {
    int n = 0;
    *value = 0;
    for (; *at < stop && **at >= '0' && **at <= '9' && n < MAX_DIGITS; ++*at, n++)
        *value = 10 * *value + (**at - '0');
    return n;
}

/* "{000..099}" or "{0..8..2}" between `open` and `close`. 1 when it is none. */
static int expand_range(Expansion *expansion, const char *before, const char *open, const char *close,
                        Error *err) {
    long first, last, step = 1;
    const char *at = open + 1, *tail = close + 1;
    bool padded = *at == '0';
    int n_first = read_number(&first, &at, close);
    if (n_first == 0 || strncmp(at, "..", 2) != 0)
        return 1;
    at += 2;
    bool padded_last = *at == '0';
    int n_last = read_number(&last, &at, close);
    if (n_last == 0)
        return 1;
    if (at < close && (strncmp(at, "..", 2) != 0 || (at += 2, read_number(&step, &at, close) == 0)))
        return 1;
    if (at != close || step == 0)
        return 1;
    padded = (padded && n_first > 1) || (padded_last && n_last > 1);
    const int width = !padded ? 0 : n_first > n_last ? n_first : n_last;
    const long steps = labs(last - first) / step;
    for (long i = 0; i <= steps; i++) {
        long value = first < last ? first + i * step : first - i * step;
        const char *done = arena_printf(expansion->arena, "%s%0*ld", before, width, value);
        if (!done)
            return error_memory(err);
        if (expand(expansion, done, tail, err) < 0)
            return -1;
    }
    return 0;
}

/* "{a,b{1,2}}". 1 when there is no comma. */
static int expand_list(Expansion *expansion, const char *before, const char *open, const char *close,
                       Error *err) {
    int depth = 0, n = 0;
    const char *start = open + 1;
    for (const char *at = start; at <= close; at++) {
        depth += (*at == '{') - (*at == '}' && at != close);
        if (at == close && n == 0)
            return 1;
        if (depth > 0 || (*at != ',' && at != close))
            continue;
        n++;
        const char *rest = arena_printf(expansion->arena, "%.*s%s", (int)(at - start), start, close + 1);
        if (!rest)
            return error_memory(err);
        if (expand(expansion, before, rest, err) < 0)
            return -1;
        start = at + 1;
    }
    return 0;
}

/* done has no braces that count. */
static int expand(Expansion *expansion, const char *done, const char *rest, Error *err) {
    const char *open = strchr(rest, '{');
    if (!open)
        return push(expansion, arena_printf(expansion->arena, "%s%s", done, rest), err);
    const char *close = closing(open);
    if (!close || expansion->depth == MAX_NESTED)
        return error_set(err, "%s: %s", expansion->text,
                         close ? "too many braces" : "a brace is never closed");
    const char *before = arena_printf(expansion->arena, "%s%.*s", done, (int)(open - rest), rest);
    if (!before)
        return error_memory(err);
    expansion->depth++;
    int result = expand_range(expansion, before, open, close, err);
    if (result == 1)
        result = expand_list(expansion, before, open, close, err);
    expansion->depth--;
    if (result == 1)
        return error_set(err, "%s: '%.*s' is neither a range, as {000..099}, nor a list, as {a,b}",
                         expansion->text, (int)(close + 1 - open), open);
    return result;
}

int shard_names_expand(ShardNames *names, const char *text, Arena *arena, Error *err) {
    Expansion expansion = {.names = names, .text = text, .arena = arena};
    for (const char *at = text;;) {
        const char *end = strstr(at, "::");
        const int n = end ? (int)(end - at) : (int)strlen(at);
        const char *written = arena_printf(arena, "%.*s", n, at);
        const char *piece = written ? path_expand(arena, written) : NULL;
        if (!piece)
            return error_memory(err);
        if (!*piece)
            return error_set(err, "'%s': an empty name of a shard", text);
        if ((file_exists(piece) ? push(&expansion, piece, err) : expand(&expansion, "", piece, err)) < 0)
            return -1;
        if (!end)
            return 0;
        at = end + 2;
    }
}
