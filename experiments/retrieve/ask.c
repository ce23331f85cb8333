/* ask.c: see ask.h */
#include "experiments/retrieve/ask.h"

#include "clip/base/text_map.h"
#include "experiments/terminal/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A word in braces that is no gap is one that was misspelt. */
static int check_gaps(const char *template, Error *err) {
    for (const char *at = strchr(template, '{'); at; at = strchr(at + 1, '{')) {
        const size_t n = strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (at[1 + n] == '}' && strncmp(at, "{answer}", 8) != 0 && strncmp(at, "{question}", 10) != 0)
            return error_usage(err, "--template '%.60s': '%.*s': {question} and {answer} are known", template,
                               (int)(n < 40 ? n + 2 : 40), at);
    }
    return 0;
}

int ask_check(const AskWith *with, Error *err) {
    for (int t = 0; t < with->n_templates; t++) {
        if (check_gaps(with->templates[t], err) < 0)
            return -1;
        if (!strstr(with->templates[t], "{answer}"))
            return error_usage(err, "--template '%.60s': no {answer} in it", with->templates[t]);
    }
    return 0;
}

/* The text with every `gap` replaced; owned by the arena, NULL when memory is out. */
static const char *fill(const char *text, const char *gap, const char *with, Arena *arena) {
    const char *out = "", *at;
    for (; out && (at = strstr(text, gap)); text = at + strlen(gap))
        out = arena_printf(arena, "%s%.*s%s", out, (int)(at - text), text, with);
    return out ? arena_printf(arena, "%s%s", out, text) : NULL;
}

int ask_texts(float *features, const LoadedModel *model, const char *question, const AskWith *with,
              Error *err) {
    const int K = with->n_answers, n = K * with->n_templates, E = model->clip->embed_dim;
    Arena *arena = arena_create();
    const char **texts = ARENA_NEW(arena, const char *, n);
    float *each = arena_floats(arena, (size_t)n, (size_t)E);
    TextCuts cuts;
    for (int i = 0; i < n && !arena_failed(arena); i++) { /* the answer first: a question may hold anything */
        const char *head = with->templates[i / K], *gap = strstr(head, "{question}"), *all = "";
        for (; all && gap; head = gap + strlen("{question}"), gap = strstr(head, "{question}")) {
            const char *part = arena_printf(arena, "%.*s", (int)(gap - head), head);
            part = part ? fill(part, "{answer}", with->answers[i % K], arena) : NULL;
            all = part ? arena_printf(arena, "%s%s%s", all, part, question) : NULL;
        }
        const char *tail = fill(head, "{answer}", with->answers[i % K], arena);
        texts[i] = all && tail ? arena_printf(arena, "%s%s", all, tail) : NULL;
    }
    int status = arena_failed(arena) ? error_memory(err) : 0;
    if (status == 0)
        status = encode_captions(each, &cuts, model, texts, n, true, err);
    if (status == 0 && cuts.n > 0)
        status = error_set(err, "text '%.60s...': more tokens than the model's %d positions",
                           texts[cuts.first], model->clip->text.n_positions);
    if (status == 0)
        zeroshot_average(features, each, with->n_templates, K, E);
    arena_free(arena);
    return status;
}

static int compare_ranked(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : x->answer - y->answer;
}

int ask_rank(Ranked *ranked, const float *image, const float *texts, int K, const Clip *clip, Error *err) {
    const int E = clip->embed_dim;
    const double scale = exp(clip->logit_scale);
    double sum = 0;
    for (int k = 0; k < K; k++) {
        double cosine = 0;
        for (int i = 0; i < E; i++)
            cosine += (double)image[i] * texts[(size_t)k * (size_t)E + (size_t)i];
        if (!isfinite(cosine))
            return error_run(err, "the features are not finite");
        ranked[k] = (Ranked){.answer = k, .score = cosine};
    }
    qsort(ranked, (size_t)K, sizeof *ranked, compare_ranked);
    for (int k = 0; k < K; k++)
        sum += ranked[k].share = exp(scale * (ranked[k].score - ranked[0].score));
    for (int k = 0; k < K; k++)
        ranked[k].share /= sum;
    return 0;
}

/* Questions of one text are answered together: their candidates are encoded once. next (n) leads from each to
 * the next of its text, firsts (number returned) to the first; -1 ends. Those with choices of their own stay
 * alone. */
static int chain(int *firsts, int *next, const QuestionSet *set, bool own, Arena *arena) {
    TextMap lasts = {.arena = arena};
    int n = 0;
    for (int i = 0; i < set->n; i++) {
        const char *text = set->questions[i].text;
        int *last = own ? NULL : text_map_find(&lasts, text);
        next[i] = -1;
        if (last) {
            next[*last] = i;
            *last = i;
        } else {
            firsts[n++] = i;
            if (!own && text_map_put(&lasts, text, i) < 0)
                return -1;
        }
    }
    return n;
}

static AskWith with_choices(const AskWith *with, const Question *question) {
    AskWith own = *with;
    own.answers = question->choices;
    own.n_answers = question->n_choices;
    return own;
}

/* The questions from `first` on, of one text. */
static int answer_chain(Pick *picks, const float *images, const LoadedModel *model, const QuestionSet *set,
                        const AskWith *with, int first, const int *next, Error *err) {
    const size_t E = (size_t)model->clip->embed_dim, K = (size_t)with->n_answers;
    Arena *arena = arena_create();
    float *texts = arena_floats(arena, K, E);
    Ranked *ranked = ARENA_NEW(arena, Ranked, K);
    int status = arena_failed(arena) ? error_memory(err)
                                     : ask_texts(texts, model, set->questions[first].text, with, err);
    for (int i = first; i >= 0 && status == 0; i = next[i]) {
        status = ask_rank(ranked, images + (size_t)i * E, texts, (int)K, model->clip, err);
        picks[i] = (Pick){with->answers[ranked[0].answer], ranked[0].share};
    }
    arena_free(arena);
    return status;
}

int ask_all(Pick *picks, const LoadedModel *model, const QuestionSet *set, const AskWith *with,
            const ImageFolder *folder, Error *err) {
    const bool own = with->n_answers == 0;
    Arena *arena = arena_create();
    float *images = arena_floats(arena, (size_t)set->n, (size_t)model->clip->embed_dim);
    int *firsts = ARENA_NEW(arena, int, set->n), *next = ARENA_NEW(arena, int, set->n);
    const int n = arena_failed(arena) ? -1 : chain(firsts, next, set, own, arena);
    int status = n < 0 ? error_memory(err) : encode_folder(images, model, folder, &set->images, err);
    Progress progress;
    progress_start(&progress, stderr, folder->quiet, "questions", n);
    for (int q = 0; q < n && status == 0; q++) {
        const AskWith these = own ? with_choices(with, &set->questions[firsts[q]]) : *with;
        status = answer_chain(picks, images, model, set, &these, firsts[q], next, err);
        progress_update(&progress, q + 1);
    }
    progress_erase(&progress);
    arena_free(arena);
    return status;
}
