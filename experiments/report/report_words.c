/* report_words.c: the vocabulary words nearest to the vectors of learned prompts. */
#include "clip/base/files.h"
#include "coop/words.h"
#include "experiments/config/config.h"
#include "experiments/methods/methods.h"
#include "experiments/report/report_sections.h"
#include "experiments/session/cli_model.h"

#include <string.h>

enum { MAX_PROMPTS = 4, MAX_CLASSES_SHOWN = 4, MAX_VECTORS = 32, N_WORDS = 3 };

/* Prompts of one checkpoint share its model. */
typedef struct {
    LoadedModel model;
    const char *digest; /* of the open model, or NULL */
} Opened;

/* The vocabulary that the experiment named, by the config.yaml beside the prompt; NULL: beside the weights.
 */
static const char *configured_vocab(const char *folder, Arena *arena) {
    Experiment experiment;
    Error err = {0};
    const char *path = path_join(arena, folder, "config.yaml");
    if (!path || !file_exists(path) ||
        experiment_read(&experiment, path, NULL, 0, method_list(), arena, &err) < 0)
        return NULL;
    return experiment.model.vocab;
}

static int open_model(Opened *opened, const Prompt *prompt, const char *path, const char *folder,
                      Arena *arena, Error *err) {
    if (opened->digest && strcmp(opened->digest, prompt->backbone_digest) == 0)
        return loaded_model_check_vocab(&opened->model, path, prompt->vocab_digest, err);
    loaded_model_close(&opened->model);
    opened->digest = NULL;
    if (cli_model_open_text(&opened->model, prompt, path, NULL, configured_vocab(folder, arena), 0, err) < 0)
        return -1;
    opened->digest = prompt->backbone_digest;
    return 0;
}

static void write_vector(Html *html, const Prompt *prompt, const LoadedModel *model, int k, int m,
                         Word *words) {
    size_t row = (size_t)k * (size_t)prompt->n_ctx + (size_t)m;
    words_nearest(words, prompt->ctx + row * (size_t)prompt->width, &model->clip->text);
    html_markup(html, "<td>");
    for (int i = 0; i < N_WORDS && i < model->clip->text.n_vocab; i++) {
        size_t mark = arena_mark(html->arena);
        html_markup(html, "%s<span class=\"word\">", i > 0 ? " " : "");
        html_text(html, word_text(model->tokenizer, words[i].id, html->arena));
        html_markup(html, "</span>");
        html_reset(html, mark);
    }
    html_markup(html, " <span class=\"distance\">%.3f</span></td>", words[0].distance);
}

/* A row per vector; a column, or one per class (the first few). */
static void write_prompt(Html *html, const Prompt *prompt, const LoadedModel *model) {
    int n_sets = prompt->csc ? prompt->n_classes : 1;
    n_sets = n_sets < MAX_CLASSES_SHOWN ? n_sets : MAX_CLASSES_SHOWN;
    Word *words = ARENA_NEW(html->arena, Word, model->clip->text.n_vocab);
    if (!words)
        return;
    html_markup(html, "<div class=\"scroll\"><table class=\"words\"><thead><tr><th>#</th>");
    for (int k = 0; k < n_sets; k++) {
        html_markup(html, "<th>");
        html_class(html, prompt->csc ? prompt->class_names[k] : "nearest words, distance of the first");
        html_markup(html, "</th>");
    }
    html_markup(html, "</tr></thead><tbody>\n");
    for (int m = 0; m < prompt->n_ctx && m < MAX_VECTORS; m++) {
        html_markup(html, "<tr><th>%d</th>", m + 1);
        for (int k = 0; k < n_sets; k++)
            write_vector(html, prompt, model, k, m, words);
        html_markup(html, "</tr>\n");
    }
    html_markup(html, "</tbody></table></div>\n");
}

static void write_row(Html *html, const Score *score, const char *path, Opened *opened) {
    Prompt prompt;
    Error err = {0};
    const ResultSetting *csc = result_setting(score->last, "csc");
    html_markup(html, csc && csc->integer ? "<figure class=\"wide\"><figcaption>" : "<figure><figcaption>");
    html_text(html, score->label);
    html_markup(html, "</figcaption>\n");
    if (prompt_read(&prompt, path, html->arena, &err) < 0 ||
        open_model(opened, &prompt, path, score->folder, html->arena, &err) < 0)
        html_element(html, "p class=\"note\"", err.text);
    else
        write_prompt(html, &prompt, &opened->model);
    html_markup(html, "</figure>\n");
}

void report_words(Report *report, const Group *group) {
    Html *html = &report->html;
    size_t mark = arena_mark(html->arena);
    Opened opened = {0};
    int n = 0;
    for (int i = 0; i < group->cells.n_rows && n < MAX_PROMPTS; i++) {
        const char *label = group->cells.labels[i];
        const Score *score = group_score(group, label, group->cells.shots[row_last_column(group, i)]);
        const char *path = score && score->folder ? path_join(html->arena, score->folder, PROMPT_FILE) : NULL;
        if (!path || !file_exists(path))
            continue;
        if (n++ == 0)
            html_markup(html, "<section><h3>Nearest words</h3>\n<p>What each learned vector is closest to in "
                              "the vocabulary; a hyphen ends a piece of a longer word.</p>\n<div "
                              "class=\"pair\">\n");
        write_row(html, score, path, &opened);
    }
    if (n > 0)
        html_markup(html, "</div></section>\n");
    loaded_model_close(&opened.model);
    html_reset(html, mark);
}
