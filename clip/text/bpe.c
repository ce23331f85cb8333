/* bpe.c: symbols, merges and their ranks; the merging of one word.
 *
 * A symbol is a spelling: two merges that spell the same are one symbol, whose id is the later one (the
 * Python code looks ids up by spelling, in a dict that keeps the last). A pair of symbols has at most one
 * merge, its rank.
 *
 * Merging a word, as openai/CLIP's SimpleTokenizer.bpe: start with one symbol per byte, the last with "</w>";
 * take the pair of the lowest rank that occurs, merge all its occurrences from left to right, repeat. That
 * code searches the word anew each time. Here the symbols are a linked list and the pairs that occur wait in
 * a heap ordered by (rank, position), so a word of n bytes takes O(n log n). Pairs that a merge creates enter
 * the heap only after all occurrences of its pair are merged: the order is exactly that of the original,
 * whatever the ranks are.
 *
 * The hash functions are drawn at random (Carter and Wegman 1979; Dietzfelbinger 1996), so that no file can
 * be made whose symbols all hash to the same slot.
 */
#include "clip/text/bpe.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistr.h>

typedef struct {
    const char *spelling;
    int id; /* -1: part of a merge but no token itself */
} Symbol;

typedef struct {
    int left, right; /* symbols */
    int merge;       /* its rank + 1; 0 marks a free slot */
} Pair;

struct Bpe {
    uint64_t keys[4]; /* of the hashes */
    int n_merges;
    int n_symbols;
    Symbol *symbols;   /* (n_symbols); the first BPE_BASE are the bytes, in order of their ids */
    int *symbol_slots; /* (symbol_mask + 1) hash table by spelling: symbol + 1, 0 marks a free slot */
    size_t symbol_mask;
    Pair *pairs; /* (pair_mask + 1) hash table by both symbols */
    size_t pair_mask;
    int *results;                  /* (n_merges) the symbol that each merge makes */
    int *merge_left, *merge_right; /* (n_merges) the symbols that it takes */
    int byte_symbol[BPE_BYTES];    /* without "</w>"; with it, add BPE_BYTES */
    const char **spellings;        /* (size) by id */
};

/* --- tables --- */

/* A polynomial in the bytes, evaluated at a secret point, modulo the prime 2^61 - 1. */
static uint64_t hash_text(const Bpe *bpe, const char *text) {
    const uint64_t prime = ((uint64_t)1 << 61) - 1, place = bpe->keys[0] % prime;
    uint64_t hash = 1;
    for (; *text != '\0'; text++) {
        unsigned __int128 next = (unsigned __int128)hash * place + (unsigned char)*text;
        hash = ((uint64_t)next & prime) + (uint64_t)(next >> 61);
        hash = hash >= prime ? hash - prime : hash;
    }
    return hash;
}

static size_t hash_pair(const Bpe *bpe, int left, int right) {
    uint64_t hash = bpe->keys[1] + bpe->keys[2] * (uint64_t)left + bpe->keys[3] * (uint64_t)right;
    return (size_t)(hash >> 32);
}

/* The slot of a spelling: the one that holds it, or the free one where it belongs. */
static int *symbol_slot(const Bpe *bpe, const char *spelling) {
    size_t at = hash_text(bpe, spelling) & bpe->symbol_mask;
    while (bpe->symbol_slots[at] != 0 &&
           strcmp(bpe->symbols[bpe->symbol_slots[at] - 1].spelling, spelling) != 0)
        at = (at + 1) & bpe->symbol_mask;
    return &bpe->symbol_slots[at];
}

static Pair *pair_slot(const Bpe *bpe, int left, int right) {
    size_t at = hash_pair(bpe, left, right) & bpe->pair_mask;
    while (bpe->pairs[at].merge != 0 && (bpe->pairs[at].left != left || bpe->pairs[at].right != right))
        at = (at + 1) & bpe->pair_mask;
    return &bpe->pairs[at];
}

static int intern(Bpe *bpe, const char *spelling) {
    int *slot = symbol_slot(bpe, spelling);
    if (*slot == 0) {
        bpe->symbols[bpe->n_symbols++] = (Symbol){spelling, -1};
        *slot = bpe->n_symbols;
    }
    return *slot - 1;
}

/* Gives the next id to a spelling. Returns its symbol. */
static int add_token(Bpe *bpe, int id, const char *spelling) {
    int symbol = intern(bpe, spelling);
    bpe->symbols[symbol].id = id;
    bpe->spellings[id] = spelling;
    return symbol;
}

/* The ids of single bytes: those that are their own letter first, then the others. */
static int add_bytes(Bpe *bpe, Arena *arena, Error *err) {
    int id = 0;
    for (int own = 1; own >= 0; own--) {
        for (int byte = 0; byte < BPE_BYTES; byte++) {
            if ((vocabulary_letter(byte) == (uint32_t)byte) != own)
                continue;
            char letter[8] = "";
            u8_uctomb((uint8_t *)letter, vocabulary_letter(byte), (ptrdiff_t)sizeof letter - 1);
            bpe->byte_symbol[byte] = id;
            bpe->spellings[id] = arena_strdup(arena, letter);
            bpe->spellings[id + BPE_BYTES] = arena_printf(arena, "%s</w>", letter);
            id++;
        }
    }
    if (arena_failed(arena))
        return error_memory(err);
    for (id = 0; id < BPE_BASE; id++)
        add_token(bpe, id, bpe->spellings[id]);
    return 0;
}

/* The spelling of what the merge makes goes to *text, which is moved past it. */
static int add_merge(Bpe *bpe, int m, const Vocabulary *vocabulary, char **text, Error *err) {
    const Merge *merge = &vocabulary->merges[m];
    char *spelling = *text;
    *text = stpcpy(stpcpy(spelling, merge->left), merge->right) + 1;
    int left = intern(bpe, merge->left), right = intern(bpe, merge->right);
    Pair *pair = pair_slot(bpe, left, right);
    if (pair->merge != 0)
        return vocabulary_error(vocabulary, m, err, "this merge stands in the file before");
    *pair = (Pair){left, right, m + 1};
    bpe->merge_left[m] = left;
    bpe->merge_right[m] = right;
    bpe->results[m] = add_token(bpe, BPE_BASE + m, spelling);
    return 0;
}

static int add_merges(Bpe *bpe, const Vocabulary *vocabulary, Arena *arena, Error *err) {
    size_t size = 0;
    for (int m = 0; m < vocabulary->n_merges; m++)
        size += strlen(vocabulary->merges[m].left) + strlen(vocabulary->merges[m].right) + 1;
    char *text = ARENA_NEW(arena, char, size);
    if (!text)
        return error_memory(err);
    for (int m = 0; m < vocabulary->n_merges; m++)
        if (add_merge(bpe, m, vocabulary, &text, err) < 0)
            return -1;
    return 0;
}

/* A power of two, at least twice n. */
static size_t table_size(size_t n) {
    size_t size = 16;
    while (size < 2 * n)
        size *= 2;
    return size;
}

Bpe *bpe_build(const Vocabulary *vocabulary, Arena *arena, Error *err) {
    size_t n_merges = (size_t)vocabulary->n_merges, size = BPE_BASE + n_merges + 2;
    size_t max_symbols = size + 2 * n_merges; /* each merge: its two parts and what it makes */
    Bpe *bpe = ARENA_NEW(arena, Bpe, 1);
    if (!bpe) {
        error_memory(err);
        return NULL;
    }
    if (getrandom(bpe->keys, sizeof bpe->keys, 0) != sizeof bpe->keys) {
        error_run(err, "no random numbers: %s", strerror(errno));
        return NULL;
    }
    bpe->n_merges = vocabulary->n_merges;
    bpe->symbol_mask = table_size(max_symbols) - 1;
    bpe->pair_mask = table_size(n_merges) - 1;
    bpe->symbols = ARENA_NEW(arena, Symbol, max_symbols);
    bpe->symbol_slots = ARENA_NEW(arena, int, bpe->symbol_mask + 1);
    bpe->pairs = ARENA_NEW(arena, Pair, bpe->pair_mask + 1);
    bpe->results = ARENA_NEW(arena, int, n_merges);
    bpe->merge_left = ARENA_NEW(arena, int, n_merges);
    bpe->merge_right = ARENA_NEW(arena, int, n_merges);
    bpe->spellings = ARENA_NEW(arena, const char *, size);
    if (arena_failed(arena)) {
        error_memory(err);
        return NULL;
    }
    if (add_bytes(bpe, arena, err) < 0 || add_merges(bpe, vocabulary, arena, err) < 0)
        return NULL;
    add_token(bpe, BPE_BASE + bpe->n_merges, "<|startoftext|>");
    add_token(bpe, BPE_BASE + bpe->n_merges + 1, "<|endoftext|>");
    return bpe;
}

int bpe_size(const Bpe *bpe) {
    return BPE_BASE + bpe->n_merges + 2;
}

const char *bpe_spelling(const Bpe *bpe, int id) {
    return bpe->spellings[id];
}

int bpe_find(const Bpe *bpe, const char *spelling) {
    int slot = *symbol_slot(bpe, spelling);
    return slot == 0 ? -1 : bpe->symbols[slot - 1].id;
}

/* --- the heap of pairs that occur --- */

typedef struct {
    int rank, at; /* at: position of the pair's left symbol */
} Waiting;

typedef struct {
    Waiting *items; /* items[0] is the least */
    int count;
} Heap;

static bool before(Waiting a, Waiting b) {
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(Heap *heap, Waiting item) {
    int hole = heap->count++;
    while (hole > 0 && before(item, heap->items[(hole - 1) / 2])) {
        heap->items[hole] = heap->items[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap->items[hole] = item;
}

static Waiting heap_pop(Heap *heap) {
    Waiting least = heap->items[0], last = heap->items[--heap->count];
    int hole = 0;
    for (int child = 1; child < heap->count; child = 2 * hole + 1) {
        if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child]))
            child++;
        if (!before(heap->items[child], last))
            break;
        heap->items[hole] = heap->items[child];
        hole = child;
    }
    heap->items[hole] = last;
    return least;
}

/* --- one word --- */

/* Positions are bytes of the word. A symbol is at the position of its first byte. */
typedef struct {
    const Bpe *bpe;
    int *symbol;          /* (size) -1: inside a longer symbol */
    int *next, *previous; /* (size) positions of the neighbours; -1 at the ends */
    int *merged;          /* (size) where the current merge took place */
    Heap heap;
} Word;

/* Puts the pair that starts at a position on the heap if it has a merge. */
static void wait_for(Word *word, int at) {
    if (at < 0 || word->next[at] < 0)
        return;
    const Pair *pair = pair_slot(word->bpe, word->symbol[at], word->symbol[word->next[at]]);
    if (pair->merge != 0)
        heap_push(&word->heap, (Waiting){pair->merge - 1, at});
}

/* Merges every occurrence of the pair of the lowest rank. */
static void merge_lowest(Word *word) {
    const Bpe *bpe = word->bpe;
    int rank = word->heap.items[0].rank, n_merged = 0;
    while (word->heap.count > 0 && word->heap.items[0].rank == rank) {
        int at = heap_pop(&word->heap).at;
        int right = word->next[at];
        /* One of the two may be part of another symbol by now. */
        if (word->symbol[at] != bpe->merge_left[rank] || right < 0 ||
            word->symbol[right] != bpe->merge_right[rank])
            continue;
        word->symbol[at] = bpe->results[rank];
        word->symbol[right] = -1;
        word->next[at] = word->next[right];
        if (word->next[at] >= 0)
            word->previous[word->next[at]] = at;
        word->merged[n_merged++] = at;
    }
    for (int i = 0; i < n_merged; i++) {
        wait_for(word, word->previous[word->merged[i]]);
        wait_for(word, word->merged[i]);
    }
}

int bpe_encode(const Bpe *bpe, const unsigned char *bytes, int size, Arena *scratch, int *ids, Error *err) {
    /* Each byte but the last starts a pair, and each of the size - 1 merges at most creates two. */
    Word word = {.bpe = bpe, .heap.items = ARENA_NEW(scratch, Waiting, 3 * (size_t)size)};
    word.symbol = ARENA_NEW(scratch, int, size);
    word.next = ARENA_NEW(scratch, int, size);
    word.previous = ARENA_NEW(scratch, int, size);
    word.merged = ARENA_NEW(scratch, int, size);
    if (arena_failed(scratch))
        return error_memory(err);
    for (int at = 0; at < size; at++) {
        word.symbol[at] = bpe->byte_symbol[bytes[at]] + (at + 1 == size ? BPE_BYTES : 0);
        word.previous[at] = at - 1;
        word.next[at] = at + 1 < size ? at + 1 : -1;
    }
    for (int at = 0; at < size; at++)
        wait_for(&word, at);
    while (word.heap.count > 0)
        merge_lowest(&word);
    int n_ids = 0;
    for (int at = 0; at >= 0; at = word.next[at])
        ids[n_ids++] = bpe->symbols[word.symbol[at]].id;
    return n_ids;
}
