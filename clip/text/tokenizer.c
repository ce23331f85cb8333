/* tokenizer.c: text to ids, from the pieces that do the work.
 *
 * A text is cleaned (text_clean.c), divided into words (text_words.c), and the UTF-8 bytes of each word are
 * merged into tokens (bpe.c) of the vocabulary (vocabulary_file.c). Source: openai/CLIP simple_tokenizer.py.
 */
#include "clip/text/tokenizer.h"

#include "clip/base/files.h"
#include "clip/text/bpe.h"
#include "clip/text/text_clean.h"
#include "clip/text/text_words.h"
#include "clip/text/vocabulary_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

struct Tokenizer {
    Arena *arena; /* owns all below */
    Bpe *bpe;
    const char **words; /* (size) by id, bytes */
    int n_surplus;
    char digest[65];
};

/* A tokenizer.json may list ids other than those of CLIP's order: then the checkpoint beside it was not
 * trained with these. If the file goes on after the merges in use, so do its ids. */
static int check_listed(const Tokenizer *tokenizer, const Vocabulary *vocabulary, Error *err) {
    int first_special = tokenizer_start(tokenizer);
    for (int i = 0; i < vocabulary->n_listed; i++) {
        ListedToken listed = vocabulary->listed[i];
        int id = bpe_find(tokenizer->bpe, listed.token);
        if (id >= 0 && id != listed.id && !(vocabulary->cut && listed.id >= first_special)) {
            return error_set(err, "%s: model.vocab: \"%.40s\" is %d where CLIP's order makes it %d",
                             vocabulary->path, listed.token, listed.id, id);
        }
    }
    return 0;
}

/* The words of all ids: letters turned back into the bytes they stand for. */
static int spell_words(Tokenizer *tokenizer, Error *err) {
    int size = bpe_size(tokenizer->bpe);
    size_t n_bytes = 0;
    for (int id = 0; id < size; id++)
        n_bytes += strlen(bpe_spelling(tokenizer->bpe, id)) + 1; /* no byte is longer than its letter */
    tokenizer->words = ARENA_NEW(tokenizer->arena, const char *, size);
    char *text = ARENA_NEW(tokenizer->arena, char, n_bytes);
    if (arena_failed(tokenizer->arena))
        return error_memory(err);
    for (int id = 0; id < size; id++) {
        const char *spelling = bpe_spelling(tokenizer->bpe, id);
        size_t n = strlen(spelling);
        tokenizer->words[id] = text;
        for (size_t at = 0; at < n;) {
            ucs4_t letter;
            at += (size_t)u8_mbtouc_unsafe(&letter, (const uint8_t *)spelling + at, n - at);
            *text++ = (char)vocabulary_byte(letter);
        }
        *text++ = '\0';
    }
    return 0;
}

/* The digest is over the lines "left right\n", so it does not depend on the kind of the file. */
static int digest_merges(Tokenizer *tokenizer, const Vocabulary *vocabulary, Error *err) {
    size_t size = 0, mark = arena_mark(tokenizer->arena);
    for (int m = 0; m < vocabulary->n_merges; m++)
        size += strlen(vocabulary->merges[m].left) + strlen(vocabulary->merges[m].right) + 2;
    char *text = ARENA_NEW(tokenizer->arena, char, size + 1);
    if (!text)
        return error_memory(err);
    char *at = text;
    for (int m = 0; m < vocabulary->n_merges; m++) {
        at = stpcpy(stpcpy(at, vocabulary->merges[m].left), " ");
        at = stpcpy(stpcpy(at, vocabulary->merges[m].right), "\n");
    }
    digest_bytes(tokenizer->digest, text, size);
    arena_reset(tokenizer->arena, mark);
    return 0;
}

Tokenizer *tokenizer_open(const char *path, int max_merges, Error *err) {
    Tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (tokenizer)
        tokenizer->arena = arena_create();
    if (!tokenizer || !tokenizer->arena) {
        error_memory(err);
        goto fail;
    }
    Vocabulary vocabulary;
    if (vocabulary_read(&vocabulary, path, max_merges, tokenizer->arena, err) < 0)
        goto fail;
    tokenizer->n_surplus = vocabulary.n_surplus;
    tokenizer->bpe = bpe_build(&vocabulary, tokenizer->arena, err);
    if (!tokenizer->bpe || check_listed(tokenizer, &vocabulary, err) < 0 || spell_words(tokenizer, err) < 0 ||
        digest_merges(tokenizer, &vocabulary, err) < 0)
        goto fail;
    return tokenizer;
fail:
    tokenizer_free(tokenizer);
    return NULL;
}

void tokenizer_free(Tokenizer *tokenizer) {
    if (tokenizer) {
        arena_free(tokenizer->arena);
        free(tokenizer);
    }
}

int tokenizer_size(const Tokenizer *tokenizer) {
    return bpe_size(tokenizer->bpe);
}

int tokenizer_surplus(const Tokenizer *tokenizer) {
    return tokenizer->n_surplus;
}

int tokenizer_start(const Tokenizer *tokenizer) {
    return bpe_size(tokenizer->bpe) - 2;
}

int tokenizer_end(const Tokenizer *tokenizer) {
    return bpe_size(tokenizer->bpe) - 1;
}

const char *tokenizer_digest(const Tokenizer *tokenizer) {
    return tokenizer->digest;
}

const char *tokenizer_word(const Tokenizer *tokenizer, int id) {
    assert(id >= 0 && id < tokenizer_size(tokenizer));
    return tokenizer->words[id];
}

/* --- encoding --- */

static bool is_text(const unsigned char *bytes, size_t size, const char *text) {
    return size == strlen(text) && memcmp(bytes, text, size) == 0;
}

/* The ids of one word of code points, into ids owned by the arena. Returns how many, -1 on failure. */
static int encode_word(const Tokenizer *tokenizer, const uint32_t *points, size_t count, Arena *arena,
                       int **ids, Error *err) {
    unsigned char *bytes = ARENA_NEW(arena, unsigned char, 4 * count);
    *ids = ARENA_NEW(arena, int, 4 * count);
    if (arena_failed(arena))
        return error_memory(err);
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += (size_t)u8_uctomb(bytes + size, points[i], 4);
    /* In a text, CLIP takes the names of the special tokens for the tokens themselves. */
    if (is_text(bytes, size, "<|startoftext|>")) {
        **ids = tokenizer_start(tokenizer);
        return 1;
    }
    if (is_text(bytes, size, "<|endoftext|>")) {
        **ids = tokenizer_end(tokenizer);
        return 1;
    }
    return bpe_encode(tokenizer->bpe, bytes, (int)size, arena, *ids, err);
}

int tokenizer_encode(const Tokenizer *tokenizer, const char *text, int *ids, int capacity, Error *err) {
    Arena *arena = arena_create();
    if (!arena)
        return error_memory(err);
    int n_ids = 0;
    uint32_t *points;
    size_t count, length;
    if (text_clean(text, arena, &points, &count, err) < 0) {
        n_ids = -1;
        goto out;
    }
    size_t mark = arena_mark(arena);
    for (size_t at = 0; (length = text_word(points, count, &at)) > 0; at += length) {
        int *found;
        int n = encode_word(tokenizer, points + at, length, arena, &found, err);
        if (n < 0) {
            n_ids = -1;
            goto out;
        }
        for (int i = 0; i < n && n_ids + i < capacity; i++)
            ids[n_ids + i] = found[i];
        n_ids += n;
        arena_reset(arena, mark);
    }
out:
    arena_free(arena);
    return n_ids;
}
