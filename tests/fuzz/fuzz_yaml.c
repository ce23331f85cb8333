/* fuzz_yaml.c: experiment files. What follows the last "\n--set " is an override as on the command line. */
#define _GNU_SOURCE /* memmem */
#include "tests/fuzz/fuzz.h"

#include "experiments/config/study.h"
#include "experiments/methods/methods.h"

#include <string.h>

#define SET "\n--set "

/* The override, NUL-terminated and owned by the arena; *size becomes that of what stands before it. */
static const char *find_override(const uint8_t *data, size_t *size, Arena *arena) {
    const uint8_t *found = NULL, *at = data, *end = data + *size;
    while (*size > 0 && (at = memmem(at, (size_t)(end - at), SET, strlen(SET))))
        found = at++;
    if (!found)
        return NULL;
    size_t n = (size_t)(end - found) - strlen(SET);
    char *text = ARENA_NEW(arena, char, n + 1);
    if (text)
        memcpy(text, found + strlen(SET), n);
    *size = (size_t)(found - data) + 1;
    return text;
}

int fuzz_yaml(const uint8_t *data, size_t size) {
    FuzzFile input;
    Study study;
    Arena *arena = arena_create();
    const char *override = find_override(data, &size, arena);
    fuzz_open(&input, data, size);
    bool was_read = study_read(&study, input.path, &override, override != NULL, method_list(), input.arena,
                               &input.err) == 0;
    arena_free(arena);
    if (was_read)
        (void)experiment_memory_budget(&study.experiments[0]);
    return fuzz_close(&input, was_read, input.err.kind == ERROR_USAGE ? "--set " : NULL);
}

FUZZ_ENTRY(fuzz_yaml)
