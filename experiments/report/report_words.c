/* report_words.c: the vocabulary words nearest to the vectors of learned prompts. */
#include "clip/base/files.h"
#include "coop/words.h"
#include "experiments/config/config.h"
#include "experiments/methods/methods.h"
#include "experiments/report/report_sections.h"
#include "experiments/session/cli_model.h"

#include <stdio.h>
#include <string.h>

enum { N_WORDS = 3, MAX_VECTORS = 20000 /* of a dataset: about a megabyte of page */ };

/* Prompts of one checkpoint share its model. */
typedef struct {
    LoadedModel model;
    char digest[65]; /* of the open model, or "" */
    int n_left;      /* vectors that may still be shown */
} Opened;

/* The vocabulary that the experiment named, by the config.yaml beside the prompt; NULL: beside the weights.
 */
static const char *configured_vocab(const char *folder, Arena *arena, Error *err) {
    Experiment experiment;
    const char *path = path_join(arena, folder, "config.yaml");
    if (!path || !file_exists(path) ||
        experiment_read(&experiment, path, NULL, 0, method_list(), arena, err) < 0)
        return NULL;
    return experiment.model.vocab;
}

static int open_model(Opened *opened, const Prompt *prompt, const char *path, const char *folder,
                      Arena *arena, Error *err) {
    if (*opened->digest && strcmp(opened->digest, prompt->backbone_digest) == 0)
        return loaded_model_check_vocab(&opened->model, path, prompt->vocab_digest, err);
    loaded_model_close(&opened->model);
    *opened->digest = '\0';
    Error why = {0};
    const char *vocab = configured_vocab(folder, arena, &why);
    if (why.kind == ERROR_RUN) {
        *err = why;
        return -1;
    }
    if (cli_model_open_text(&opened->model, prompt, path, NULL, vocab, 0, err) < 0)
        return -1;
    snprintf(opened->digest, sizeof opened->digest, "%s", prompt->backbone_digest);
    return 0;
}

static void write_vector(Html *html, const LoadedModel *model, const Word *words, int n_words) {
    html_markup(html, "<td>");
    for (int i = 0; i < n_words; i++) {
        size_t mark = arena_mark(html->arena);
        html_element(html, "b", word_text(model->tokenizer, words[i].id, html->arena));
        html_markup(html, " ");
        html_reset(html, mark);
    }
    html_markup(html, "%.3f</td>", words[0].distance);
}

/* A row per vector; of class-specific ones a row per class, a column per vector. */
static void write_table(Html *html, const Prompt *prompt, const LoadedModel *model, const Word *words,
                        int n_rows, int n_words) {
    int n_columns = prompt->csc ? prompt->n_ctx : 1;
    html_markup(html, "<div class=\"scroll\"><table class=\"words\"><thead><tr><th>%s</th>",
                prompt->csc ? "class" : "vector");
    for (int m = 0; m < n_columns && prompt->csc; m++)
        html_markup(html, "<th>vector %d</th>", m + 1);
    html_markup(html, "%s</tr></thead><tbody>\n",
                prompt->csc ? "" : "<th>nearest words, distance of the first</th>");
    for (int k = 0; k < n_rows; k++) {
        html_markup(html, "<tr><th>");
        if (prompt->csc)
            html_class(html, prompt->class_names[k]);
        else
            html_markup(html, "%d", k + 1);
        html_markup(html, "</th>");
        for (int m = 0; m < n_columns; m++)
            write_vector(html, model, words + ((size_t)k * (size_t)n_columns + (size_t)m) * (size_t)n_words,
                         n_words);
        html_markup(html, "</tr>\n");
    }
    html_markup(html, "</tbody></table></div>\n");
}

static void write_prompt(Html *html, const Prompt *prompt, const char *path, Opened *opened) {
    const LoadedModel *model = &opened->model;
    const TextWeights *weights = &model->clip->text;
    int n_rows = prompt->csc ? prompt->n_classes : prompt->n_ctx, n_columns = prompt->csc ? prompt->n_ctx : 1;
    int n_words = N_WORDS < weights->n_vocab ? N_WORDS : weights->n_vocab;
    int n_shown = opened->n_left / n_columns < n_rows ? opened->n_left / n_columns : n_rows;
    int n_vectors = n_shown * n_columns;
    Word *words = ARENA_NEW(html->arena, Word, (size_t)n_vectors * (size_t)n_words);
    if (!words ||
        words_nearest_few(words, n_words, prompt->ctx, n_vectors, weights, model->pool, html->arena) < 0) {
        html->failed = true;
        return;
    }
    opened->n_left -= n_vectors;
    if (n_shown > 0)
        write_table(html, prompt, model, words, n_shown, n_words);
    if (n_shown < n_rows) {
        html_markup(html, "<p class=\"note\">%d of %d %s are left out here: coop words ", n_rows - n_shown,
                    n_rows, prompt->csc ? "classes" : "vectors");
        html_text(html, path);
        html_markup(html, " prints them.</p>\n");
    }
}

static void write_row(Html *html, const Score *score, const char *path, Opened *opened) {
    size_t mark = arena_mark(html->arena);
    Prompt prompt;
    Error err = {0};
    char shots[64];
    shots_text(score->num_shots, shots);
    html_markup(html, "<details><summary>");
    html_text(html, score->label);
    html_markup(html, ", %s, seed %d</summary>\n", shots, score->seed);
    if (prompt_read(&prompt, path, html->arena, &err) < 0 ||
        open_model(opened, &prompt, path, score->folder, html->arena, &err) < 0)
        html_note(html, &err);
    else
        write_prompt(html, &prompt, path, opened);
    html_markup(html, "</details>\n");
    html_reset(html, mark);
}

void report_words(Report *report, const Group *group) {
    Html *html = &report->html;
    size_t mark = arena_mark(html->arena);
    Opened opened = {.n_left = MAX_VECTORS};
    int n = 0;
    for (int i = 0; i < group->cells.n_rows; i++) {
        const char *label = group->cells.labels[i];
        const Score *score = group_score(group, label, group->cells.shots[row_last_column(group, i)]);
        const char *path = score && score->folder ? path_join(html->arena, score->folder, PROMPT_FILE) : NULL;
        if (!path || !file_exists(path))
            continue;
        if (n++ == 0)
            html_markup(html, "<section class=\"folded\"><h3>Nearest words</h3>\n<p>What each learned vector "
                              "is closest to in the "
                              "vocabulary, and the distance of the first (Euclidean, in the space of token "
                              "embeddings). A hyphen ends a piece of a longer word.</p>\n");
        write_row(html, score, path, &opened);
    }
    if (n > 0)
        html_markup(html, "</section>\n");
    loaded_model_close(&opened.model);
    html_reset(html, mark);
}
