/* report_configurations.c: the configuration behind every row, as the run recorded it. */
#include "clip/base/files.h"
#include "experiments/report/report_sections.h"

#include <jansson.h>
#include <stdlib.h>

#define MAX_CONFIG_FILE ((size_t)1 << 20)

/* The run's config.yaml, or what the result says. */
static const char *configuration(const Score *score, Arena *arena) {
    Error err = {0};
    const char *path = path_join(arena, score->folder, "config.yaml");
    const char *yaml = path && file_exists(path) ? file_read(path, MAX_CONFIG_FILE, arena, NULL, &err) : NULL;
    if (yaml)
        return yaml;
    json_t *json = score->last->config ? json_loads(score->last->config, JSON_DECODE_ANY, NULL) : NULL;
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    const char *copy = text ? arena_strdup(arena, text) : NULL;
    free(text);
    json_decref(json);
    return copy ? copy : "not kept";
}

/* Every line by itself: a line end is a control character to html_text. */
static void write_lines(Html *html, const char *text) {
    char *copy = arena_strdup(html->arena, text);
    for (char *line = copy, *end; line && *line; line = end) {
        end = line;
        while (*end && *end != '\n')
            end++;
        bool more = *end == '\n';
        *end = '\0';
        html_text(html, line);
        html_markup(html, "\n");
        end += more;
    }
}

void report_configurations(Report *report, const Group *group) {
    Html *html = &report->html;
    html_markup(html, "<section><h3>Configuration</h3>\n<p>Each method at its largest number of shots, first "
                      "seed.</p>\n");
    for (int i = 0; i < group->cells.n_rows; i++) {
        size_t mark = arena_mark(html->arena);
        const char *label = group->cells.labels[i];
        const Score *score = group_score(group, label, group->cells.shots[row_last_column(group, i)]);
        if (!score || !score->folder)
            continue;
        html_markup(html, "<details><summary>");
        html_text(html, label);
        html_markup(html, "</summary><pre>");
        write_lines(html, configuration(score, html->arena));
        html_markup(html, "</pre></details>\n");
        html_reset(html, mark);
    }
    html_markup(html, "</section>\n");
}
