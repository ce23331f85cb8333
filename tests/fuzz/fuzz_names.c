/* fuzz_names.c: texts from outside (class names, words of a prompt) on all the ways that they take: cleaned
 * and cut into tokens, made names of folders, printed, written into a page and a table. */
#include "tests/fuzz/fuzz.h"

#include "clip/base/visible.h"
#include "clip/text/fix_text.h"
#include "clip/text/mojibake.h"
#include "clip/text/text_clean.h"
#include "clip/text/tokenizer.h"
#include "experiments/config/names.h"
#include "experiments/report/html.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#define VOCABULARY "#version: 0.2\nc a\nca t</w>\nd o\n"

enum { MAX_IDS = 77, MOST = 4096 }; /* bytes: names are short, and the time of a longer text is its length */

/* Made once and kept: libFuzzer has no other place for it. */
static Tokenizer *shared_tokenizer;
static FILE *shared_lines; /* what was printed last is in the two below */
static char *shared_line;
static size_t shared_size;

static void make_shared(void) {
    FuzzFile file;
    fuzz_open(&file, (const uint8_t *)VOCABULARY, strlen(VOCABULARY));
    shared_tokenizer = tokenizer_open(file.path, -1, &file.err);
    if (!fuzz_close(&file, shared_tokenizer != NULL, NULL))
        abort();
    shared_lines = open_memstream(&shared_line, &shared_size);
    if (!shared_lines)
        abort();
}

void fuzz_names_finish(void) {
    if (shared_lines)
        fclose(shared_lines);
    free(shared_line);
    shared_lines = NULL;
    shared_line = NULL;
    tokenizer_free(shared_tokenizer);
    shared_tokenizer = NULL;
}

static void need(bool holds) {
    if (!holds)
        abort();
}

/* Code points that may be written as UTF-8. */
static void need_unicode(const uint32_t *text, size_t count) {
    need(u32_check(text, count) == NULL);
}

/* Each step writes what may be UTF-8, and what is clean has single blanks within. */
static void check_clean(const char *text, Arena *arena) {
    Error err = {0};
    uint32_t *clean, *fixed, *repaired;
    size_t count, n_fixed, n_repaired, size = strlen(text);
    if (text_clean(text, arena, &clean, &count, &err) < 0) {
        need(u8_check((const uint8_t *)text, size) != NULL);
        return;
    }
    need_unicode(clean, count);
    for (size_t i = 0; i < count; i++)
        need(clean[i] == ' ' ? i > 0 && i + 1 < count && clean[i - 1] != ' '
                             : !uc_is_property_white_space(clean[i]));
    n_fixed = n_repaired = size; /* enough: UTF-8 has no fewer bytes than letters */
    fixed = ARENA_NEW(arena, uint32_t, size + 1);
    repaired = ARENA_NEW(arena, uint32_t, size + 1);
    need(fixed && repaired && u8_to_u32((const uint8_t *)text, size, fixed, &n_fixed) &&
         u8_to_u32((const uint8_t *)text, size, repaired, &n_repaired));
    const size_t before = n_repaired;
    need(mojibake_repair(repaired, &n_repaired, arena, &err) == 0 && n_repaired <= before);
    need_unicode(repaired, n_repaired);
    need(fix_text(&fixed, &n_fixed, arena, &err) == 0);
    need_unicode(fixed, n_fixed);
}

static void check_tokens(const char *text) {
    Error err = {0};
    int ids[MAX_IDS], fewer[MAX_IDS / 2];
    int n = tokenizer_encode(shared_tokenizer, text, ids, MAX_IDS, &err);
    need((n < 0) == (err.kind != ERROR_NONE) &&
         (n < 0) == (u8_check((const uint8_t *)text, strlen(text)) != NULL));
    if (n < 0)
        return;
    for (int i = 0; i < n && i < MAX_IDS; i++)
        need(ids[i] >= 0 && ids[i] < tokenizer_size(shared_tokenizer) &&
             *tokenizer_word(shared_tokenizer, ids[i]));
    need(tokenizer_encode(shared_tokenizer, text, fewer, MAX_IDS / 2, &err) == n);
    need(memcmp(ids, fewer, sizeof *ids * (size_t)(n < MAX_IDS / 2 ? n : MAX_IDS / 2)) == 0);
}

static void need_visible(const char *text, const char *end) {
    for (int n; text < end; text += n)
        need((n = visible_bytes(text)) > 0);
}

static void check_names(const char *text, Arena *arena) {
    const char *name = safe_name(text, arena), *again = safe_name(name, arena),
               *shown = printable(text, arena);
    need(*name && *name != '.' && strlen(name) <= 48 && strcmp(name, again) == 0);
    need(name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0');
    need_visible(shown, shown + strlen(shown));
    need(strcmp(shown, printable(shown, arena)) == 0);
    rewind(shared_lines);
    print_line(shared_lines, "%s", text);
    need(fflush(shared_lines) == 0 && shared_size == strlen(shown) + 1 &&
         shared_line[shared_size - 1] == '\n');
    need(memcmp(shared_line, shown, shared_size - 1) == 0);
}

/* No markup and no end of an attribute comes out of a text, and every reference is one that was written. */
static void check_html(const char *text, Arena *arena) {
    Html html = {.arena = arena};
    html_class(&html, text);
    const char *out = buffer_text(&html.out);
    need(!html.failed && (out || !*text));
    for (const char *at = out; at && *at; at++) {
        need(!strchr("<>\"'", *at));
        need(*at != '&' || strncmp(at, "&amp;", 5) == 0 || strncmp(at, "&lt;", 4) == 0 ||
             strncmp(at, "&gt;", 4) == 0 || strncmp(at, "&quot;", 6) == 0 || strncmp(at, "&#39;", 5) == 0);
    }
    if (out)
        need_visible(out, out + strlen(out));
    buffer_free(&html.out);
}

int fuzz_names(const uint8_t *data, size_t size) {
    if (!shared_tokenizer)
        make_shared();
    if (size > MOST || memchr(data, '\0', size))
        return 0;
    Arena *arena = arena_create();
    char *text = arena ? ARENA_NEW(arena, char, size + 1) : NULL;
    need(text != NULL);
    memcpy(text, data, size);
    check_clean(text, arena);
    check_tokens(text);
    check_names(text, arena);
    check_html(text, arena);
    need(!arena_failed(arena));
    arena_free(arena);
    return u8_check(data, size) == NULL;
}

FUZZ_ENTRY(fuzz_names)
