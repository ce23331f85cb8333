/* templates.c: see templates.h. */
#include "experiments/config/templates.h"

#include "clip/base/files.h"
#include "coop/zeroshot.h"

#include <string.h>

#define MAX_TEMPLATE_FILE (1 << 20)

typedef struct {
    TextList *list;
    int capacity;
    const char *section; /* of the method, for messages */
    Arena *arena;
} Templates;

static int add_template(Templates *templates, const char *text, Error *err) {
    TextList *list = templates->list;
    const char **values =
        arena_grow(templates->arena, list->values, &templates->capacity, list->n + 1, sizeof *values);
    if (!values)
        return error_memory(err);
    list->values = values;
    list->values[list->n] = arena_strdup(templates->arena, text);
    return list->values[list->n++] ? 0 : error_memory(err);
}

/* One template per line; blank lines do not count. */
static int add_template_file(Templates *templates, const char *path, Error *err) {
    char *text = file_read(path, MAX_TEMPLATE_FILE, templates->arena, NULL, err);
    if (!text)
        return -1;
    int before = templates->list->n, line = 0;
    for (char *at = text; *at;) {
        size_t n = strcspn(at, "\n"), length = n;
        bool last = at[n] == '\0';
        line++;
        while (length > 0 && strchr(" \t\r", at[length - 1]))
            length--;
        at[length] = '\0';
        if (length > 0 && !strstr(at, "{}"))
            return error_set(err, "%s: line %d: a template without {}", path, line);
        if (length > 0 && add_template(templates, at, err) < 0)
            return -1;
        at += last ? n : n + 1;
        if (last)
            break;
    }
    return templates->list->n > before ? 0 : error_set(err, "%s: no templates", path);
}

/* An entry as written: default, ensemble, a text with {}, or a file. */
static int add_templates(Templates *templates, const char *entry, const DatasetSpec *dataset,
                         const Node *node, Error *err) {
    if (strcmp(entry, "default") == 0)
        return add_template(templates, default_template(dataset), err);
    if (strcmp(entry, "ensemble") == 0) {
        int n;
        const char *const *texts = zeroshot_ensemble(&n);
        for (int i = 0; i < n; i++)
            if (add_template(templates, texts[i], err) < 0)
                return -1;
        return 0;
    }
    if (strstr(entry, "{}"))
        return add_template(templates, entry, err);
    char *path = path_expand(templates->arena, entry);
    if (!path)
        return error_memory(err);
    if (!file_exists(path))
        return node_error(
            node, err,
            "%s.templates: '%.100s' has no {} for the class name, and is not default, ensemble or a "
            "file",
            templates->section, entry);
    return add_template_file(templates, path, err);
}

int templates_resolve(TextList *list, const DatasetSpec *dataset, const char *section, const Node *node,
                      Arena *arena, Error *err) {
    TextList written = *list;
    Templates templates = {.list = list, .section = section, .arena = arena};
    *list = (TextList){0};
    for (int i = 0; i < written.n; i++)
        if (add_templates(&templates, written.values[i], dataset, node, err) < 0)
            return -1;
    return 0;
}
