/* test_broken_pairs.c: each pair that cannot be read is named once, and those that are not named are counted.
 */
#include "experiments/pretrain/broken_pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int count(const char *text, const char *part) {
    int n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void each_is_named_once(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    Arena *arena = arena_create();
    FILE *out = open_memstream(&text, &size);
    Progress progress;
    progress_start_with(&progress, out, PROGRESS_LINES, "x", 10, 80, NULL, NULL);
    BrokenPairs broken = {.progress = &progress, .named.arena = arena};
    const LoadedBatch one = {.n_broken = 1, .broken = {"a.jpg: no JPEG"}};
    const LoadedBatch six = {.n_broken = 6, .broken = {"a.jpg: no JPEG", "b.jpg", "c.jpg", "d.jpg"}};
    broken_pairs_tell(&broken, &one);
    broken_pairs_tell(&broken, &one);
    broken_pairs_tell(&broken, &six);
    broken_pairs_tell(&broken, &(LoadedBatch){.n = 3});
    fclose(out);
    assert_int_equal(count(text, "skipped: a.jpg: no JPEG\n"), 1);
    assert_int_equal(count(text, "skipped: d.jpg\n"), 1);
    assert_int_equal(count(text, "skipped: 2 more"), 1);
    assert_int_equal(count(text, "\n"), 5);
    assert_int_equal(broken.n_unnamed, 2);
    free(text);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_named_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
