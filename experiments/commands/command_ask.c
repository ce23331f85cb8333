/* command_ask.c: coop ask */
#include "clip/base/files.h"
#include "clip/base/json.h"
#include "clip/base/text_map.h"
#include "clip/math/ops.h"
#include "datasets/lists/text_lines.h"
#include "experiments/commands/commands.h"
#include "experiments/config/names.h"
#include "experiments/ranking/vqa.h"
#include "experiments/retrieve/ask.h"
#include "experiments/retrieve/outcome.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *answers, *questions, *annotations, *images, *output;
    OptionTexts templates;
    int top;
    bool json, upright, quiet;
} Request;

static const char *const default_templates[] = {"Question: {question} Answer: {answer}.",
                                                "{question} {answer}"};

static void trim(char **text) {
    *text += strspn(*text, " \t");
    for (size_t n = strlen(*text); n > 0 && strchr(" \t", (*text)[n - 1]); n--)
        (*text)[n - 1] = '\0';
}

/* "a,b,c", or the lines of a file of that name. */
static int read_answers(AskWith *with, const char *given, Arena *arena, Error *err) {
    const bool is_file = file_exists(given);
    TextLines lines = {0};
    char *list = is_file ? NULL : arena_strdup(arena, given), *at = list;
    if (is_file ? lines_open(&lines, given, arena, err) < 0 : !list)
        return is_file ? -1 : error_memory(err);
    const char **all = ARENA_NEW(arena, const char *, strlen(is_file ? lines.at : list) + 1);
    TextMap seen = {.arena = arena};
    int n = 0;
    for (char *answer; all && (answer = is_file ? lines_next(&lines) : strsep(&at, ","));) {
        trim(&answer);
        if (*answer && text_map_find(&seen, answer))
            return (is_file ? error_set : error_usage)(err, "%s: '%s' stands there twice", given, answer);
        if (*answer && text_map_put(&seen, answer, n) == 0)
            all[n++] = answer;
    }
    with->answers = all;
    with->n_answers = n;
    if (arena_failed(arena))
        return error_memory(err);
    return n > 0 ? 0 : error_usage(err, "--answers '%s': no answers", given);
}

/* --- one picture --- */

typedef struct {
    double probability;
    int answer;
} Ranked;

static int compare_ranked(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    return x->probability != y->probability ? (x->probability < y->probability ? 1 : -1)
                                            : x->answer - y->answer;
}

static void rank(Ranked *ranked, const float *image, const float *texts, int K, int E, float scale) {
    double most = -INFINITY, sum = 0;
    for (int k = 0; k < K; k++) {
        double cosine = 0;
        for (int i = 0; i < E; i++)
            cosine += (double)image[i] * texts[(size_t)k * (size_t)E + (size_t)i];
        ranked[k] = (Ranked){exp(scale) * cosine, k};
        most = ranked[k].probability > most ? ranked[k].probability : most;
    }
    for (int k = 0; k < K; k++)
        sum += ranked[k].probability = exp(ranked[k].probability - most);
    for (int k = 0; k < K; k++)
        ranked[k].probability /= sum;
    qsort(ranked, (size_t)K, sizeof *ranked, compare_ranked);
}

static int print_ranked(const Ranked *ranked, const AskWith *with, const Request *request, Arena *arena,
                        Error *err) {
    const int n = request->top < with->n_answers ? request->top : with->n_answers;
    if (!request->json) {
        for (int i = 0; i < n; i++)
            printf("%s%s %.1f %%", i > 0 ? "  " : "", printable(with->answers[ranked[i].answer], arena),
                   100 * ranked[i].probability);
        printf("\n");
        return 0;
    }
    json_begin();
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "answer", with->answers[ranked[i].answer],
                                              "probability", ranked[i].probability));
    json_t *json = json_pack("{s:o}", "answers", list);
    return print_json_value(stdout, json, err);
}

static int ask_one(const Request *request, LoadedModel *model, const char *picture, const char *question,
                   const AskWith *with, Arena *arena, Error *err) {
    const size_t E = (size_t)model->clip->embed_dim, K = (size_t)with->n_answers;
    float *image = arena_floats(arena, 1, E), *texts = arena_floats(arena, K, E);
    Ranked *ranked = ARENA_NEW(arena, Ranked, K);
    if (arena_failed(arena))
        return error_memory(err);
    if (cli_model_encode(model, image, NULL, &picture, 1, true, request->quiet, err) < 0 ||
        ask_texts(texts, model, question, with, err) < 0)
        return -1;
    rank(ranked, image, texts, (int)K, (int)E, model->clip->logit_scale);
    return isfinite(ranked[0].probability) ? print_ranked(ranked, with, request, arena, err)
                                           : error_run(err, "the features are not finite");
}

/* --- many questions --- */

enum { MOST_TYPES = 16 };

/* Where nothing else is given, what the file itself answers. */
static int collect_answers(AskWith *with, const QuestionSet *set, Arena *arena, Error *err) {
    TextMap seen = {.arena = arena};
    int n = 0, total = 0;
    for (int i = 0; i < set->n; i++)
        total += set->questions[i].n_answers;
    const char **all = ARENA_NEW(arena, const char *, total);
    for (int i = 0; all && i < set->n; i++)
        for (int a = 0; a < set->questions[i].n_answers; a++) {
            const char *answer = set->questions[i].answers[a];
            if (*answer && !text_map_find(&seen, answer) && text_map_put(&seen, answer, n) == 0)
                all[n++] = answer;
        }
    with->answers = all;
    with->n_answers = n;
    return arena_failed(arena) ? error_memory(err) : 0;
}

static int add_type(Measure *measures, int *n, const char *type, double accuracy) {
    int at = 0;
    while (at < *n && strcmp(measures[at].label, type) != 0)
        at++;
    if (at == MOST_TYPES)
        return 0; /* the overall accuracy has it */
    if (at == *n)
        measures[(*n)++] = (Measure){type, 0, 0, NAN, NAN};
    measures[at].percent += accuracy;
    measures[at].n++;
    return 0;
}

static int count(Measure *measures, int *n, const QuestionSet *set, const AskWith *with, const int *picks,
                 Error *err) {
    for (int i = 0; i < set->n; i++) {
        const Question *question = &set->questions[i];
        double accuracy;
        if (vqa_accuracy(&accuracy, with->answers[picks[i]], question->answers, question->n_answers, err) < 0)
            return -1;
        add_type(measures, n, "overall", accuracy);
        if (question->type)
            add_type(measures, n, question->type, accuracy);
    }
    for (int i = 0; i < *n; i++)
        measures[i].percent *= 100.0 / measures[i].n;
    return 0;
}

static int digest_all(char digest[65], const QuestionSet *set, const AskWith *with, Arena *arena,
                      Error *err) {
    const char *text = "";
    for (int i = 0; text && i < with->n_templates; i++)
        text = arena_printf(arena, "%stemplate %s\n", text, with->templates[i]);
    char part[65];
    for (int i = 0; text && i < with->n_answers + set->n; i++) { /* a digest of digests: memory stays small */
        const size_t mark = arena_mark(arena);
        const int q = i - with->n_answers;
        const char *line = q < 0
                               ? arena_printf(arena, "%s\nanswer %s", i > 0 ? digest : text, with->answers[i])
                               : arena_printf(arena, "%s\n%s\n%s\n%s", digest, set->images.items[q].path,
                                              set->questions[q].text, set->questions[q].answers[0]);
        if (!line)
            return error_memory(err);
        digest_bytes(part, line, strlen(line));
        memcpy(digest, part, sizeof part);
        arena_reset(arena, mark);
    }
    return text ? 0 : error_memory(err);
}

static int evaluate(const Request *request, LoadedModel *model, AskWith *with, Arena *arena, Error *err) {
    QuestionSet set;
    Measure measures[MOST_TYPES];
    int n = 0;
    Subject subject = {.method = "ask", .dataset = path_stem(request->questions, arena)};
    const ImageFolder folder = {.root = request->images,
                                .cache = request->output ? path_join(arena, request->output, "cache") : NULL,
                                .upright = request->upright,
                                .quiet = request->quiet};
    if (question_set_read(&set, request->questions, request->annotations, arena, err) < 0)
        return -1;
    if (with->n_answers == 0 && collect_answers(with, &set, arena, err) < 0)
        return -1;
    if (!request->answers && !request->quiet)
        print_line(stderr, "note: no --answers: the %d that the file itself has are the candidates",
                   with->n_answers);
    int *picks = ARENA_NEW(arena, int, set.n);
    if (arena_failed(arena))
        return error_memory(err);
    if (ask_all(picks, model, &set, with, &folder, err) < 0 ||
        count(measures, &n, &set, with, picks, err) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        print_line(stdout, "%s, %s: %d questions: %.2f %%", subject.dataset, measures[i].label, measures[i].n,
                   measures[i].percent);
    if (!request->output)
        return 0;
    return digest_all(subject.digest, &set, with, arena, err) < 0
               ? -1
               : outcome_write(request->output, &subject, model, measures, n, err);
}

static int answer(const CommandLine *line, const Request *request, LoadedModel *model, Error *err) {
    AskWith with = {.templates = request->templates.n > 0 ? request->templates.values : default_templates,
                    .n_templates = request->templates.n > 0 ? request->templates.n : 2};
    if (ask_check(&with, err) < 0 ||
        (request->answers && read_answers(&with, request->answers, line->arena, err) < 0))
        return -1;
    if (request->questions)
        return evaluate(request, model, &with, line->arena, err);
    return ask_one(request, model, line->words.values[0], line->words.values[1], &with, line->arena, err);
}

static int check(const CommandLine *line, const Request *request, const char *weights, Error *err) {
    const bool many = request->questions;
    if (!weights)
        return error_usage(err, "--model is needed");
    if (!many && (line->words.n != 2 || !request->answers))
        return error_usage(err, "an image, a question and --answers are needed, or --questions FILE");
    if (!many && (request->annotations || request->images || request->output))
        return error_usage(err, "--annotations, --images and --out go with --questions FILE");
    if (many && (line->words.n > 0 || !request->images || request->json))
        return error_usage(err,
                           "--questions FILE wants --images DIR, and goes with no image, question or --json");
    return 0;
}

static int run(CommandLine *line, Error *err) {
    const char *weights = NULL, *activation = NULL, *precision = NULL, *exif = NULL;
    LoadedModelOptions given = {.towers = CLIP_BOTH | CLIP_DIGEST};
    Request request = {.top = 5};
    const Option options[] = {
        {"model", OPTION_TEXT, &weights, 0, 0, "FILE|NAME",
         "the checkpoint: a file, its folder, or a name (coop models)"},
        {"answers", OPTION_TEXT, &request.answers, 0, 0, "A,B,C|FILE",
         "the candidates, or a file of them, one a line"},
        {"template", OPTION_TEXTS, &request.templates, 0, 0, "TEXT",
         "a text of {question} and {answer}; several are averaged"},
        {"top", OPTION_INT, &request.top, 1, 1000000, "K", "answers to print (default 5)"},
        {"json", OPTION_FLAG, &request.json, 0, 0, NULL, "an object instead"},
        {"questions", OPTION_TEXT, &request.questions, 0, 0, "FILE",
         "instead of an image: a table (image, question, answer), or VQA's questions"},
        {"annotations", OPTION_TEXT, &request.annotations, 0, 0, "FILE", "VQA's annotations of these"},
        {"images", OPTION_TEXT, &request.images, 0, 0, "DIR", "their folder of images"},
        {"out", OPTION_TEXT, &request.output, 0, 0, "DIR", "leaves their results there, for coop report"},
        OPTION_VOCAB(&given.vocab),
        OPTION_ACTIVATION(&activation),
        OPTION_HEADS(&given.heads),
        OPTION_PRECISION(&precision),
        OPTION_EXIF(&exif)};
    int status = command_parse(line, &command_ask, options, 14, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (check(line, &request, weights, err) < 0 || cli_activation(&given.activation, activation, err) < 0 ||
        cli_precision(&given.precision, precision, err) < 0 || cli_exif(&request.upright, exif, err) < 0)
        return -1;
    request.quiet = line->common.quiet;
    given.n_threads = line->common.threads;
    LoadedModel model;
    status = cli_model_open(&model, weights, given, err);
    model.upright = request.upright;
    if (status == 0) {
        cli_model_print_note(&model, request.quiet);
        status = answer(line, &request, &model, err);
    }
    loaded_model_close(&model);
    return status;
}

const Command command_ask = {
    .name = "ask",
    .usage =
        "coop ask --model FILE IMAGE QUESTION --answers A,B,C|FILE [--template TEXT]... [--top K] [--json]\n"
        "       coop ask --model FILE --questions FILE [--annotations FILE] --images DIR [--answers ...] "
        "[--out DIR]",
    .summary = "answer a question about an image by ranking candidates",
    .help =
        "Each candidate makes a text with the question; the nearest to the image wins. Percentages are\n"
        "shares among the candidates, so they say how sure CLIP is that it is this one of them, never that\n"
        "any of them is true. Many questions are counted as VQA's own evaluation does.\n",
    .example =
        "coop ask --model ViT-B/32 photo.jpg \"What animal is in the picture?\" --answers cat,dog,horse",
    .min_words = 0,
    .max_words = 2,
    .run = run};
