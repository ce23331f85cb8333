/* report_studies.c: bar charts of all rows at one number of shots, and of every setting that varies.
 *
 * A setting is studied where results differ in it but agree in all others (one context). Such results are
 * found by comparing configurations, whatever the method and the setting are called.
 */
#include "experiments/report/report_sections.h"
#include "experiments/report/report_titles.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 64 }; /* of settings */

/* --- bars --- */

typedef struct {
    const char *label, *colour;
    const Cell *cell;
} Bar;

static void write_bar(Html *html, const Bar *bar) {
    char text[64];
    double mean = bar->cell->mean, low = mean - bar->cell->std, high = mean + bar->cell->std;
    low = low > 0 ? low : 0;
    high = high < 100 ? high : 100;
    cell_text(bar->cell, false, true, text);
    html_markup(html, "<tr>");
    html_element(html, "th", bar->label);
    html_markup(html, "<td class=\"bar\"><b style=\"width:%.2f%%;background:%s\"></b>", mean, bar->colour);
    if (bar->cell->std > 0)
        html_markup(html, "<i style=\"left:%.2f%%;width:%.2f%%\"></i>", low, high - low);
    html_markup(html, "</td><td>%s</td></tr>\n", text);
}

static int compare_bars(const void *a, const void *b) {
    double x = ((const Bar *)a)->cell->mean, y = ((const Bar *)b)->cell->mean;
    return (x < y) - (x > y);
}

/* Every row, with zero-shot rows beside those of the column; the best first. */
static void write_methods(Report *report, const Group *group, int column) {
    Html *html = &report->html;
    const CellTable *cells = &group->cells;
    Bar *bars = ARENA_NEW(html->arena, Bar, cells->n_rows);
    int n = 0;
    char title[64];
    for (int i = 0; bars && i < cells->n_rows; i++) {
        const Cell *cell = cells_at(cells, i, column);
        if (cell->n == 0 && cells->shots[0] == SHOTS_NONE)
            cell = cells_at(cells, i, 0);
        if (cell->n > 0)
            bars[n++] = (Bar){cells->labels[i], plot_colour(report_look(report, cells->labels[i])), cell};
    }
    if (n < 2)
        return;
    qsort(bars, (size_t)n, sizeof *bars, compare_bars);
    shots_text(cells->shots[column], title);
    html_markup(html, "<figure><figcaption>All methods, %s: test accuracy in %%.</figcaption>" BARS_BEGIN,
                title);
    for (int i = 0; i < n; i++)
        write_bar(html, &bars[i]);
    html_markup(html, BARS_END "</figure>\n");
}

/* --- one setting --- */

typedef struct {
    const char *key;    /* the other settings as one text */
    const Score *first; /* of its scores */
    CellTable values;   /* a row per value of the setting */
} Context;

typedef struct {
    const Group *group;
    const char *setting;
    int num_shots;
    Context *contexts; /* (n): those with several values */
    int n;
    Arena *arena;
} Study;

static bool takes_part(const Study *study, const Score *score) {
    bool right_shots = score->num_shots == study->num_shots ||
                       (score->num_shots == SHOTS_NONE && strcmp(study->setting, "backbone") == 0);
    return right_shots && setting_value(score, study->setting);
}

/* All but the setting; the label says which prompts a zero-shot row has, where that is not what varies. */
static const char *context_key(const Study *study, const Score *score) {
    bool by_label = strcmp(study->setting, "backbone") == 0;
    const char *key =
        arena_printf(study->arena, "%d %s\n", score->num_shots, by_label ? score->last->label : "");
    for (int i = 0; i < score->n_settings && key; i++)
        if (strcmp(score->settings[i].name, study->setting) != 0)
            key = arena_printf(study->arena, "%s%s=%s\n", key, score->settings[i].name,
                               score->settings[i].value);
    return key ? key : "";
}

/* Gathers the scores of one context; keeps it when there are several values. */
static void add_context(Study *study, const char *key, const char *const *keys) {
    const Group *group = study->group;
    TableEntry *entries = ARENA_NEW(study->arena, TableEntry, group->n);
    Context context = {.key = key};
    int n = 0;
    for (int i = 0; entries && i < group->n; i++) {
        const Score *score = &group->scores[i];
        if (!keys[i] || strcmp(keys[i], key) != 0)
            continue;
        context.first = context.first ? context.first : score;
        entries[n++] = (TableEntry){setting_words(study->setting, setting_value(score, study->setting)),
                                    study->num_shots, score->seed, score->accuracy};
    }
    if (entries && cells_gather(&context.values, entries, n, study->arena) && context.values.n_rows > 1)
        study->contexts[study->n++] = context;
}

static void find_contexts(Study *study) {
    const Group *group = study->group;
    const char **keys = ARENA_NEW(study->arena, const char *, group->n);
    study->contexts = ARENA_NEW(study->arena, Context, group->n);
    if (arena_failed(study->arena))
        return;
    for (int i = 0; i < group->n; i++)
        if (takes_part(study, &group->scores[i]))
            keys[i] = context_key(study, &group->scores[i]);
    for (int i = 0; i < group->n; i++) {
        bool seen = !keys[i];
        for (int k = 0; k < i && !seen; k++)
            seen = keys[k] && strcmp(keys[k], keys[i]) == 0;
        if (!seen)
            add_context(study, keys[i], keys);
    }
}

/* Does a setting differ among the contexts? */
static bool varies(const Study *study, const char *name) {
    const char *first = setting_value(study->contexts[0].first, name);
    for (int c = 1; c < study->n; c++) {
        const char *value = setting_value(study->contexts[c].first, name);
        if (!first || !value || strcmp(first, value) != 0)
            return true;
    }
    return false;
}

/* What tells a context from the others: "Learning rate: 0.002; Epochs: 50". */
static void write_context(Html *html, const Study *study, const Context *context) {
    html_markup(html, "<tr><th colspan=\"3\" class=\"context\">");
    if (strcmp(study->setting, "backbone") == 0)
        html_text(html, context->first->last->label);
    const char *before = "";
    for (int i = 0; i < context->first->n_settings; i++) {
        const Setting *setting = &context->first->settings[i];
        if (strcmp(study->setting, "backbone") == 0 || strcmp(setting->name, study->setting) == 0 ||
            !varies(study, setting->name))
            continue;
        html_text(html, before);
        html_text(html, setting_title(setting->name, html->arena));
        html_text(html, ": ");
        html_text(html, setting_words(setting->name, setting->value));
        before = "; ";
    }
    html_markup(html, "</th></tr>\n");
}

static void write_study(Report *report, const Study *study) {
    Html *html = &report->html;
    char shots[64];
    shots_text(study->num_shots, shots);
    html_markup(html, "<figure><figcaption>");
    html_text(html, setting_title(study->setting, html->arena));
    html_markup(html, ", %s: test accuracy in %%.</figcaption>" BARS_BEGIN, shots);
    for (int c = 0; c < study->n; c++) {
        const CellTable *values = &study->contexts[c].values;
        if (study->n > 1)
            write_context(html, study, &study->contexts[c]);
        for (int i = 0; i < values->n_rows; i++)
            write_bar(html, &(Bar){values->labels[i], plot_colour(0), cells_at(values, i, 0)});
    }
    html_markup(html, BARS_END "</figure>\n");
}

/* Each setting of any score, once. */
static void write_settings(Report *report, const Group *group, int num_shots) {
    Arena *arena = report->html.arena;
    const char **names = ARENA_NEW(arena, const char *, MAX_NAMES);
    int n = 0;
    for (int i = 0; names && i < group->n; i++)
        for (int s = 0; s < group->scores[i].n_settings && n < MAX_NAMES; s++) {
            const char *name = group->scores[i].settings[s].name;
            bool seen = strcmp(name, "name") == 0; /* of the method */
            for (int k = 0; k < n && !seen; k++)
                seen = strcmp(names[k], name) == 0;
            if (!seen)
                names[n++] = name;
        }
    for (int k = 0; k < n; k++) {
        Study study = {.group = group, .setting = names[k], .num_shots = num_shots, .arena = arena};
        find_contexts(&study);
        if (!arena_failed(arena) && study.n > 0)
            write_study(report, &study);
    }
}

void report_studies(Report *report, const Group *group) {
    int column = report_column(&group->cells);
    html_markup(&report->html, "<div class=\"pair\">\n");
    write_methods(report, group, column);
    write_settings(report, group, group->cells.shots[column]);
    html_markup(&report->html, "</div>\n");
}
