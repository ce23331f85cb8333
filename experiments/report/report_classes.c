/* report_classes.c: the best row in detail: accuracy per class, confusion, and its most confident mistakes.
 */
#include "clip/base/files.h"
#include "experiments/report/report_sections.h"
#include "experiments/report/thumbnail.h"
#include "experiments/results/predictions.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

enum {
    MAX_BARS = 60,    /* classes with a bar */
    MATRIX_CELL = 12, /* pixels */
    MAX_LETTERS = 24, /* of a name beside it */
    MAX_MATRIX = 60,  /* classes of a drawn confusion matrix */
    N_PAIRS = 10,     /* classes most often taken for another */
    N_MISTAKES = 12,  /* images */
    THUMBNAIL_SIDE = 96
};

typedef struct {
    Report *report;
    const Score *score, *baseline; /* baseline: a zero-shot row of the same classes, or NULL */
    Predictions predictions;
    int *confusion; /* (K, K): images of class row said to be class column */
} Detail;

/* --- which point --- */

/* The best row of the last column, with the files of its least seed. */
static const Score *best_score(const Group *group) {
    const CellTable *cells = &group->cells;
    int column = cells->n_columns - 1;
    const Score *best = NULL;
    double mean = -1;
    for (int i = 0; i < cells->n_rows; i++) {
        const Cell *cell = cells_at(cells, i, column);
        const Score *score = group_score(group, cells->labels[i], cells->shots[column]);
        if (cell->n > 0 && score && score->folder && cell->mean > mean) {
            best = score;
            mean = cell->mean;
        }
    }
    return best;
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

/* The predictions behind a score: an error when they are not there, or of another run. */
static int read_detail(Detail *detail, Error *err) {
    Arena *arena = detail->report->html.arena;
    const Result *result = detail->score->last;
    const char *path = path_join(arena, detail->score->folder, PREDICTIONS_FILE);
    Predictions *predictions = &detail->predictions;
    int K = result->n_classes, n_right = 0;
    if (!path)
        return error_memory(err);
    if (!file_exists(path))
        return error_set(err, "%s is not there: the run was made before runs kept it", path);
    if (predictions_read(predictions, path, K, arena, err) < 0)
        return -1;
    for (int i = 0; i < predictions->n; i++)
        n_right += predictions->items[i].label == predictions->items[i].predicted;
    if (predictions->n == 0 || predictions->n != result->n_test ||
        fabs(100.0 * n_right / predictions->n - result->accuracy) > 1e-6)
        return error_set(err, "%s does not belong to its result", path);
    detail->confusion = K <= 5000 ? ARENA_NEW(arena, int, (size_t)K *(size_t)K) : NULL;
    for (int i = 0; detail->confusion && i < predictions->n; i++)
        detail->confusion[predictions->items[i].label * K + predictions->items[i].predicted]++;
    return arena_failed(arena) ? error_memory(err) : 0;
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
    html_markup(html, "<figure><figcaption>Accuracy of each class%s, the lowest first",
                n > MAX_BARS ? " (the lowest alone)" : "");
    if (before)
        html_markup(html, "; the line is zero-shot");
    html_markup(html, ".</figcaption><table class=\"bars classes\">" BAR_COLUMNS);
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
    html_markup(html, "</table></figure>\n");
}

/* --- confusion --- */

/* At most MAX_LETTERS of a name, for the sides of the matrix. */
static const char *short_name(const char *name, Arena *arena) {
    const uint8_t *at = (const uint8_t *)name;
    ucs4_t letter;
    for (int i = 0; i < MAX_LETTERS; i++) {
        int n = u8_strmbtouc(&letter, at);
        if (n <= 0)
            return name;
        at += n;
    }
    if (!*at)
        return name;
    const char *cut = arena_printf(arena, "%.*s…", (int)(at - (const uint8_t *)name), name);
    return cut ? cut : name;
}

/* The names beside the rows and above the columns, in the room (pixels) for them. */
static void write_sides(Detail *detail, int room) {
    Html *html = &detail->report->html;
    for (int k = 0; k < detail->predictions.n_classes; k++) {
        int middle = room + k * MATRIX_CELL + MATRIX_CELL / 2 + 3;
        const char *name = short_name(detail->predictions.class_names[k], html->arena);
        html_markup(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", room - 4, middle);
        html_class(html, name);
        html_markup(html, "</text><text transform=\"translate(%d %d) rotate(-90)\">", middle, room - 4);
        html_class(html, name);
        html_markup(html, "</text>\n");
    }
}

/* A square per cell that is not empty, darker the more of the row's images it holds. */
static void write_matrix_row(Detail *detail, int row, int room) {
    Html *html = &detail->report->html;
    const int K = detail->predictions.n_classes;
    const int *counts = detail->confusion + (size_t)row * (size_t)K;
    int total = 0;
    for (int column = 0; column < K; column++)
        total += counts[column];
    for (int column = 0; column < K; column++) {
        if (counts[column] == 0)
            continue;
        html_markup(html,
                    "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
                    "opacity=\"%.2f\"><title>",
                    row == column ? "right" : "wrong", room + column * MATRIX_CELL, room + row * MATRIX_CELL,
                    MATRIX_CELL, MATRIX_CELL, 0.15 + 0.85 * counts[column] / total);
        html_class(html, detail->predictions.class_names[row]);
        html_markup(html, " → ");
        html_class(html, detail->predictions.class_names[column]);
        html_markup(html, ": %d of %d</title></rect>\n", counts[column], total);
    }
}

static void write_matrix(Detail *detail) {
    Html *html = &detail->report->html;
    const int K = detail->predictions.n_classes, side = K * MATRIX_CELL;
    size_t longest = 0;
    for (int k = 0; k < K; k++) {
        size_t n = u8_strlen((const uint8_t *)detail->predictions.class_names[k]);
        longest = n > longest ? n : longest;
    }
    int room = 10 + 5 * (longest < MAX_LETTERS ? (int)longest : MAX_LETTERS);
    html_markup(html,
                "<figure><figcaption>Confusion: a row per class, a column per answer.</figcaption>\n"
                "<div class=\"scroll\"><svg class=\"matrix\" viewBox=\"0 0 %d %d\" "
                "style=\"min-width:%dpx;max-width:%dpx\" role=\"img\" aria-label=\"confusion matrix\">\n",
                room + side + 1, room + side + 1, K > 20 ? 440 : 260, 2 * (room + side + 1));
    write_sides(detail, room);
    html_markup(html, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", room, room,
                side, side);
    for (int row = 0; row < K; row++)
        write_matrix_row(detail, row, room);
    html_markup(html, "</svg></div></figure>\n");
}

typedef struct {
    int row, column, count;
} Pair;

static int compare_pairs(const void *a, const void *b) {
    const Pair *x = a, *y = b;
    if (x->count != y->count)
        return y->count - x->count;
    return x->row != y->row ? x->row - y->row : x->column - y->column;
}

/* Fills pairs with the largest counts off the diagonal; returns how many. */
static int find_pairs(const Detail *detail, Pair pairs[N_PAIRS + 1]) {
    const int K = detail->predictions.n_classes;
    int n = 0;
    for (int row = 0; row < K; row++)
        for (int column = 0; column < K; column++) {
            int count = detail->confusion[(size_t)row * (size_t)K + (size_t)column];
            if (row == column || count == 0 || (n == N_PAIRS && count <= pairs[n - 1].count))
                continue;
            pairs[n++] = (Pair){row, column, count};
            qsort(pairs, (size_t)n, sizeof *pairs, compare_pairs);
            n = n > N_PAIRS ? N_PAIRS : n;
        }
    return n;
}

static void write_pairs(Detail *detail) {
    Html *html = &detail->report->html;
    Pair pairs[N_PAIRS + 1];
    int n = find_pairs(detail, pairs);
    if (n == 0)
        return;
    html_markup(html, "<figure><figcaption>Most often taken for another.</figcaption><div class=\"scroll\">"
                      "<table class=\"numbers names\"><thead><tr><th>class</th><th>taken for</th>"
                      "<th>images</th></tr></thead><tbody>\n");
    for (int i = 0; i < n; i++) {
        html_markup(html, "<tr>");
        html_markup(html, "<th>");
        html_class(html, detail->predictions.class_names[pairs[i].row]);
        html_markup(html, "</th>");
        html_markup(html, "<th>");
        html_class(html, detail->predictions.class_names[pairs[i].column]);
        html_markup(html, "</th>");
        html_markup(html, "<td>%d</td></tr>\n", pairs[i].count);
    }
    html_markup(html, "</tbody></table></div></figure>\n");
}

/* --- mistakes --- */

/* The most confident first; of equal ones the order of the dataset. */
static int compare_mistakes(const void *a, const void *b) {
    const Prediction *x = *(Prediction *const *)a, *y = *(Prediction *const *)b;
    if (x->confidence != y->confidence)
        return x->confidence < y->confidence ? 1 : -1;
    return (x > y) - (x < y);
}

static void write_thumbnail(Html *html, const char *path) {
    size_t mark = arena_mark(html->arena);
    Thumbnail thumbnail;
    Error err = {0};
    if (thumbnail_make(&thumbnail, path, THUMBNAIL_SIDE, html->arena, &err) == 0) {
        html_markup(html, "<img alt=\"\" width=\"%d\" height=\"%d\" src=\"", thumbnail.width,
                    thumbnail.height);
        html_data_uri(html, "image/jpeg", thumbnail.jpeg, thumbnail.size);
        html_markup(html, "\"/>");
    } else
        html_markup(html, "<span class=\"noimage\">no image</span>");
    html_reset(html, mark);
}

static void write_mistakes(Detail *detail) {
    Html *html = &detail->report->html;
    Predictions *predictions = &detail->predictions;
    Prediction **wrong = ARENA_NEW(html->arena, Prediction *, predictions->n);
    int n = 0;
    for (int i = 0; wrong && i < predictions->n; i++)
        if (predictions->items[i].label != predictions->items[i].predicted)
            wrong[n++] = &predictions->items[i];
    if (n == 0)
        return;
    qsort(wrong, (size_t)n, sizeof *wrong, compare_mistakes);
    html_markup(html, "<h4>Most confident mistakes</h4>\n<ul class=\"mistakes\">\n");
    for (int i = 0; i < n && i < N_MISTAKES; i++) {
        html_markup(html, "<li title=\"");
        html_text(html, wrong[i]->path);
        html_markup(html, "\">");
        write_thumbnail(html, wrong[i]->path);
        html_markup(html, "<span><b>");
        html_class(html, predictions->class_names[wrong[i]->label]);
        html_markup(html, "</b> taken for <b>");
        html_class(html, predictions->class_names[wrong[i]->predicted]);
        html_markup(html, "</b>, %.1f %%</span></li>\n", 100 * wrong[i]->confidence);
    }
    html_markup(html, "</ul>\n");
}

void report_classes(Report *report, const Group *group) {
    Html *html = &report->html;
    size_t mark = arena_mark(html->arena);
    Detail detail = {.report = report, .score = best_score(group)};
    Error err = {0};
    if (!detail.score)
        return;
    char shots[64];
    detail.baseline = zero_shot_score(group, detail.score);
    shots_text(detail.score->num_shots, shots);
    html_markup(html, "<section><h3>Classes and images</h3>\n<p>");
    html_text(html, detail.score->label);
    html_markup(html, detail.score->num_shots == SHOTS_NONE ? ", %s.</p>\n" : ", %s, seed %d.</p>\n", shots,
                detail.score->seed);
    if (read_detail(&detail, &err) < 0)
        html_element(html, "p class=\"note\"", err.text);
    else {
        html_markup(html, "<div class=\"pair\">\n");
        write_class_bars(&detail);
        html_markup(html, "<div>\n");
        if (detail.confusion && detail.predictions.n_classes <= MAX_MATRIX)
            write_matrix(&detail);
        if (detail.confusion)
            write_pairs(&detail);
        html_markup(html, "</div></div>\n");
        write_mistakes(&detail);
    }
    html_markup(html, "</section>\n");
    html_reset(html, mark);
}
