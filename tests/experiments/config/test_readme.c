/* test_readme.c: the tables of keys in experiments/README.md are those of the program. WRITE=1 in the
 * environment writes them anew.
 */
#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "experiments/config/config_keys.h"
#include "experiments/config/section_read.h"
#include "experiments/methods/methods.h"
#include "experiments/pretrain/pretrain_keys.h"
#include "experiments/retrieve/retrieve_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define README "experiments/README.md"
#define BEGIN(kind) "<!-- keys" kind ": written by tests/experiments/config/test_readme.c -->\n"
#define END "<!-- end of keys -->\n"

/* One cell: a bar would end it, a line break the row. */
static void write_cell(Buffer *out, const char *text) {
    for (const char *at = text; *at; at++)
        if (*at == '|')
            buffer_puts(out, "\\|");
        else
            buffer_putc(out, *at == '\n' ? ' ' : *at);
}

static void write_key(Buffer *out, const KeySpec *key) {
    char type[KEY_TYPE_TEXT];
    key_type_text(key, type, sizeof type);
    buffer_printf(out, "| `%s` | ", key->name);
    write_cell(out, type);
    if (key->flags & KEY_REQUIRED)
        buffer_printf(out, " | required | ");
    else if (key->fallback)
        buffer_printf(out, " | `%s` | ", key->fallback);
    else
        buffer_printf(out, " | | ");
    write_cell(out, key->help);
    buffer_printf(out, " |\n");
}

/* of: tells sections of two kinds of files apart. */
static void write_section(Buffer *out, const SectionSpec *section, const char *of) {
    const KeySpec *key;
    if (*section->name)
        buffer_printf(out, "\n### `%s`%s%s%s\n", section->name, of, section->help ? ": " : "",
                      section->help ? section->help : "");
    else
        buffer_printf(out, "\n### Top level%s\n", of);
    buffer_printf(out, "\n| key | takes | default | meaning |\n|---|---|---|---|\n");
    for (int i = 0; (key = section_key_at(section, i)); i++)
        write_key(out, key);
}

static char *tables(const SectionList *sections, const char *of, Arena *arena) {
    const SectionSpec *section;
    Buffer out = {0};
    for (int i = 0; (section = sections->at(sections->context, i)); i++)
        write_section(&out, section, of);
    buffer_puts(&out, "\n");
    return buffer_take(&out, arena);
}

/* The tables behind the mark `begin`. */
static void check_tables(const char *mark, SectionList sections, const char *of) {
    Error err = {0};
    Arena *arena = arena_create();
    char *expected = tables(&sections, of, arena), *readme = file_read(README, 1 << 20, arena, NULL, &err);
    assert_non_null(readme);
    char *begin = strstr(readme, mark), *end = begin ? strstr(begin, END) : NULL;
    assert_non_null(end);
    begin += strlen(mark);
    const char *found = arena_printf(arena, "%.*s", (int)(end - begin), begin);
    if (getenv("WRITE")) {
        char *whole = arena_printf(arena, "%.*s%s%s", (int)(begin - readme), readme, expected, end);
        assert_int_equal(file_write(README, whole, strlen(whole), &err), 0);
    } else if (strcmp(found, expected) != 0) {
        fail_msg("%s: its tables of keys are not those of the program: run this test with WRITE=1", README);
    }
    arena_free(arena);
}

static const SectionSpec *section_of(const void *methods, int index) {
    return section_at(methods, index);
}

static void keys_are_those_of_the_program(void **state) {
    (void)state;
    check_tables(BEGIN(""), (SectionList){section_of, method_list()}, "");
}

static void keys_of_pretraining_too(void **state) {
    (void)state;
    check_tables(BEGIN(" of pretrain"), (SectionList){pretrain_section_at, NULL}, " of a pretraining");
}

static void keys_of_retrieval_too(void **state) {
    (void)state;
    check_tables(BEGIN(" of retrieve"), (SectionList){retrieve_section_at, NULL}, " of a retrieval");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_those_of_the_program),
                                       cmocka_unit_test(keys_of_pretraining_too),
                                       cmocka_unit_test(keys_of_retrieval_too)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
