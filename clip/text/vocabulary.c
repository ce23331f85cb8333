/* vocabulary.c: reads the merges of a vocabulary file.
 *
 * Layout of OpenAI's `bpe_simple_vocab_16e6.txt` and Hugging Face's `merges.txt`, gzipped or plain: one
 * header line with "#version", then a merge per line, two symbols with a blank between them, the most
 * frequent first. OpenAI's file goes on for 262,144 merges, of which CLIP uses 48,894. A file that starts
 * with '{' is a tokenizer.json (vocabulary_json.c).
 */
#include "clip/text/vocabulary.h"

#include "clip/base/files.h"

#include <string.h>
#include <unistr.h>

#define MAX_FILE_BYTES ((size_t)16 << 20) /* unpacked; CLIP's own files have 3 to 6 MiB */
#define MAX_MERGES 300000
#define OPENAI_MERGES 48894
#define OPENAI_HEADER "bpe_simple_vocab_16e6"
#define N_BASE 514 /* ids that are no merges: 2 * 256 bytes, start and end */

int vocabulary_byte(uint32_t letter) {
    if ((letter >= 33 && letter <= 126) || (letter >= 161 && letter <= 255 && letter != 173))
        return (int)letter;
    if (letter >= 256 && letter < 256 + 33) /* 0 to 32 */
        return (int)letter - 256;
    if (letter >= 256 + 33 && letter < 256 + 67) /* 127 to 160 */
        return (int)letter - 256 - 33 + 127;
    return letter == 256 + 67 ? 173 : -1;
}

uint32_t vocabulary_letter(int byte) {
    if (byte <= 32)
        return 256 + (uint32_t)byte;
    if (byte >= 127 && byte <= 160)
        return 256 + 33 + (uint32_t)byte - 127;
    return byte == 173 ? 256 + 67 : (uint32_t)byte;
}

int vocabulary_error(const Vocabulary *vocabulary, int merge, Error *err, const char *reason) {
    if (vocabulary->json)
        return error_set(err, "%s: merge %d: %s", vocabulary->path, merge + 1, reason);
    return error_set(err, "%s: line %d: %s", vocabulary->path, merge + 2, reason);
}

const char *vocabulary_check_symbol(const char *symbol, size_t size) {
    if (size == 0)
        return "an empty symbol";
    for (size_t at = 0; at < size;) {
        ucs4_t letter;
        at += (size_t)u8_mbtouc_unsafe(&letter, (const uint8_t *)symbol + at, size - at);
        if (vocabulary_byte(letter) < 0)
            return "a character that stands for no byte";
    }
    return NULL;
}

/* --- text --- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word before end; *at moves behind it. Its length, 0 when there is none. */
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

static int read_text(Vocabulary *vocabulary, char *text, size_t size, int max_merges, Arena *arena,
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
    size_t n_used = n_lines;
    bool openai = strstr(text, OPENAI_HEADER) != NULL;
    if (openai && n_used > OPENAI_MERGES)
        n_used = OPENAI_MERGES;
    if (max_merges >= 0 && n_used > (size_t)max_merges)
        n_used = (size_t)max_merges;
    if (n_used > MAX_MERGES) {
        return error_set(err, "%s: line %d: more than %d merges", vocabulary->path, MAX_MERGES + 2,
                         MAX_MERGES);
    }
    vocabulary->cut = n_used < n_lines;
    vocabulary->n_surplus = openai ? 0 : (int)(n_lines - n_used);
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

/* --- any file --- */

int vocabulary_read(Vocabulary *vocabulary, const char *path, int max_merges, Arena *arena, Error *err) {
    *vocabulary = (Vocabulary){.path = path};
    size_t size;
    char *text = file_read_gz(path, MAX_FILE_BYTES, arena, &size, err);
    if (!text)
        return -1;
    const uint8_t *bad = u8_check((const uint8_t *)text, size);
    if (bad)
        return error_set(err, "%s: line %zu: not UTF-8", path, 1 + count_lines(text, (const char *)bad));
    vocabulary->json = text[strspn(text, " \t\r\n")] == '{';
    if ((vocabulary->json ? vocabulary_read_json(vocabulary, text, size, max_merges, arena, err)
                          : read_text(vocabulary, text, size, max_merges, arena, err)) != 0)
        return -1;
    if (vocabulary->n_merges < max_merges) {
        return error_set(err, "%s: %d merges where the checkpoint's %d tokens need %d", path,
                         vocabulary->n_merges, max_merges + N_BASE, max_merges);
    }
    return 0;
}
