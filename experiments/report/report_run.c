/* report_run.c: what was run: model, dates, times and program, and how much of each dataset there is. */
#include "coop/coop.h"
#include "experiments/report/report_sections.h"
#include "experiments/terminal/duration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEEDS = 12 /* that are listed */ };

/* --- every result --- */

typedef struct {
    const char *first, *last; /* when results were finished */
    double train_seconds, total_seconds;
    bool timed;
    const char **models, **programs; /* (n_models), (n_programs) */
    int n_models, n_programs;
} Summary;

static void add_text(const char **list, int *n, const char *text) {
    for (int i = 0; i < *n; i++)
        if (strcmp(list[i], text) == 0)
            return;
    list[(*n)++] = text;
}

static void add_result(Summary *summary, const Result *result, Arena *arena) {
    const char *when = result->finished, *digest = result->model_digest;
    if (when && (!summary->first || strcmp(when, summary->first) < 0))
        summary->first = when;
    if (when && (!summary->last || strcmp(when, summary->last) > 0))
        summary->last = when;
    summary->timed |= result->total_seconds > 0;
    summary->train_seconds += isfinite(result->train_seconds) ? result->train_seconds : 0;
    summary->total_seconds += isfinite(result->total_seconds) ? result->total_seconds : 0;
    const char *model = arena_printf(arena, "%s%s%.12s", result->backbone ? result->backbone : "not recorded",
                                     digest ? ", weights " : "", digest ? digest : "");
    if (!model)
        return;
    add_text(summary->models, &summary->n_models, model);
    add_text(summary->programs, &summary->n_programs,
             result->program ? result->program : "a version that did not record it");
}

static Summary summarize(const ReportGroups *data, Arena *arena) {
    Summary summary = {.models = ARENA_NEW(arena, const char *, data->n_results),
                       .programs = ARENA_NEW(arena, const char *, data->n_results)};
    for (int g = 0; g < data->n && !arena_failed(arena); g++)
        for (int i = 0; data->groups[g].n_datasets == 1 && i < data->groups[g].n; i++)
            add_result(&summary, data->groups[g].scores[i].last, arena);
    return summary;
}

static void write_texts(Html *html, const char *name, const char *const *texts, int n) {
    html_markup(html, "<dt>%s</dt>", name);
    for (int i = 0; i < n; i++)
        html_element(html, "dd", texts[i]);
    html_markup(html, "\n");
}

/* "2024-05-01T12:00:00Z" as "2024-05-01 12:00:00 UTC"; anything else as it is. */
static void write_date(Html *html, const char *when) {
    if (strlen(when) != 20 || when[10] != 'T' || when[19] != 'Z') {
        html_text(html, when);
        return;
    }
    char *text = arena_printf(html->arena, "%.10s %.8s UTC", when, when + 11);
    html_text(html, text ? text : when);
}

static void write_summary(Html *html, const Summary *summary) {
    char total[32], train[32];
    html_markup(html, "<dl>\n");
    write_texts(html, "Model", summary->models, summary->n_models);
    html_markup(html, "<dt>Finished</dt><dd>");
    if (summary->first)
        write_date(html, summary->first);
    else
        html_markup(html, "not recorded");
    if (summary->first && strcmp(summary->first, summary->last) != 0) {
        html_markup(html, " to ");
        write_date(html, summary->last);
    }
    duration_text(summary->total_seconds, total);
    duration_text(summary->train_seconds, train);
    html_markup(html, "</dd>\n<dt>Computing time of all results</dt><dd>");
    if (summary->timed)
        html_markup(html, "%s, of that training %s", total, train);
    else
        html_markup(html, "not recorded");
    html_markup(html, "</dd>\n");
    write_texts(html, "Run by", summary->programs, summary->n_programs);
    html_markup(html, "<dt>Page by</dt><dd>coop " COOP_VERSION "</dd>\n</dl>\n");
}

/* --- every dataset --- */

static void write_count(Html *html, int n) {
    if (n > 0)
        html_markup(html, "<td>%d</td>", n);
    else
        html_markup(html, "<td>–</td>");
}

static void write_shots(Html *html, const CellTable *cells) {
    const char *before = "";
    html_markup(html, "<td>");
    for (int j = 0; j < cells->n_columns; j++) {
        int shots = cells->shots[j];
        if (shots == SHOTS_NONE)
            continue;
        if (shots == SHOTS_ALL)
            html_markup(html, "%sall", before);
        else
            html_markup(html, "%s%d", before, shots);
        before = ", ";
    }
    html_markup(html, "%s</td>", *before ? "" : "–");
}

static int compare_ints(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void write_seeds(Html *html, const Group *group) {
    int *seeds = ARENA_NEW(html->arena, int, group->n), n = 0;
    for (int i = 0; seeds && i < group->n; i++)
        if (group->scores[i].num_shots != SHOTS_NONE)
            seeds[n++] = group->scores[i].seed;
    if (n > 0)
        qsort(seeds, (size_t)n, sizeof *seeds, compare_ints);
    html_markup(html, "<td>%s", n > 0 ? "" : "–");
    for (int i = 0, listed = 0; i < n && listed <= MAX_SEEDS; i++) {
        if (i > 0 && seeds[i] == seeds[i - 1])
            continue;
        if (listed < MAX_SEEDS)
            html_markup(html, "%s%d", listed > 0 ? ", " : "", seeds[i]);
        else
            html_markup(html, ", …");
        listed++;
    }
    html_markup(html, "</td>");
}

static void write_dataset(Html *html, const Group *group) {
    const Result *most = group->scores[0].last; /* which knows of its lists */
    for (int i = 1; i < group->n; i++)
        if (group->scores[i].last->split_train > most->split_train)
            most = group->scores[i].last;
    html_markup(html, "<tr><th>");
    html_class(html, group->dataset);
    html_markup(html, "</th>");
    write_count(html, most->n_classes);
    write_count(html, most->split_train);
    write_count(html, most->split_val);
    write_count(html, most->n_test);
    write_shots(html, &group->cells);
    write_seeds(html, group);
    html_markup(html, "<td>%d</td><td>%d</td></tr>\n", group->cells.n_rows, group->n);
}

void report_run(Report *report) {
    Html *html = &report->html;
    size_t mark = arena_mark(html->arena);
    const Summary summary = summarize(report->data, html->arena);
    html_markup(html, "<section id=\"run\">\n<h3>What was run</h3>\n");
    if (!arena_failed(html->arena))
        write_summary(html, &summary);
    html_markup(html,
                "<div class=\"scroll\"><table class=\"numbers\"><thead><tr><th>dataset</th><th>classes</th>"
                "<th>training images</th><th>validation</th><th>test</th><th>shots per class</th>"
                "<th>seeds</th><th>methods</th><th>results</th></tr></thead><tbody>\n");
    for (int g = 0; g < report->data->n; g++)
        if (report->data->groups[g].n_datasets == 1)
            write_dataset(html, &report->data->groups[g]);
    html_markup(html, "</tbody></table></div>\n</section>\n");
    html_reset(html, mark);
}
