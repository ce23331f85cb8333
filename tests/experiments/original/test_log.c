/* test_log.c: experiments/original/log.c: where the log goes, and that an earlier one stays. */
#include "experiments/original/log.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *path, const char *text, Arena *arena) {
    const char *read = file_read(path, 1000, arena, NULL, NULL);
    assert_non_null(read);
    assert_string_equal(read, text);
}

static void write_line(const char *output, Log *log, Arena *arena) {
    Error err = {0};
    if (log_open(log, output, arena, &err) < 0)
        fail_msg("%s", err.text);
    log_printf(log, "* total: %d\n", 3);
    expect(log->path, "* total: 3\n", arena); /* seen at once */
    log_puts(log, "end\n");
    assert_int_equal(log_close(log, &err), 0);
    expect(log->path, "* total: 3\nend\n", arena);
}

static void test_log(void **state) {
    Arena *arena = arena_create();
    Log first, second, named;
    const char *output = arena_printf(arena, "%s/a/b", (const char *)*state);
    write_line(output, &first, arena);
    assert_string_equal(first.path, path_join(arena, output, "log.txt"));
    write_line(output, &second, arena);
    const size_t n = strlen(first.path);
    assert_memory_equal(second.path, first.path, n);
    assert_int_equal(strlen(second.path), n + strlen("-2024-05-01-12-00-00"));
    expect(first.path, "* total: 3\nend\n", arena);
    write_line(path_join(arena, output, "run.log"), &named, arena); /* a file, as there */
    assert_string_equal(named.path, path_join(arena, output, "run.log"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
