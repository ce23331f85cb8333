/* test_readme.c: the tables of keys in experiments/README.md are those of the program. WRITE=1 in the
 * environment writes them anew.
 */
#include "clip/base/files.h"
#include "experiments/config/config_keys.h"
#include "experiments/methods/methods.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define README "experiments/README.md"
#define BEGIN "<!-- keys: written by tests/experiments/config/test_readme.c -->\n"
#define END "<!-- end of keys -->\n"

/* One cell: a bar would end it, a line break the row. */
static void write_cell(FILE *out, const char *text) {
    for (const char *at = text; *at; at++)
        if (*at == '|')
            fputs("\\|", out);
        else
            fputc(*at == '\n' ? ' ' : *at, out);
}

static void write_key(FILE *out, const KeySpec *key) {
    char type[64];
    key_type_text(key, type, sizeof type);
    fprintf(out, "| `%s` | ", key->name);
    write_cell(out, type);
    if (key->flags & KEY_REQUIRED)
        fprintf(out, " | required | ");
    else if (key->fallback)
        fprintf(out, " | `%s` | ", key->fallback);
    else
        fprintf(out, " | | ");
    write_cell(out, key->help);
    fprintf(out, " |\n");
}

static void write_section(FILE *out, const SectionSpec *section) {
    const KeySpec *key;
    if (*section->name)
        fprintf(out, "\n### `%s`%s%s\n", section->name, section->help ? ": " : "",
                section->help ? section->help : "");
    else
        fprintf(out, "\n### Top level\n");
    fprintf(out, "\n| key | takes | default | meaning |\n|---|---|---|---|\n");
    for (int i = 0; (key = section_key_at(section, i)); i++)
        write_key(out, key);
}

/* Owned by the caller. */
static char *tables(void) {
    const SectionSpec *section;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (int i = 0; (section = section_at(method_list(), i)); i++)
        write_section(out, section);
    fprintf(out, "\n");
    assert_int_equal(fclose(out), 0);
    return text;
}

static void keys_are_those_of_the_program(void **state) {
    (void)state;
    Error err = {0};
    Arena *arena = arena_create();
    char *expected = tables(), *readme = file_read(README, 1 << 20, arena, NULL, &err);
    assert_non_null(readme);
    char *begin = strstr(readme, BEGIN), *end = strstr(readme, END);
    assert_true(begin && end && begin < end);
    begin += strlen(BEGIN);
    const char *found = arena_printf(arena, "%.*s", (int)(end - begin), begin);
    if (getenv("WRITE")) {
        char *whole = arena_printf(arena, "%.*s%s%s", (int)(begin - readme), readme, expected, end);
        assert_int_equal(file_write(README, whole, strlen(whole), &err), 0);
    } else if (strcmp(found, expected) != 0) {
        fail_msg("%s: its tables of keys are not those of the program: run this test with WRITE=1", README);
    }
    free(expected);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_those_of_the_program)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
