/* command_classify.c: coop classify */
#include "clip/tensors/tensors_open.h"
#include "coop/classifier.h"
#include "coop/coop_checkpoint.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/find_learned.h"
#include "experiments/commands/label_stream.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/interrupt.h"

/* What is asked for. */
typedef struct {
    const char *path; /* of what was learned */
    ClassifierOptions options;
    LabelRequest labels;
} Request;

static int classify(const Request *request, bool quiet, Error *err) {
    Classifier *classifier;
    int result = classifier_open(&classifier, request->path, &request->options, err);
    if (result == 0)
        result = label_images(classifier, &request->labels, quiet, err);
    if (result == 0 || (classifier && err->kind == ERROR_PARTLY)) /* a refusal is one line */
        cli_model_print_note(classifier_model(classifier), quiet);
    classifier_close(classifier);
    return result;
}

/* Files of our own say where the class name stands, and all about their checkpoint. */
static int check_original(const char *path, Error *err) {
    TensorFile *file = tensors_open(path, err);
    int result = file ? 0 : -1;
    if (file && !coop_checkpoint_is_one(file))
        result =
            error_usage(err,
                        "--vocab, --class-token-position, --activation and --heads are for a prompt of the "
                        "original code; %s says all that itself",
                        path);
    tensors_close(file);
    return result;
}

static int run(CommandLine *line, Error *err) {
    const char *activation = NULL, *precision = NULL, *position = NULL;
    Request request = {.labels = {.top = 1, .was_learned = true}};
    ClassifierOptions *given = &request.options;
    LearnedWish wish;
    enum { N_OPTIONS = 6 + N_LABEL_OPTIONS };
    Option options[N_OPTIONS + FIND_LEARNED_OPTIONS] = {
        {"model", OPTION_TEXT, &given->weights, 0, 0, "FILE",
         "the checkpoint (default: where it was when this was learned)"},
        {"vocab", OPTION_TEXT, &given->model.vocab, 0, 0, "FILE",
         "its vocabulary, for a prompt of the original code (default: beside the checkpoint)"},
        {"class-token-position", OPTION_TEXT, &position, 0, 0, "POSITION",
         "of a prompt of the original code: end (default), middle, front"},
        {"activation", OPTION_TEXT, &activation, 0, 0, "NAME",
         "of its checkpoint: auto (default: as its config says), quick_gelu or gelu"},
        {"heads", OPTION_INT, &given->model.heads, 1, 1024, "N",
         "of its image tower, where the checkpoint does not tell"},
        {"precision", OPTION_TEXT, &precision, 0, 0, "NAME",
         "float32, bfloat16 or auto (default: that in which it was learned)"},
        LABEL_OPTIONS(request.labels)};
    find_learned_options(options + N_OPTIONS, &wish);
    int status = command_parse(line, &command_classify, options, N_OPTIONS + FIND_LEARNED_OPTIONS, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (cli_activation(&given->model.activation, activation, err) < 0 ||
        cli_precision(&given->model.precision, precision, err) < 0)
        return -1;
    request.labels.images = (OptionTexts){.values = line->words.values + 1, .n = line->words.n - 1};
    if (label_request_check(&request.labels, &given->n_images, err) < 0)
        return -1;
    request.path = find_learned(line->words.values[0], &wish, line->common.quiet, line->arena, err);
    if (!request.path)
        return -1;
    if ((given->model.vocab || position || activation || given->model.heads) &&
        check_original(request.path, err) < 0)
        return -1;
    if (position_parse(&given->position, position ? position : "end") < 0)
        return error_usage(err, "--class-token-position %s: end, middle or front is needed", position);
    given->set_precision = precision != NULL;
    given->model.n_threads = line->common.threads;
    given->model.stop = interrupt_stop;
    return classify(&request, line->common.quiet, err);
}

const Command command_classify = {
    .name = "classify",
    .usage = "coop classify RUN_DIR|LEARNED IMAGE... [--model FILE] [--top K] [--json | --csv]\n"
             "              [--html FILE] [--list FILE [--null]] [--batch N]",
    .summary = "label images with the best that a run has learned, or with a learned file",
    .help =
        "RUN_DIR is the output of a run: the classifier with the highest accuracy on validation images is "
        "taken, and named.\n"
        "Of equals the one with more shots counts, then the lower seed; without validation images, accuracy "
        "on test images.\n"
        "LEARNED is the file of one point: prompt.safetensors, classifier.safetensors, lora.safetensors or "
        "weights.safetensors.\n" LABEL_HELP,
    .example = "coop classify runs/demo photo.jpg --top 3",
    .min_words = 1,
    .max_words = ANY_NUMBER,
    .run = run};
