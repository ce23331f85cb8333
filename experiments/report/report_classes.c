/* report_classes.c: every row in detail: accuracy per class, confusion, and its most confident mistakes.
 *
 * A row is chosen by a radio button in front of its panel; the style shows the panel behind the chosen one
 * and hides the rest, also on paper. That needs no script, and without any style the panels follow each
 * other.
 */
#include "experiments/report/report_detail.h"
#include "experiments/report/report_sections.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_BARS = 60 /* classes with a bar */ };

/* --- which points --- */

/* The least seed of a row's last column; NULL without files. */
static const Score *row_score(const Group *group, int row) {
    int column = row_last_column(group, row);
    const Score *score = group_score(group, group->cells.labels[row], group->cells.shots[column]);
    return score && score->folder ? score : NULL;
}

/* The best row of the last column that has files; else the first that has; -1 without any. */
static int best_row(const Group *group) {
    const CellTable *cells = &group->cells;
    int best = -1, any = -1;
    double mean = -1;
    for (int i = cells->n_rows - 1; i >= 0; i--) {
        const Cell *cell = cells_at(cells, i, cells->n_columns - 1);
        if (!row_score(group, i))
            continue;
        any = i;
        if (cell->n > 0 && cell->mean >= mean) {
            best = i;
            mean = cell->mean;
        }
    }
    return best < 0 ? any : best;
}

static const Score *zero_shot_score(const Group *group, const Score *score) {
    for (int i = 0; i < group->n; i++) {
        const Score *other = &group->scores[i];
        if (other->num_shots == SHOTS_NONE && other != score && other->last->per_class &&
            other->last->n_classes == score->last->n_classes)
            return other;
    }
    return NULL;
}

/* --- accuracy per class --- */

typedef struct {
    int label;
    double accuracy;
} ClassAccuracy;

static int compare_classes(const void *a, const void *b) {
    const ClassAccuracy *x = a, *y = b;
    if (x->accuracy != y->accuracy)
        return x->accuracy < y->accuracy ? -1 : 1;
    return x->label - y->label;
}

static void write_class_bars(Detail *detail) {
    Html *html = &detail->report->html;
    const Result *result = detail->score->last;
    const double *before = detail->baseline ? detail->baseline->last->per_class : NULL;
    ClassAccuracy *classes = ARENA_NEW(html->arena, ClassAccuracy, result->n_classes);
    int n = 0;
    for (int k = 0; classes && result->per_class && k < result->n_classes; k++)
        if (isfinite(result->per_class[k]))
            classes[n++] = (ClassAccuracy){k, result->per_class[k]};
    if (n == 0)
        return;
    qsort(classes, (size_t)n, sizeof *classes, compare_classes);
    html_markup(html, "<figure><figcaption>Accuracy of each class in %%, the lowest first%s",
                n > MAX_BARS ? " (the lowest alone)" : "");
    if (before)
        html_markup(html, "; the line is zero-shot");
    html_markup(html, ".</figcaption><div class=\"classes\">" BARS_BEGIN);
    for (int i = 0; i < n && i < MAX_BARS; i++) {
        int k = classes[i].label;
        html_markup(html, "<tr>");
        html_markup(html, "<th>");
        html_class(html, detail->predictions.class_names[k]);
        html_markup(html, "</th>");
        html_markup(html, "<td class=\"bar\"><b style=\"width:%.2f%%;background:%s\"></b>",
                    classes[i].accuracy, plot_colour(0));
        if (before && isfinite(before[k]))
            html_markup(html, "<i class=\"mark\" style=\"left:%.2f%%\"></i>", before[k]);
        html_markup(html, "</td><td>%.1f</td></tr>\n", classes[i].accuracy);
    }
    html_markup(html, BARS_END "</div></figure>\n");
}

/* --- panels --- */

static void write_title(Html *html, const Score *score) {
    char shots[64];
    shots_text(score->num_shots, shots);
    html_markup(html, "<h4>");
    html_text(html, score->label);
    if (score->num_shots != SHOTS_NONE)
        html_markup(html, ", %s, seed %d", shots, score->seed);
    html_markup(html, ": %.1f %%</h4>\n", score->accuracy);
}

static void write_panel(Detail *detail) {
    Html *html = &detail->report->html;
    size_t mark = arena_mark(html->arena);
    Error err = {0};
    html_markup(html, "<div class=\"panel\">\n");
    write_title(html, detail->score);
    if (detail_read(detail, &err) < 0)
        html_note(html, &err);
    else {
        html_markup(html, "<div class=\"pair\">\n");
        write_class_bars(detail);
        html_markup(html, "<div>\n");
        detail_confusion(detail);
        html_markup(html, "</div></div>\n");
        detail_mistakes(detail);
    }
    html_markup(html, "</div>\n");
    html_reset(html, mark);
}

static void write_row(Report *report, const Group *group, int row, bool chosen, Thumbnails *thumbnails) {
    Html *html = &report->html;
    const Score *score = row_score(group, row);
    Detail detail = {.report = report, .score = score, .thumbnails = thumbnails};
    int section = thumbnails->section;
    if (!score)
        return;
    detail.baseline = zero_shot_score(group, score);
    html_markup(html, "<input type=\"radio\" name=\"g%d\" id=\"g%dm%d\"%s/><label for=\"g%dm%d\">", section,
                section, row, chosen ? " checked=\"checked\"" : "", section, row);
    html_text(html, score->label);
    html_markup(html, "</label>\n");
    write_panel(&detail);
}

void report_classes(Report *report, const Group *group) {
    Html *html = &report->html;
    int best = best_row(group);
    if (best < 0)
        return;
    Thumbnails thumbnails = {.arena = arena_create(), .section = (int)(group - report->data->groups)};
    thumbnails.numbers.arena = thumbnails.arena;
    html_markup(html,
                "<section><h3>Classes and images</h3>\n<p>Each method at its largest number of shots, first "
                "seed; choose one.</p>\n<div class=\"choice\" role=\"radiogroup\" "
                "aria-label=\"method\">\n");
    for (int i = 0; i < group->cells.n_rows; i++)
        write_row(report, group, i, i == best, &thumbnails);
    html_markup(html, "</div>\n");
    thumbnails_write(html, &thumbnails);
    html_markup(html, "</section>\n");
    html->failed |= arena_failed(thumbnails.arena);
    arena_free(thumbnails.arena);
}
