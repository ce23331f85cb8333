/* pretrain_curves.c: see pretrain_curves.h */
#include "experiments/pretrain/pretrain_curves.h"

enum { MAX_POINTS = 300, MAX_SERIES = 6 };

/* --- steps --- */

static double loss_of(const StepMetrics *step) {
    return step->loss;
}

static double scale_of(const StepMetrics *step) {
    return step->logit_scale;
}

static double lr_of(const StepMetrics *step) {
    return step->lr;
}

typedef struct {
    const char *caption, *name;
    double (*value)(const StepMetrics *step);
} StepQuantity;

/* Each point is the mean of neighbouring steps, at the last of them. */
static void write_steps(Report *report, const MetricsHistory *history, const StepQuantity *quantity) {
    const int each = (history->n_steps + MAX_POINTS - 1) / MAX_POINTS;
    PlotPoint *points = ARENA_NEW(report->html.arena, PlotPoint, MAX_POINTS);
    int n = 0;
    for (int first = 0; points && first < history->n_steps; first += each) {
        const int some = history->n_steps - first < each ? history->n_steps - first : each;
        double sum = 0;
        for (int i = 0; i < some; i++)
            sum += quantity->value(&history->steps[first + i]);
        points[n++] = (PlotPoint){(double)history->steps[first + some - 1].step, sum / some, 0};
    }
    const PlotSeries series = {.name = quantity->name, .points = points, .n = n};
    const Plot plot = {.title = quantity->caption,
                       .x_name = "step",
                       .y_name = quantity->name,
                       .series = &series,
                       .n_series = 1};
    if (points)
        report_figure(report, quantity->caption, &plot, false);
}

/* --- evaluations --- */

static double val_loss_of(const Evaluation *evaluation) {
    return evaluation->val_loss;
}

static double to_text_1(const Evaluation *evaluation) {
    return 100 * evaluation->to_text.within[0];
}

static double to_text_5(const Evaluation *evaluation) {
    return 100 * evaluation->to_text.within[1];
}

static double to_image_1(const Evaluation *evaluation) {
    return 100 * evaluation->to_image.within[0];
}

static double to_image_5(const Evaluation *evaluation) {
    return 100 * evaluation->to_image.within[1];
}

static double top1_of(const Evaluation *evaluation) {
    return 100 * evaluation->top1;
}

static double top5_of(const Evaluation *evaluation) {
    return 100 * evaluation->top5;
}

typedef struct {
    const char *name;
    double (*value)(const Evaluation *evaluation);
} EvaluationSeries;

typedef struct {
    const char *caption, *name;
    bool zeroshot, percent;
    EvaluationSeries series[MAX_SERIES]; /* value NULL behind the last */
} EvaluationQuantity;

static const EvaluationQuantity evaluations[] = {
    {"Loss on data.val.", "loss", false, false, {{"validation loss", val_loss_of}}},
    {"Recall on data.val.",
     "recall in %",
     false,
     true,
     {{"image to text, first", to_text_1},
      {"image to text, first five", to_text_5},
      {"text to image, first", to_image_1},
      {"text to image, first five", to_image_5}}},
    {"Zero-shot accuracy.", "accuracy in %", true, true, {{"top-1", top1_of}, {"top-5", top5_of}}},
};

static bool was_made(const Evaluation *evaluation, const EvaluationQuantity *quantity) {
    return quantity->zeroshot ? evaluation->n_zeroshot > 0 : evaluation->n_val > 0;
}

static void write_evaluations(Report *report, const MetricsHistory *history,
                              const EvaluationQuantity *quantity) {
    PlotSeries series[MAX_SERIES];
    int n_series = 0, n = 0;
    for (; n_series < MAX_SERIES && quantity->series[n_series].value; n_series++) {
        PlotPoint *points = ARENA_NEW(report->html.arena, PlotPoint, history->n_evaluations);
        n = 0;
        for (int i = 0; points && i < history->n_evaluations; i++)
            if (was_made(&history->evaluations[i], quantity))
                points[n++] = (PlotPoint){history->evaluations[i].epoch,
                                          quantity->series[n_series].value(&history->evaluations[i]), 0};
        series[n_series] =
            (PlotSeries){.name = quantity->series[n_series].name, .look = n_series, .points = points, .n = n};
    }
    const Plot plot = {.title = quantity->caption,
                       .x_name = "epoch",
                       .y_name = quantity->name,
                       .percent = quantity->percent,
                       .series = series,
                       .n_series = n_series};
    if (n > 0 && !arena_failed(report->html.arena))
        report_figure(report, quantity->caption, &plot, n_series > 1);
}

void pretrain_curves(Report *report, const MetricsHistory *history) {
    static const StepQuantity steps[] = {{"Loss of the steps.", "contrastive loss (nats)", loss_of},
                                         {"Temperature: the factor of the cosines.", "logit scale", scale_of},
                                         {"Learning rate.", "learning rate", lr_of}};
    Html *html = &report->html;
    const size_t mark = arena_mark(html->arena);
    html_markup(html, "<section><h2>Training</h2>\n<div class=\"triple\">\n");
    for (size_t i = 0; i < sizeof steps / sizeof *steps && history->n_steps > 0; i++)
        write_steps(report, history, &steps[i]);
    for (size_t i = 0; i < sizeof evaluations / sizeof *evaluations; i++)
        write_evaluations(report, history, &evaluations[i]);
    html_markup(html, "</div></section>\n");
    html_reset(html, mark);
}
