/* vocabulary_text.c: reads the merges of a text file.
 *
 * Layout of OpenAI's `bpe_simple_vocab_16e6.txt` and Hugging Face's `merges.txt`: one header line with
 * "#version", then a merge per line, two symbols with a blank between them, the most frequent first. OpenAI's
 * file goes on for 262,144 merges, of which CLIP uses 48,894.
 */
#include "clip/text/vocabulary_text.h"

#include <string.h>

#define MAX_MERGES 300000
#define OPENAI_MERGES 48894
#define OPENAI_HEADER "bpe_simple_vocab_16e6"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word before end; *at is moved past it. Returns its length, or 0 when there is none. */
static size_t next_word(char **at, const char *end, char **word) {
    while (*at < end && is_blank(**at))
        ++*at;
    *word = *at;
    while (*at < end && !is_blank(**at))
        ++*at;
    return (size_t)(*at - *word);
}

/* One line [line, end); its two words are terminated in place (*end is the newline or the text's NUL). NULL
 * when all is well, else the reason. */
static const char *parse_merge(char *line, char *end, Merge *merge) {
    char *left, *right, *more;
    size_t n_left = next_word(&line, end, &left);
    size_t n_right = next_word(&line, end, &right);
    if (n_right == 0)
        return n_left == 0 ? "no merge" : "one word where a merge has two";
    if (next_word(&line, end, &more) > 0)
        return "more than two words";
    const char *bad = vocabulary_check_symbol(left, n_left);
    if (!bad)
        bad = vocabulary_check_symbol(right, n_right);
    left[n_left] = '\0';
    right[n_right] = '\0';
    *merge = (Merge){left, right};
    return bad;
}

static size_t count_lines(const char *text, const char *end) {
    size_t n = 0;
    for (const char *at = text; at < end; at++)
        n += *at == '\n';
    return n;
}

int vocabulary_read_text(Vocabulary *vocabulary, char *text, size_t size, int max_merges, Arena *arena,
                         Error *err) {
    char *end = text + size;
    while (end > text && (is_blank(end[-1]) || end[-1] == '\n'))
        end--;
    *end = '\0';
    char *newline = memchr(text, '\n', (size_t)(end - text));
    char *header_end = newline ? newline : end;
    *header_end = '\0';
    if (!strstr(text, "#version"))
        return error_set(err, "%s: line 1: no header (\"#version: 0.2\") of a vocabulary", vocabulary->path);
    size_t n_lines = newline ? 1 + count_lines(newline + 1, end) : 0;
    size_t n_whole = n_lines; /* merges of CLIP's vocabulary */
    if (strstr(text, OPENAI_HEADER) && n_whole > OPENAI_MERGES)
        n_whole = OPENAI_MERGES;
    size_t n_used = n_whole;
    if (max_merges >= 0 && n_used > (size_t)max_merges)
        n_used = (size_t)max_merges;
    if (n_used > MAX_MERGES) {
        return error_set(err, "%s: line %d: more than %d merges", vocabulary->path, MAX_MERGES + 2,
                         MAX_MERGES);
    }
    vocabulary->cut = n_used < n_lines;
    vocabulary->n_surplus = (int)(n_whole - n_used);
    vocabulary->n_merges = (int)n_used;
    vocabulary->merges = ARENA_NEW(arena, Merge, n_used);
    if (arena_failed(arena))
        return error_memory(err);
    char *line = header_end + 1;
    for (int m = 0; m < vocabulary->n_merges; m++) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end ? line_end : end;
        const char *bad = parse_merge(line, line_end, &vocabulary->merges[m]);
        if (bad)
            return vocabulary_error(vocabulary, m, err, bad);
        line = line_end + 1;
    }
    return 0;
}
