/* pretrain_page.c: see pretrain_page.h */
#include "experiments/pretrain/pretrain_page.h"

#include "clip/base/files.h"
#include "coop/coop.h"
#include "experiments/pretrain/checkpoints.h"
#include "experiments/pretrain/pretrain_curves.h"
#include "experiments/pretrain/pretrain_metrics.h"
#include "experiments/report/report_sections.h"
#include "experiments/results/metrics.h"
#include "experiments/terminal/duration.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define PAGE_FILE "report.html"
#define MAX_CONFIG ((size_t)1 << 20)

typedef struct {
    const PretrainSession *session;
    const PretrainState *state;
    MetricsHistory history;
} Page;

/* --- the page --- */

static void write_fact(Html *html, double number, const char *unit, const char *what) {
    html_markup(html, "<li><b>%.4g%s</b><span>%s</span></li>\n", number, unit, what);
}

static void write_facts(Html *html, const MetricsHistory *history) {
    html_markup(html, "<ul class=\"facts\">\n");
    if (history->n_steps > 0)
        write_fact(html, history->steps[history->n_steps - 1].loss, "", "loss of the last step");
    const Evaluation *val = NULL, *zeroshot = NULL;
    for (int i = 0; i < history->n_evaluations; i++) {
        val = history->evaluations[i].n_val > 0 ? &history->evaluations[i] : val;
        zeroshot = history->evaluations[i].n_zeroshot > 0 ? &history->evaluations[i] : zeroshot;
    }
    if (val)
        write_fact(html, 100 * val->to_text.within[0], " %", "captions found first for their image");
    if (val)
        write_fact(html, 100 * val->to_image.within[0], " %", "images found first for their caption");
    if (zeroshot)
        write_fact(html, 100 * zeroshot->top1, " %", "zero-shot accuracy");
    html_markup(html, "</ul>\n");
}

static void write_run(Html *html, const Page *page) {
    const PretrainSession *session = page->session;
    const TrainableClip *clip = session->clip;
    const Parameters *parameters = &clip->parameters;
    char time_text[32], date[64];
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &utc);
    duration_text(page->state->seconds, time_text);
    html_markup(
        html,
        "<dl>\n<dt>Model</dt><dd>%s of %d × %d pixels, %.1f million parameters, %.1f trained, %s</dd>\n",
        clip->is_resnet ? "ResNet" : "ViT", clip->image.image_size, clip->image.image_size,
        1e-6 * (double)parameters_count(parameters, false), 1e-6 * (double)parameters_count(parameters, true),
        precision_name(clip->precision));
    html_markup(html, "<dt>Begins with</dt>");
    html_element(html, "dd", session->config->model.weights ? session->config->model.weights : "new weights");
    html_markup(html, "\n");
    html_markup(html, "<dt>Pairs</dt><dd>%d, %d a step</dd>\n", pairs_count(session->train),
                session->effective_batch);
    html_markup(html, "<dt>Steps</dt><dd>%ld of %ld, %d of %d epochs</dd>\n",
                (long)page->state->epoch * session->steps_per_epoch + page->state->step,
                (long)session->optim.epochs * session->steps_per_epoch, page->state->epoch,
                session->optim.epochs);
    if (page->state->n_broken > 0)
        html_markup(html, "<dt>Skipped</dt><dd>pairs that could not be read, %ld times</dd>\n",
                    page->state->n_broken);
    if (page->state->n_cut > 0)
        html_markup(html, "<dt>Cut</dt><dd>captions of over %d tokens, %ld times</dd>\n",
                    clip->text.n_positions, page->state->n_cut);
    html_markup(html, "<dt>Time</dt><dd>%s</dd>\n<dt>Page</dt><dd>%s, coop " COOP_VERSION "</dd>\n</dl>\n",
                time_text, date);
}

static void write_evaluations(Html *html, const MetricsHistory *history) {
    if (history->n_evaluations == 0)
        return;
    html_markup(html,
                "<section><h2>Evaluations</h2>\n<div class=\"scroll\"><table class=\"numbers\"><thead><tr>"
                "<th>epoch</th><th>loss</th><th>image to text R@1</th><th>R@5</th><th>R@10</th>"
                "<th>mean rank</th><th>median</th><th>text to image R@1</th><th>R@5</th><th>R@10</th>"
                "<th>mean rank</th><th>median</th><th>zero-shot top-1</th><th>top-5</th></tr></thead>"
                "<tbody>\n");
    for (int i = 0; i < history->n_evaluations; i++) {
        const Evaluation *e = &history->evaluations[i];
        const Recall *const both[] = {&e->to_text, &e->to_image};
        html_markup(html, "<tr><th>%d</th>", e->epoch);
        if (e->n_val > 0)
            html_markup(html, "<td>%.4f</td>", e->val_loss);
        for (int k = 0; k < 2 && e->n_val > 0; k++)
            html_markup(html, "<td>%.1f</td><td>%.1f</td><td>%.1f</td><td>%.1f</td><td>%.0f</td>",
                        100 * both[k]->within[0], 100 * both[k]->within[1], 100 * both[k]->within[2],
                        both[k]->mean_rank, both[k]->median_rank);
        for (int k = 0; k < 11 && e->n_val == 0; k++)
            html_markup(html, "<td>–</td>");
        if (e->n_zeroshot > 0)
            html_markup(html, "<td>%.1f</td><td>%.1f</td></tr>\n", 100 * e->top1, 100 * e->top5);
        else
            html_markup(html, "<td>–</td><td>–</td></tr>\n");
    }
    html_markup(
        html, "</tbody></table></div>\n<p>Recall and accuracy in %%. The rank of a match counts from 1 among "
              "all of data.val; each image has one caption there.</p></section>\n");
}

static void write_lines(Html *html, const char *text) {
    html_markup(html, "<pre>");
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        const size_t mark = arena_mark(html->arena);
        const char *line = arena_printf(html->arena, "%.*s", (int)(end - text), text);
        html_text(html, line ? line : "");
        html_markup(html, "\n");
        html_reset(html, mark);
    }
    html_markup(html, "</pre>");
}

/* The keys in use and the file that they come from. */
static void write_configuration(Html *html, const Page *page) {
    const char *path = page->session->config->path;
    const char *text = file_read(path, MAX_CONFIG, html->arena, NULL, NULL);
    html_markup(html, "<section><h2>Configuration</h2>\n");
    html_markup(html, "<details><summary>Everything that the numbers depend on</summary>");
    write_lines(html, page->session->identity);
    html_markup(html, "</details>\n");
    if (text) {
        html_markup(html, "<details><summary>");
        html_text(html, path);
        html_markup(html, "</summary>");
        write_lines(html, text);
        html_markup(html, "</details>\n");
    }
    html_markup(html, "</section>\n");
}

static void write_page(Report *report, const Page *page) {
    Html *html = &report->html;
    const char *title = page->session->config->name;
    html_markup(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    html_element(html, "title", title);
    html_markup(html, "\n<style>\n%s</style>\n</head>\n<body>\n<header>\n", REPORT_STYLE);
    html_element(html, "h1", title);
    html_markup(html, "\n<p>A CLIP trained on image–caption pairs.</p>\n");
    if (!report->plots)
        html_markup(html, "<p class=\"note\">gnuplot is not here (or does not work): tables stand in place "
                          "of curves.</p>\n");
    write_run(html, page);
    html_markup(html, "</header>\n<main>\n");
    write_facts(html, &page->history);
    pretrain_curves(report, &page->history);
    write_evaluations(html, &page->history);
    write_configuration(html, page);
    html_markup(html, "</main>\n<footer>Made by <code>coop pretrain</code> of coop " COOP_VERSION
                      ".</footer>\n</body>\n</html>\n");
}

static int save_page(const Page *page, const char *path, Arena *arena, Error *err) {
    Report report = {.html = {.arena = arena}, .plots = plot_available()};
    if (!report.plots && errno == ENOMEM)
        return error_memory(err);
    write_page(&report, page);
    const char *text = buffer_text(&report.html.out);
    int status = text && !report.html.failed && !arena_failed(arena)
                     ? file_write(path, text, report.html.out.size, err)
                     : error_memory(err);
    buffer_free(&report.html.out);
    return status;
}

/* --- the terminal --- */

static void print_evaluations(const MetricsHistory *history) {
    if (history->n_evaluations == 0)
        return;
    printf("%5s  %8s  %25s  %25s  %19s\n", "epoch", "val loss", "image to text: R@1, 5, 10",
           "text to image: R@1, 5, 10", "zero-shot: top-1, 5");
    for (int i = 0; i < history->n_evaluations; i++) {
        const Evaluation *e = &history->evaluations[i];
        printf("%5d", e->epoch);
        if (e->n_val > 0)
            printf("  %8.4f  %11.1f  %5.1f  %5.1f  %11.1f  %5.1f  %5.1f", e->val_loss,
                   100 * e->to_text.within[0], 100 * e->to_text.within[1], 100 * e->to_text.within[2],
                   100 * e->to_image.within[0], 100 * e->to_image.within[1], 100 * e->to_image.within[2]);
        else
            printf("  %8s  %25s  %25s", "", "", "");
        if (e->n_zeroshot > 0)
            printf("  %12.1f  %5.1f", 100 * e->top1, 100 * e->top5);
        putchar('\n');
    }
    fflush(stdout);
}

static void print_files(const PretrainSession *session, const char *page, int epoch, Arena *arena) {
    const char *checkpoint = checkpoints_newest(session->config, epoch, arena);
    if (epoch > 0)
        fputc('\n', stderr);
    print_line(stderr, "report: %s", page);
    if (checkpoint)
        print_line(stderr, "checkpoint: %s", checkpoint);
    if (checkpoint)
        print_line(stderr, "use it: build/coop zeroshot --model %s --classes A,B,C IMAGE...", checkpoint);
}

int pretrain_page_write(const PretrainSession *session, const PretrainState *state, bool quiet, Error *err) {
    Arena *arena = arena_create();
    Page page = {.session = session, .state = state};
    const char *metrics = path_join(arena, session->config->output, METRICS_FILE), *damage = NULL;
    const char *path = path_join(arena, session->config->output, PAGE_FILE);
    const bool finished = state->epoch >= session->optim.epochs;
    int status = arena_failed(arena) ? error_memory(err)
                                     : pretrain_metrics_salvage(&page.history, metrics, &damage, arena, err);
    if (damage && status == 0)
        print_line(stderr, "note: %s; tables and curves lack it", damage);
    if (status == 0)
        status = save_page(&page, path, arena, err);
    if (status == 0 && finished)
        print_evaluations(&page.history);
    if (status == 0 && !quiet)
        print_files(session, path, finished ? state->epoch : 0, arena);
    arena_free(arena);
    return status;
}
