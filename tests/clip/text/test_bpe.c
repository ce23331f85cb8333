/* Byte-pair merging with vocabularies made by hand. */
#include "clip/text/bpe.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Encodes a word; expected: the spellings of its ids, each followed by a blank. */
static void check(const Bpe *bpe, const char *word, const char *expected) {
    Arena *scratch = arena_create();
    Error err = {0};
    int ids[512];
    char found[4096] = "";
    int size = (int)strlen(word);
    assert_in_range(size, 1, 512);
    int n = bpe_encode(bpe, (const unsigned char *)word, size, scratch, ids, &err);
    assert_in_range(n, 1, size);
    for (int i = 0; i < n; i++) {
        strcat(strcat(found, bpe_spelling(bpe, ids[i])), " ");
        assert_int_equal(bpe_find(bpe, bpe_spelling(bpe, ids[i])), ids[i]);
    }
    assert_string_equal(found, expected);
    arena_free(scratch);
}

static Bpe *build(Merge *merges, int n, Arena *arena, Error *err) {
    Vocabulary vocabulary = {.path = "V", .n_merges = n, .merges = merges};
    return bpe_build(&vocabulary, arena, err);
}

static void test_bytes(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Bpe *bpe = build(NULL, 0, arena, NULL);
    assert_non_null(bpe);
    assert_int_equal(bpe_size(bpe), 514);
    assert_string_equal(bpe_spelling(bpe, 0), "!");
    assert_string_equal(bpe_spelling(bpe, 93), "~");
    assert_string_equal(bpe_spelling(bpe, 94), "\u00A1");
    assert_string_equal(bpe_spelling(bpe, 188), "\u0100");
    assert_string_equal(bpe_spelling(bpe, 255), "\u0143");
    assert_string_equal(bpe_spelling(bpe, 256), "!</w>");
    assert_string_equal(bpe_spelling(bpe, 512), "<|startoftext|>");
    assert_string_equal(bpe_spelling(bpe, 513), "<|endoftext|>");
    assert_int_equal(bpe_find(bpe, "a</w>"), 256 + 'a' - '!');
    assert_int_equal(bpe_find(bpe, "ab"), -1);
    check(bpe, "a", "a</w> ");
    check(bpe, "ab \xC3", "a b \u0120 \u00C3</w> ");
    arena_free(arena);
}

static void test_lowest_rank_first(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Merge merges[] = {{"b", "c"}, {"a", "b"}, {"a", "bc"}, {"a", "a"}, {"aa", "a"}, {"x", "y</w>"}};
    Bpe *bpe = build(merges, 6, arena, NULL);
    assert_non_null(bpe);
    check(bpe, "abcd", "abc d</w> ");
    check(bpe, "abd", "ab d</w> ");
    check(bpe, "aaz", "aa z</w> ");
    check(bpe, "aaaz", "aaa z</w> ");
    check(bpe, "aaaaz", "aa aa z</w> "); /* from left to right, all occurrences before the next pair */
    check(bpe, "xyxy", "x y xy</w> ");
    arena_free(arena);
}

/* A merge whose parts are made only later in the list: CLIP merges every occurrence of a pair before it looks
 * for the next, even when a pair of a lower rank has come up meanwhile. */
static void test_ranks_out_of_order(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Merge merges[] = {{"ab", "a"}, {"a", "b"}, {"aba", "b"}};
    Bpe *bpe = build(merges, 3, arena, NULL);
    assert_non_null(bpe);
    check(bpe, "ababz", "ab ab z</w> ");
    check(bpe, "abaz", "aba z</w> ");
    check(bpe, "abacz", "aba c z</w> ");
    arena_free(arena);
}

/* Two merges that spell the same: one symbol, which goes by the later id. */
static void test_one_spelling_twice(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Merge merges[] = {{"a", "b"}, {"b", "c"}, {"ab", "c"}, {"a", "bc"}, {"abc", "d"}};
    Bpe *bpe = build(merges, 5, arena, NULL);
    assert_non_null(bpe);
    assert_int_equal(bpe_find(bpe, "abc"), 512 + 3);
    check(bpe, "abcz", "abc z</w> ");
    check(bpe, "abcdz", "abcd z</w> ");
    arena_free(arena);
}

static void test_duplicate(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Error err = {0};
    Merge merges[] = {{"a", "b"}, {"b", "c"}, {"a", "b"}};
    assert_null(build(merges, 3, arena, &err));
    assert_string_equal(err.text, "V: line 4: this merge stands in the file before");
    arena_free(arena);
}

static void test_long_word(void **state) {
    (void)state;
    enum { SIZE = 200000 };
    Arena *arena = arena_create();
    Merge merges[] = {{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}};
    Bpe *bpe = build(merges, 3, arena, NULL);
    unsigned char *word = malloc(SIZE + 1);
    int *ids = malloc((SIZE + 1) * sizeof *ids);
    assert_non_null(bpe);
    assert_non_null(word);
    assert_non_null(ids);
    memset(word, 'a', SIZE + 1);
    assert_int_equal(bpe_encode(bpe, word, SIZE + 1, arena, ids, NULL), SIZE / 8 + 1);
    assert_int_equal(ids[0], 514);
    assert_int_equal(ids[SIZE / 8 - 1], 514);
    assert_int_equal(ids[SIZE / 8], 256 + 'a' - '!');
    free(word);
    free(ids);
    arena_free(arena);
}

/* --- a vocabulary that means harm --- */

/* The first third makes 3 symbols each; the others are pairs of those which all fall to the same few places
 * of a table, if it multiplies a pair by 2^64 / phi, as tables often do. */
enum { N_HOSTILE = 300000, N_FIRST = N_HOSTILE / 3, MASK = (1 << 20) - 1 };

static uint32_t product(uint64_t pair) {
    return (uint32_t)((pair * 0x9E3779B97F4A7C15u) >> 32);
}

static const char *hostile_symbol(int symbol, Arena *arena) {
    int line = (symbol - 512) / 3;
    return (symbol - 512) % 3 == 0   ? arena_printf(arena, "%05x", line)
           : (symbol - 512) % 3 == 1 ? arena_printf(arena, "+%05x", line)
                                     : arena_printf(arena, "%05x+%05x", line, line);
}

static void test_hostile_pairs(void **state) {
    (void)state;
    const int n_symbols = 512 + 3 * N_FIRST;
    Arena *arena = arena_create();
    Merge *merges = ARENA_NEW(arena, Merge, N_HOSTILE);
    int *first = ARENA_NEW(arena, int, MASK + 1), *next = ARENA_NEW(arena, int, n_symbols);
    for (int i = 0; i < N_FIRST; i++)
        merges[i] = (Merge){hostile_symbol(512 + 3 * i, arena), hostile_symbol(513 + 3 * i, arena)};
    for (int right = 512; right < n_symbols; right++) { /* by the place that they add */
        next[right] = first[product((uint64_t)right) & MASK];
        first[product((uint64_t)right) & MASK] = right;
    }
    int n = N_FIRST;
    for (uint32_t place = 0; n < N_HOSTILE; place++)
        for (int left = 512; left < n_symbols && n < N_HOSTILE; left++)
            for (int right = first[(place - product((uint64_t)left << 32)) & MASK]; right && n < N_HOSTILE;
                 right = next[right])
                merges[n++] = (Merge){hostile_symbol(left, arena), hostile_symbol(right, arena)};
    Error err = {0};
    clock_t start = clock();
    Bpe *bpe = build(merges, N_HOSTILE, arena, &err);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_non_null(bpe);
    assert_int_equal(bpe_size(bpe), 514 + N_HOSTILE);
    if (seconds > 2 && !scratch_instrumented())
        fail_msg("%.1f s", seconds);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_lowest_rank_first),
        cmocka_unit_test(test_ranks_out_of_order),
        cmocka_unit_test(test_one_spelling_twice),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_long_word),
        cmocka_unit_test(test_hostile_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
