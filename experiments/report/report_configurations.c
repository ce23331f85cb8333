/* report_configurations.c: the configuration behind every row, as YAML: that of its largest number of shots
 * as the run recorded it, of the others the lines that differ. */
#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/base/json.h"
#include "experiments/report/report_sections.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONFIG_FILE ((size_t)1 << 20)

/* --- JSON as YAML --- */

/* Scalars of JSON are scalars of YAML; empty lists and maps as well. */
static void write_scalar(Buffer *out, const json_t *value) {
    char *text = json_write(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    buffer_printf(out, " %s\n", text ? text : "");
    out->failed |= !text;
    free(text);
}

static void write_key(Buffer *out, const char *key) {
    bool plain = *key && strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(key);
    json_t *text = plain ? NULL : json_string(key);
    char *quoted = text ? json_write(text, JSON_ENCODE_ANY) : NULL;
    out->failed |= !plain && !quoted;
    buffer_printf(out, "%s:", plain || !quoted ? key : quoted);
    free(quoted);
    json_decref(text);
}

static void write_yaml(Buffer *out, json_t *value, int indent) {
    const char *key;
    json_t *child;
    size_t i = 0;
    bool empty = json_array_size(value) + json_object_size(value) == 0; /* a scalar too */
    if (empty) {
        write_scalar(out, value);
        return;
    }
    buffer_puts(out, indent > 0 ? "\n" : "");
    if (json_is_object(value))
        json_object_foreach(value, key, child) {
            buffer_printf(out, "%*s", indent, "");
            write_key(out, key);
            write_yaml(out, child, indent + 2);
        }
    else
        json_array_foreach(value, i, child) {
            buffer_printf(out, "%*s-", indent, "");
            write_yaml(out, child, indent + 2);
        }
}

/* NULL when memory is out. */
static const char *yaml_of(const char *config, Arena *arena) {
    Buffer out = {0};
    json_error_t why;
    json_t *json = json_read(config, strlen(config), &why);
    if (json)
        write_yaml(&out, json, 0);
    json_decref(json);
    return json ? buffer_take(&out, arena) : NULL;
}

/* The run's config.yaml, or what the result says. */
static const char *configuration(Html *html, const Score *score) {
    Error err = {0};
    Arena *arena = html->arena;
    const char *path = path_join(arena, score->folder, "config.yaml");
    const char *yaml = path && file_exists(path) ? file_read(path, MAX_CONFIG_FILE, arena, NULL, &err) : NULL;
    html->failed |= err.kind == ERROR_RUN;
    if (yaml)
        return yaml;
    const char *config = score->last->config;
    yaml = config ? yaml_of(config, arena) : "# not kept";
    html->failed |= !yaml;
    return yaml ? yaml : "";
}

/* --- into the page --- */

static bool has_line(const char *text, const char *line, size_t size) {
    for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
        if (strncmp(at, line, size) == 0 && (at[size] == '\n' || at[size] == '\0'))
            return true;
    return false;
}

/* The lines that `without` (or nothing) lacks. Every line by itself: a line end is a control character to
 * html_text. */
static void write_lines(Html *html, const char *text, const char *without) {
    size_t mark = arena_mark(html->arena);
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n");
        char *copy = arena_printf(html->arena, "%.*s", (int)size, line);
        if (copy && !(without && has_line(without, line, size))) {
            html_text(html, copy);
            html_markup(html, "\n");
        }
        line += size + (line[size] == '\n');
    }
    html_reset(html, mark);
}

static void write_row(Html *html, const Group *group, int row) {
    const CellTable *cells = &group->cells;
    int last = row_last_column(group, row);
    const Score *score = group_score(group, cells->labels[row], cells->shots[last]);
    char shots[64];
    if (!score || !score->folder)
        return;
    const char *whole = configuration(html, score);
    html_markup(html, "<details><summary>");
    html_text(html, score->label);
    shots_text(cells->shots[last], shots);
    html_markup(html, "</summary><p>%s</p><pre>", shots);
    write_lines(html, whole, NULL);
    html_markup(html, "</pre>");
    for (int j = 0; j < last; j++) {
        const Score *other = group_score(group, cells->labels[row], cells->shots[j]);
        if (!other || !other->folder)
            continue;
        shots_text(cells->shots[j], shots);
        html_markup(html, "<p>%s: all the same but for</p><pre>", shots);
        write_lines(html, configuration(html, other), whole);
        html_markup(html, "</pre>");
    }
    html_markup(html, "</details>\n");
}

void report_configurations(Report *report, const Group *group) {
    Html *html = &report->html;
    html_markup(html,
                "<section class=\"folded\"><h3>Configuration</h3>\n<p>Of each method, the first seed.</p>\n");
    for (int i = 0; i < group->cells.n_rows; i++) {
        size_t mark = arena_mark(html->arena);
        write_row(html, group, i);
        html_reset(html, mark);
    }
    html_markup(html, "</section>\n");
}
