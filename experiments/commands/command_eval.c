/* command_eval.c: coop eval */
#include "clip/tensors/tensors_open.h"
#include "coop/classifier_file.h"
#include "coop/coop_checkpoint.h"
#include "coop/prompt_file.h"
#include "coop/zeroshot.h"
#include "experiments/commands/commands.h"
#include "experiments/config/config.h"
#include "experiments/methods/methods.h"
#include "experiments/results/logits.h"
#include "experiments/results/scores.h"
#include "experiments/session/cli_model.h"
#include "experiments/session/prompt_classes.h"
#include "experiments/session/session.h"
#include "experiments/session/tuned_logits.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

/* What is asked for. */
typedef struct {
    const char *path; /* of what was learned */
    TensorFile *file;
    bool original;        /* it is a file of the original code, */
    const char *position; /* which does not say where the class name stands */
    const char *config, *logits;
    OptionTexts sets;
} Request;

/* What the file holds. */
typedef struct {
    enum { A_PROMPT, A_CLASSIFIER, WEIGHTS } kind;
    Prompt prompt;
    ClassifierFile classifier;
    Tuned tuned;
} Learned;

/* A file of the original code spells names as their tokens do; where a class of the dataset has these, its
 * name is taken. */
static int adopt_names(Prompt *prompt, const Dataset *dataset, const Tokenizer *tokenizer, Arena *arena,
                       Error *err) {
    for (int k = 0; k < dataset->n_classes; k++) {
        Error why = {0};
        const char *spelling = coop_checkpoint_spelling(dataset->class_names[k], tokenizer, arena, &why);
        if (why.kind == ERROR_RUN) { /* any other: the original could not have had such a class */
            *err = why;
            return -1;
        }
        for (int j = 0; spelling && j < prompt->n_classes; j++)
            if (strcmp(prompt->class_names[j], spelling) == 0)
                prompt->class_names[j] = dataset->class_names[k];
    }
    return 0;
}

/* Reads a file of any kind; the original's needs the model. */
static int read_learned(Learned *learned, const Request *request, Session *session, Arena *arena,
                        Error *err) {
    Prompt *prompt = &learned->prompt;
    ClassTokenPosition position;
    if (learned->kind == A_CLASSIFIER)
        return classifier_file_read(&learned->classifier, request->file, arena, err);
    if (learned->kind == WEIGHTS)
        return tuned_read(&learned->tuned, request->file, arena, err);
    if (!request->original)
        return prompt_read_from(prompt, request->file, arena, err);
    if (position_parse(&position, request->position) < 0)
        return error_usage(err, "--class-token-position %s: end, middle or front is needed",
                           request->position);
    const Tokenizer *tokenizer = session->model.tokenizer;
    if (coop_checkpoint_read(prompt, request->file, position, session->model.clip, tokenizer,
                             session->model.pool, arena, err) < 0)
        return -1;
    return adopt_names(prompt, &session->dataset, tokenizer, arena, err);
}

static int prompt_logits(float *logits, const Prompt *prompt, const char *path, Session *session,
                         Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (!text)
        return error_memory(err);
    if (prompt_check_model(prompt, path, session->model.clip, err) < 0 ||
        prompt_class_features(text, prompt, path, session, err) < 0 ||
        session_check_images(session, err) < 0 || session_encode_test(session, err) < 0)
        return -1;
    cosine_logits(session->model.pool, logits, session->test_unit, text, dataset->test.n, dataset->n_classes,
                  clip->embed_dim, prompt->logit_scale);
    return 0;
}

/* Prompts that depend on the image serve any classes. */
static int logits_of_prompts(float *logits, const ClassifierFile *classifier, const char *path,
                             Session *session, Error *err) {
    const Dataset *dataset = &session->dataset;
    const LoadedModel *model = &session->model;
    const KindModel attached = {.clip = model->clip,
                                .tokenizer = model->tokenizer,
                                .pool = model->pool,
                                .class_names = dataset->class_names,
                                .n_classes = dataset->n_classes};
    if (prompt_check_model(&classifier->head, path, model->clip, err) < 0 ||
        loaded_model_check_vocab(model, path, classifier->head.vocab_digest, err) < 0 ||
        session_check_images(session, err) < 0 || session_encode_test(session, err) < 0)
        return -1;
    int status = classifier->kind->attach(classifier->state, &attached, err);
    if (status == 0)
        status = classifier->kind->logits(classifier->state, model->pool, logits, session->test_raw,
                                          dataset->test.n, err);
    classifier->kind->close(classifier->state);
    return status;
}

/* The columns of the dataset's classes, all of which it must have learned. */
static int logits_of_classifier(float *logits, const ClassifierFile *classifier, const char *path,
                                Session *session, Arena *arena, Error *err) {
    const Prompt *head = &classifier->head;
    const Dataset *dataset = &session->dataset;
    if (classifier->kind->attach)
        return logits_of_prompts(logits, classifier, path, session, err);
    float *scores = arena_floats(arena, (size_t)dataset->test.n, (size_t)head->n_classes);
    if (!scores)
        return error_memory(err);
    for (int k = 0; k < dataset->n_classes; k++)
        if (class_index(head->class_names, head->n_classes, dataset, k) < 0)
            return error_set(
                err,
                "%s: class_names: a classifier of %d classes, but '%s' of %s is not among them: "
                "the file keeps what became of its own names alone (transfer, in the experiment, "
                "tests methods that serve others)",
                path, head->n_classes, dataset->class_names[k], session->name);
    if (prompt_check_model(head, path, session->model.clip, err) < 0 ||
        session_check_images(session, err) < 0 || session_encode_test(session, err) < 0 ||
        classifier->kind->logits(classifier->state, session->model.pool, scores, session->test_raw,
                                 dataset->test.n, err) < 0)
        return -1;
    class_columns(logits, scores, head->class_names, head->n_classes, dataset);
    return 0;
}

/* Behind the templates that it was learned with. */
static int logits_of_tuned(float *logits, const Tuned *tuned, const TensorFile *file, Session *session,
                           Arena *arena, Error *err) {
    const TextList templates = {.values = tuned->templates, .n = tuned->n_templates};
    session->test_labels = list_labels(&session->dataset.test, arena);
    if (!session->test_labels)
        return error_memory(err);
    if (session_check_texts(session, &templates, tensors_path(file), err) < 0 ||
        session_check_images(session, err) < 0)
        return -1;
    return tuned_logits(logits, NULL, tuned, file, session, &templates, NULL, arena, err);
}

static int logits_of(float *logits, const Learned *learned, const Request *request, Session *session,
                     Arena *arena, Error *err) {
    if (learned->kind == WEIGHTS)
        return logits_of_tuned(logits, &learned->tuned, request->file, session, arena, err);
    if (learned->kind == A_CLASSIFIER)
        return logits_of_classifier(logits, &learned->classifier, request->path, session, arena, err);
    return prompt_logits(logits, &learned->prompt, request->path, session, arena, err);
}

/* The experiment says how images are turned, whatever this was learned with. */
static void tell_exif(const Learned *learned, const Request *request, const Session *session) {
    const Prompt *head = learned->kind == WEIGHTS        ? &learned->tuned.head
                         : learned->kind == A_CLASSIFIER ? &learned->classifier.head
                                                         : &learned->prompt;
    if (!request->original && !session->quiet && head->exif_rotate != session->model.upright)
        print_line(stderr, "note: %s was learned with exif: %s; it is tested with exif: %s, as %s says",
                   request->path, head->exif_rotate ? "rotate" : "ignore",
                   session->model.upright ? "rotate" : "ignore", request->config);
}

static int evaluate(const Learned *learned, const Request *request, Session *session, Arena *arena,
                    Error *err) {
    const Dataset *dataset = &session->dataset;
    float *logits = arena_floats(arena, (size_t)dataset->test.n, (size_t)dataset->n_classes);
    Scores scores;
    if (!logits)
        return error_memory(err);
    if (logits_of(logits, learned, request, session, arena, err) < 0)
        return -1;
    if (scores_compute(&scores, logits, session->test_labels, dataset->test.n, dataset->n_classes, arena,
                       err) < 0)
        return -1;
    if (session_save(session, err) < 0 ||
        (request->logits && logits_write(request->logits, logits, dataset, arena, err) < 0))
        return -1;
    TextMap said = {.arena = arena};
    cli_model_print_note(&session->model, session->quiet);
    tell_exif(learned, request, session);
    if (session_print_remarks(session, &said, err) < 0)
        return -1;
    printf("%s: accuracy %.2f %%, macro-F1 %.2f %% on %d test images of %d classes\n", session->name,
           scores.accuracy, scores.macro_f1, dataset->test.n, dataset->n_classes);
    return 0;
}

static int eval(Request *request, const CommonOptions *common, Arena *arena, Error *err) {
    Experiment experiment;
    Session session = {0};
    LoadedModel model = {0};
    Learned learned = {.kind = tuned_is_one(request->file)             ? WEIGHTS
                               : classifier_file_is_one(request->file) ? A_CLASSIFIER
                                                                       : A_PROMPT};
    request->original = coop_checkpoint_is_one(request->file);
    /* A file of our own is read before the model, so that a bad one is refused at once. */
    if ((!request->original && read_learned(&learned, request, NULL, arena, err) < 0) ||
        experiment_read(&experiment, request->config, request->sets.values, request->sets.n, method_list(),
                        arena, err) < 0)
        return -1;
    int result = -1;
    if (session_open(&session, &experiment, common->quiet, err) == 0 &&
        cli_model_open_for(&model, &experiment, common->threads, err) == 0 &&
        session_attach(&session, &model, NULL, err) == 0 &&
        (!request->original || read_learned(&learned, request, &session, arena, err) == 0))
        result = evaluate(&learned, request, &session, arena, err);
    session_close(&session);
    loaded_model_close(&model);
    return result;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    Request request = {.position = "end"};
    const Option options[] = {
        {"config", OPTION_TEXT, &request.config, 0, 0, "FILE",
         "the experiment file that names model and dataset"},
        {"set", OPTION_TEXTS, &request.sets, 0, 0, "KEY=VALUE", "override a key of it"},
        {"class-token-position", OPTION_TEXT, &request.position, 0, 0, "POSITION",
         "of a prompt of the original code: end (default), middle, front"},
        {"logits", OPTION_TEXT, &request.logits, 0, 0, "FILE", "also write the test logits, as safetensors"}};
    int status = command_parse(line, &command_eval, options, 4, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!request.config)
        return error_usage(err, "--config is needed: %s", command_eval.usage);
    request.path = line->words.values[0];
    request.file = tensors_open(request.path, err);
    status = request.file ? eval(&request, &line->common, arena, err) : -1;
    tensors_close(request.file);
    return status;
}

const Command command_eval = {
    .name = "eval",
    .usage = "coop eval LEARNED --config EXPERIMENT.yaml [--set KEY=VALUE]... [--logits FILE]",
    .summary = "test what was learned on a dataset, its own or another",
    .help =
        "LEARNED is prompt.safetensors, classifier.safetensors, lora.safetensors or weights.safetensors of a "
        "point.\n"
        "A unified prompt and fine-tuned weights also serve classes that they were not learned on; "
        "class-specific contexts\n"
        "and classifiers do not: their files keep what became of their own names alone (transfer, in an "
        "experiment,\n"
        "tests the methods that serve others). Classes are matched by their names.\n",
    .example = "coop eval runs/demo/.../prompt.safetensors --config experiments/demo/thermal.yaml",
    .min_words = 1,
    .max_words = 1,
    .run = run};
