/* class_names.c: see class_names.h */
#include "datasets/lists/class_names.h"
#include "clip/base/nearest.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/text_lines.h"

#include <string.h>
#include <unistr.h>

typedef struct {
    Dataset *dataset;
    TextLines lines;
    NamedValue *present; /* (n_classes), sorted; the value is the label */
    const char **names;  /* (n_classes), the new ones by label */
    int *line_of;        /* (n_classes), by label; 0 when there was none yet */
} Renaming;

static int unknown_class(const Renaming *renaming, const char *name, Error *err) {
    const Dataset *dataset = renaming->dataset;
    const char *nearest = nearest_word(name, dataset->class_names, dataset->n_classes);
    return error_set(err, "%s: line %d: no class '%s' in %s%s%s%s", renaming->lines.path,
                     renaming->lines.line, name, dataset->source, nearest ? " (did you mean '" : "",
                     nearest ? nearest : "", nearest ? "'?)" : "");
}

static int read_line(Renaming *renaming, char *line, Error *err) {
    const TextLines *lines = &renaming->lines;
    const char *name = line_cut(lines, line, err);
    if (!name)
        return -1;
    const NamedValue *found = names_find(renaming->present, renaming->dataset->n_classes, line);
    if (!found)
        return unknown_class(renaming, line, err);
    if (renaming->line_of[found->value])
        return error_set(err, "%s: line %d: class '%s' comes twice (first on line %d)", lines->path,
                         lines->line, line, renaming->line_of[found->value]);
    if (u8_check((const uint8_t *)name, strlen(name)))
        return error_set(err, "%s: line %d: the name is not UTF-8", lines->path, lines->line);
    renaming->names[found->value] = name;
    renaming->line_of[found->value] = lines->line;
    return 0;
}

/* Names that a prompt shows alike: an underscore stands there as a blank. */
static int check_distinct(const Renaming *renaming, Arena *arena, Error *err) {
    int n = renaming->dataset->n_classes;
    NamedValue *shown = ARENA_NEW(arena, NamedValue, n);
    if (!shown)
        return error_memory(err);
    for (int label = 0; label < n; label++) {
        char *name = arena_strdup(arena, renaming->names[label]);
        if (!name)
            return error_memory(err);
        for (char *at = name; (at = strchr(at, '_'));)
            *at = ' ';
        shown[label] = (NamedValue){.name = name, .value = renaming->line_of[label]};
    }
    names_sort(shown, n);
    for (int i = 1; i < n; i++)
        if (strcmp(shown[i - 1].name, shown[i].name) == 0)
            return error_set(err, "%s: line %d: the name '%s' is that of line %d too", renaming->lines.path,
                             shown[i].value, shown[i].name, shown[i - 1].value);
    return 0;
}

int class_names_apply(Dataset *dataset, const char *path, Arena *arena, Error *err) {
    const int n = dataset->n_classes;
    Renaming renaming = {.dataset = dataset,
                         .present = ARENA_NEW(arena, NamedValue, n),
                         .names = ARENA_NEW(arena, const char *, n),
                         .line_of = ARENA_NEW(arena, int, n)};
    if (arena_failed(arena))
        return error_memory(err);
    for (int label = 0; label < n; label++)
        renaming.present[label] = (NamedValue){.name = dataset->class_names[label], .value = label};
    names_sort(renaming.present, n);
    if (lines_open(&renaming.lines, path, arena, err) < 0)
        return -1;
    for (char *line; (line = lines_next(&renaming.lines));)
        if (read_line(&renaming, line, err) < 0)
            return -1;
    for (int label = 0; label < n; label++)
        if (!renaming.line_of[label])
            return error_set(err, "%s: no line for class '%s' of %s", path, dataset->class_names[label],
                             dataset->source);
    if (check_distinct(&renaming, arena, err) < 0)
        return -1;
    dataset->class_names = renaming.names;
    return 0;
}
