/* report_training.c: how training went for the learned rows: loss, accuracy and learning rate against the
 * epoch. */
#include "clip/base/files.h"
#include "experiments/report/report_sections.h"
#include "experiments/results/metrics.h"

enum { MAX_LINES = 40 }; /* as many looks differ */

static double loss_of(const EpochMetrics *epoch) {
    return epoch->loss;
}

static double accuracy_of(const EpochMetrics *epoch) {
    return epoch->accuracy;
}

static double lr_of(const EpochMetrics *epoch) {
    return epoch->lr;
}

/* One of the numbers of an epoch, and how it is called. */
typedef struct {
    const char *caption, *name;
    double (*value)(const EpochMetrics *epoch);
} Quantity;

/* The caption, the name with its unit. */
static const Quantity quantities[] = {
    {"Loss of each epoch.", "cross-entropy (nats)", loss_of},
    {"Accuracy on the training images.", "training accuracy in %", accuracy_of},
    {"Learning rate.", "learning rate", lr_of}};
enum { N_QUANTITIES = sizeof quantities / sizeof *quantities };

typedef struct {
    const char *label;
    MetricsList metrics;
} Training;

/* The rows that have metrics, at their largest number of shots. */
static int read_trainings(Report *report, const Group *group, Training *trainings) {
    Html *html = &report->html;
    int n = 0;
    for (int i = 0; i < group->cells.n_rows; i++) {
        const char *label = group->cells.labels[i];
        const Score *score = group_score(group, label, group->cells.shots[row_last_column(group, i)]);
        Error err = {0};
        char *path = score && score->folder ? path_join(html->arena, score->folder, METRICS_FILE) : NULL;
        if (!path || !file_exists(path))
            continue;
        if (n == MAX_LINES) {
            html_markup(html, "<p class=\"note\">Curves of the first %d trained methods alone.</p>\n", n);
            break;
        }
        trainings[n].label = label;
        if (metrics_read(&trainings[n].metrics, path, html->arena, &err) < 0)
            html_note(html, &err);
        else if (trainings[n].metrics.n > 0)
            n++;
    }
    return n;
}

static void write_quantity(Report *report, const Training *trainings, int n, const Quantity *quantity) {
    Arena *arena = report->html.arena;
    PlotSeries *series = ARENA_NEW(arena, PlotSeries, n);
    for (int t = 0; series && t < n; t++) {
        const MetricsList *metrics = &trainings[t].metrics;
        PlotPoint *points = ARENA_NEW(arena, PlotPoint, metrics->n);
        for (int i = 0; points && i < metrics->n; i++) {
            const EpochMetrics *epoch = &metrics->epochs[i];
            points[i] = (PlotPoint){epoch->epoch, quantity->value(epoch), 0};
        }
        series[t] = (PlotSeries){.name = trainings[t].label,
                                 .look = report_look(report, trainings[t].label),
                                 .points = points,
                                 .n = metrics->n};
    }
    Plot plot = {.title = quantity->caption,
                 .x_name = "epoch",
                 .y_name = quantity->name,
                 .percent = quantity->value == accuracy_of,
                 .series = series,
                 .n_series = n};
    if (arena_failed(arena))
        return;
    report_figure(report, quantity->caption, &plot, false);
    if (quantity == &quantities[N_QUANTITIES - 1] && report->plots) { /* of all three */
        html_markup(&report->html, "<div class=\"wide\">");
        plot_legend(&report->html, &plot);
        html_markup(&report->html, "</div>\n");
    }
}

void report_training(Report *report, const Group *group) {
    Html *html = &report->html;
    size_t mark = arena_mark(html->arena);
    Training trainings[MAX_LINES];
    int n = read_trainings(report, group, trainings);
    if (n > 0) {
        html_markup(html, "<section><h3>Training</h3>\n<p>Each method at its largest number of shots, "
                          "first seed.</p>\n<div class=\"triple\">\n");
        for (int q = 0; q < N_QUANTITIES; q++)
            write_quantity(report, trainings, n, &quantities[q]);
        html_markup(html, "</div></section>\n");
    }
    html_reset(html, mark);
}
