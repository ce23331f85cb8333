/* command_classify.c: coop classify */
#include "clip/tensors/tensors_open.h"
#include "coop/coop_checkpoint.h"
#include "experiments/commands/commands.h"
#include "experiments/labels/find_learned.h"
#include "experiments/labels/label_stream.h"
#include "experiments/labels/library_call.h"
#include "experiments/session/cli_model.h"

/* What is asked for. */
typedef struct {
    const char *path; /* of what was learned */
    coop_options options;
    LabelRequest labels;
} Request;

static int classify(const Request *request, bool quiet, Error *err) {
    coop_classifier *classifier;
    coop_error error;
    if (coop_classifier_open(&classifier, request->path, &request->options, &error) != COOP_OK)
        return library_fail(err, &error);
    const int result = label_images(classifier, &request->labels, quiet, err);
    if (result == 0 || err->kind == ERROR_PARTLY) /* a refusal is one line */
        cli_model_print_note(library_model(classifier), quiet);
    coop_classifier_close(classifier);
    return result;
}

/* The options as the library has them. */
static int read_options(coop_options *options, const char *activation, const char *precision,
                        const char *position, Error *err) {
    static const coop_activation activations[] = {COOP_AUTO_ACTIVATION, COOP_QUICK_GELU, COOP_GELU};
    static const coop_precision precisions[] = {COOP_FLOAT32, COOP_BFLOAT16, COOP_AUTO_PRECISION};
    static const coop_position positions[] = {COOP_END, COOP_MIDDLE, COOP_FRONT};
    ClipActivation asked_activation = CLIP_ACTIVATION_AUTO;
    Precision asked_precision = PRECISION_FLOAT32;
    ClassTokenPosition asked_position = POSITION_END;
    if (cli_activation(&asked_activation, activation, err) < 0 ||
        cli_precision(&asked_precision, precision, err) < 0)
        return -1;
    if (position && position_parse(&asked_position, position) < 0)
        return error_usage(err, "--class-token-position %s: end, middle or front is needed", position);
    options->activation = activations[asked_activation];
    options->precision = precision ? precisions[asked_precision] : COOP_PRECISION_AS_LEARNED;
    options->position = positions[asked_position];
    return 0;
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
    coop_options *given = &request.options;
    LearnedWish wish;
    coop_options_init(given, sizeof *given);
    enum { N_OPTIONS = 6 + N_LABEL_OPTIONS };
    Option options[N_OPTIONS + FIND_LEARNED_OPTIONS] = {
        {"model", OPTION_TEXT, &given->checkpoint, 0, 0, "FILE",
         "the checkpoint (default: where it was when this was learned)"},
        {"vocab", OPTION_TEXT, &given->vocabulary, 0, 0, "FILE",
         "its vocabulary, for a prompt of the original code (default: beside the checkpoint)"},
        {"class-token-position", OPTION_TEXT, &position, 0, 0, "POSITION",
         "of a prompt of the original code: end (default), middle, front"},
        {"activation", OPTION_TEXT, &activation, 0, 0, "NAME",
         "of its checkpoint: auto (default: as its config says), quick_gelu or gelu"},
        {"heads", OPTION_INT, &given->heads, 1, 1024, "N",
         "of its image tower, where the checkpoint does not tell"},
        {"precision", OPTION_TEXT, &precision, 0, 0, "NAME",
         "float32, bfloat16 or auto (default: that in which it was learned)"},
        LABEL_OPTIONS(request.labels)};
    find_learned_options(options + N_OPTIONS, &wish);
    int status = command_parse(line, &command_classify, options, N_OPTIONS + FIND_LEARNED_OPTIONS, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (read_options(given, activation, precision, position, err) < 0)
        return -1;
    request.labels.images = (OptionTexts){.values = line->words.values + 1, .n = line->words.n - 1};
    if (label_request_check(&request.labels, &given->images, err) < 0)
        return -1;
    request.path = find_learned(line->words.values[0], &wish, line->common.quiet, line->arena, err);
    if (!request.path)
        return -1;
    if ((given->vocabulary || position || activation || given->heads) &&
        check_original(request.path, err) < 0)
        return -1;
    given->threads = line->common.threads;
    given->stop = library_stop;
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
