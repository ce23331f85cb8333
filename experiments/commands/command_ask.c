/* command_ask.c: coop ask */
#include "clip/base/files.h"
#include "datasets/captions/answer_list.h"
#include "experiments/commands/commands.h"
#include "experiments/retrieve/ask_many.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <string.h>

typedef struct {
    AskOptions all;
    const char *answers;
    OptionTexts templates, weights;
    int top, most;
    bool json;
} Request;

static const char *const default_templates[] = {"Question: {question} Answer: {answer}.",
                                                "{question} {answer}"};

/* "a,b,c", or the answers of a file of that name. */
static int read_answers(Request *request, Arena *arena, Error *err) {
    const char *given = request->answers;
    AnswerList list;
    const bool is_file = file_exists(given);
    if (is_file) {
        if (answer_list_read(&list, given, request->most > 0 ? request->most : 1000, arena, err) < 0)
            return -1;
    } else if (answer_list_split(&list, given, arena, err) < 0)
        return err->is_memory ? -1 : error_usage(err, "--answers '%.60s': an answer that comes twice", given);
    if (list.n < 2)
        return is_file ? error_set(err, "%s: one answer: nothing to choose from", given)
                       : error_usage(err, "--answers '%.60s': neither a file nor two answers or more", given);
    if (request->most > 0 && (!is_file || list.n_all == 0))
        return error_usage(err, "--most goes with VQA's annotations as --answers");
    if (is_file && list.n_all > 0 && !request->all.quiet)
        print_line(stderr, "note: %s: %d of %d answers are the candidates: those of %.1f %% of the questions",
                   given, list.n, list.n_all, 100 * list.share);
    request->all.with.answers = list.answers;
    request->all.with.n_answers = list.n;
    return 0;
}

/* --- one picture --- */

static int print_ranked(const Ranked *ranked, const AskWith *with, const Request *request, Arena *arena,
                        Error *err) {
    const int top = request->top > 0 ? request->top : 5;
    const int n = top < with->n_answers ? top : with->n_answers;
    if (!request->json) {
        for (int i = 0; i < n; i++)
            printf("%s%s %.1f %%", i > 0 ? "  " : "", printable(with->answers[ranked[i].answer], arena),
                   100 * ranked[i].share);
        printf("\n");
        return 0;
    }
    json_begin();
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "answer", with->answers[ranked[i].answer],
                                              "probability", ranked[i].share));
    json_t *json = json_pack("{s:o}", "answers", list);
    return print_json_value(stdout, json, err);
}

static int ask_one(const Request *request, LoadedModel *model, const char *picture, const char *question,
                   Arena *arena, Error *err) {
    const AskWith *with = &request->all.with;
    const size_t E = (size_t)model->clip->embed_dim, K = (size_t)with->n_answers;
    float *image = arena_floats(arena, 1, E), *texts = arena_floats(arena, K, E);
    Ranked *ranked = ARENA_NEW(arena, Ranked, K);
    if (arena_failed(arena))
        return error_memory(err);
    if (cli_model_encode(model, image, NULL, &picture, 1, true, request->all.quiet, err) < 0 ||
        ask_texts(texts, model, question, with, err) < 0)
        return -1;
    return ask_rank(ranked, image, texts, (int)K, model->clip, err) < 0
               ? -1
               : print_ranked(ranked, with, request, arena, err);
}

static int open_and_ask(const CommandLine *line, const Request *request, Error *err) {
    const Checkpoints *given = &request->all.checkpoints;
    const Experiment experiment = {.model = {.weights = given->weights.values[0],
                                             .vocab = given->vocab,
                                             .activation = given->activation,
                                             .heads = given->heads,
                                             .precision = given->precision}};
    LoadedModel model;
    int status = cli_model_open_for(&model, &experiment, request->all.n_threads, err);
    model.upright = request->all.upright;
    if (status == 0) {
        cli_model_print_note(&model, request->all.quiet);
        status = ask_one(request, &model, line->words.values[0], line->words.values[1], line->arena, err);
    }
    loaded_model_close(&model);
    return status;
}

/* --- many questions --- */

/* With the answers as VQA's files of results have them. */
static int print_json(const Asked *asked, int model, Error *err) {
    const int n = asked->set.n;
    json_begin();
    json_t *list = json_array(), *more = json_object();
    for (int i = 0; i < n; i++) {
        const Pick *pick = &asked->picks[(size_t)model * (size_t)n + (size_t)i];
        json_array_append_new(list, json_pack("{s:I, s:s, s:f}", "question_id",
                                              (json_int_t)asked->set.questions[i].id, "answer", pick->answer,
                                              "probability", pick->share));
    }
    json_object_set_new(more, "answers", list);
    return score_list_print_json(&asked->lists[model], asked->models[model], more, err);
}

static int evaluate(const Request *request, Arena *arena, Error *err) {
    Asked asked;
    if (ask_many(&asked, &request->all, arena, err) < 0)
        return -1;
    for (int m = 0; m < request->weights.n && request->json; m++)
        if (print_json(&asked, m, err) < 0)
            return -1;
    if (!request->json)
        score_table_print(asked.lists, 1, asked.models, request->weights.n, arena);
    return 0;
}

static int check(const CommandLine *line, const Request *request, Error *err) {
    const AskOptions *all = &request->all;
    const bool many = all->questions;
    if (request->weights.n == 0)
        return error_usage(err, "--model is needed");
    if (!many && (line->words.n != 2 || !request->answers))
        return error_usage(err, "an image, a question and --answers are needed, or --questions FILE");
    if (!many && !line->words.values[1][strspn(line->words.values[1], " \t\r\n")])
        return error_usage(err, "the question is empty");
    if (!many && (all->annotations || all->images || all->output))
        return error_usage(err, "--annotations, --images and --out go with --questions FILE");
    if (!many && request->weights.n > 1)
        return error_usage(err, "several checkpoints go with --questions FILE");
    if (many && request->top > 0)
        return error_usage(err, "--top goes with an image");
    if (many && (line->words.n > 0 || !all->images))
        return error_usage(err, "--questions FILE wants --images DIR, and goes with no image or question");
    return ask_check(&all->with, err);
}

static int run(CommandLine *line, Error *err) {
    const char *activation = NULL, *precision = NULL, *exif = NULL;
    Request request = {0};
    AskOptions *all = &request.all;
    const Option options[] = {
        {"model", OPTION_TEXTS, &request.weights, 0, 0, "FILE|NAME",
         "the checkpoint: a file, its folder, or a name (coop models); with --questions several"},
        {"answers", OPTION_TEXT, &request.answers, 0, 0, "A,B,C|FILE",
         "the candidates; or a file of them, one a line; or VQA's annotations: their most frequent answers"},
        {"most", OPTION_INT, &request.most, 1, 1000000, "K", "of these annotations (default 1000)"},
        {"template", OPTION_TEXTS, &request.templates, 0, 0, "TEXT",
         "a text of {question} and {answer}; several are averaged"},
        {"top", OPTION_INT, &request.top, 1, 1000000, "K", "answers to print (default 5)"},
        {"json", OPTION_FLAG, &request.json, 0, 0, NULL,
         "an object instead; with --questions one per checkpoint, with all answers"},
        {"questions", OPTION_TEXT, &all->questions, 0, 0, "FILE",
         "instead of an image: a table (image, question, answer, maybe type), or VQA's questions"},
        {"annotations", OPTION_TEXT, &all->annotations, 0, 0, "FILE", "VQA's annotations of these"},
        {"images", OPTION_TEXT, &all->images, 0, 0, "DIR", "their folder of images"},
        {"out", OPTION_TEXT, &all->output, 0, 0, "DIR", "leaves their results there, for coop report"},
        OPTION_VOCAB(&all->checkpoints.vocab),
        OPTION_ACTIVATION(&activation),
        OPTION_HEADS(&all->checkpoints.heads),
        OPTION_PRECISION(&precision),
        OPTION_EXIF(&exif)};
    int status = command_parse(line, &command_ask, options, sizeof options / sizeof *options, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    const bool own = request.templates.n > 0;
    all->quiet = line->common.quiet;
    all->with.templates = own ? request.templates.values : default_templates;
    all->with.n_templates = own ? request.templates.n : 2;
    if (check(line, &request, err) < 0 || (request.answers && read_answers(&request, line->arena, err) < 0) ||
        cli_activation(&all->checkpoints.activation, activation, err) < 0 ||
        cli_precision(&all->checkpoints.precision, precision, err) < 0 ||
        cli_exif(&all->upright, exif, err) < 0)
        return -1;
    all->checkpoints.weights = (TextList){request.weights.values, request.weights.n};
    all->n_threads = line->common.threads;
    return all->questions ? evaluate(&request, line->arena, err) : open_and_ask(line, &request, err);
}

const Command command_ask = {
    .name = "ask",
    .usage =
        "coop ask --model FILE IMAGE QUESTION --answers A,B,C|FILE [--template TEXT]... [--top K] [--json]\n"
        "       coop ask --model FILE [--model FILE]... --questions FILE [--annotations FILE] --images DIR\n"
        "                [--answers A,B,C|FILE] [--out DIR] [--json]",
    .summary = "answer a question about an image by ranking candidates",
    .help =
        "Each candidate makes a text with the question; the nearest to the image wins. Percentages are\n"
        "shares among the candidates, so they say how sure CLIP is that it is this one of them, never that\n"
        "any of them is true. Many questions are counted as VQA's own evaluation does, over all and of each\n"
        "type of answers and of questions; where its file has multiple_choices these are the candidates.\n",
    .example =
        "coop ask --model ViT-B/32 photo.jpg \"What animal is in the picture?\" --answers cat,dog,horse",
    .min_words = 0,
    .max_words = 2,
    .run = run};
