/* command_zeroshot.c: coop zeroshot */
#include "experiments/commands/commands.h"
#include "experiments/labels/label_stream.h"
#include "experiments/labels/library_call.h"
#include "experiments/session/cli_model.h"

#include <string.h>

typedef struct {
    const char *weights, *vocab, *classes, *template;
    ClipActivation activation;
    int heads;
    Precision precision;
    bool ensemble, upright;
    LabelRequest labels;
} Request;

/* "a, b,c" to three names without the blanks around them; owned by the arena. */
static int split_names(const char ***names, int *n, const char *text, Arena *arena, Error *err) {
    char *copy = arena_strdup(arena, text);
    *names = ARENA_NEW(arena, const char *, strlen(text) + 1);
    *n = 0;
    if (arena_failed(arena))
        return error_memory(err);
    for (char *name = strtok(copy, ","); name; name = strtok(NULL, ",")) {
        name += strspn(name, " \t");
        size_t length = strlen(name);
        while (length > 0 && strchr(" \t", name[length - 1]))
            name[--length] = '\0';
        if (*name)
            (*names)[(*n)++] = name;
    }
    for (int i = 0; i < *n; i++)
        for (int j = 0; j < i; j++)
            if (strcmp((*names)[i], (*names)[j]) == 0)
                return error_usage(err, "--classes '%s': '%s' stands there twice", text, (*names)[i]);
    return *n > 0 ? 0 : error_usage(err, "--classes '%s': no class names", text);
}

static int label(const Request *request, coop_model *model, bool quiet, Arena *arena, Error *err) {
    const char **names;
    int K, n_templates = 1;
    if (split_names(&names, &K, request->classes, arena, err) < 0)
        return -1;
    const char *const *templates = request->ensemble ? coop_templates(&n_templates) : &request->template;
    coop_classifier *classifier;
    coop_error error;
    if (coop_classifier_zeroshot(&classifier, model, templates, n_templates, names, K, &error) != COOP_OK) {
        library_fail(err, &error);
        if (err->kind == ERROR_INPUT)
            err->kind = ERROR_USAGE; /* names and template come from the command line */
        return -1;
    }
    const int result = label_images(classifier, &request->labels, quiet, err);
    if (result == 0 || err->kind == ERROR_PARTLY)
        cli_model_print_note(library_model(classifier), quiet);
    coop_classifier_close(classifier);
    return result;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    Request request = {.template = "a photo of a {}.", .labels = {.top = 1}};
    const char *activation = NULL, *precision = NULL, *exif = NULL;
    const Option options[] = {
        {"model", OPTION_TEXT, &request.weights, 0, 0, "FILE|NAME",
         "the checkpoint: a file, its folder, or a name (coop models)"},
        OPTION_ACTIVATION(&activation),
        OPTION_HEADS(&request.heads),
        OPTION_PRECISION(&precision),
        OPTION_VOCAB(&request.vocab),
        {"classes", OPTION_TEXT, &request.classes, 0, 0, "A,B,C", "class names"},
        {"template", OPTION_TEXT, &request.template, 0, 0, "TEXT",
         "the prompt, {} for the name (default \"a photo of a {}.\")"},
        {"ensemble", OPTION_FLAG, &request.ensemble, 0, 0, NULL, "seven templates instead"},
        OPTION_EXIF(&exif),
        LABEL_OPTIONS(request.labels)};
    int status = command_parse(line, &command_zeroshot, options, 9 + N_LABEL_OPTIONS, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!request.weights || !request.classes)
        return error_usage(err, "--model and --classes are needed: %s", command_zeroshot.usage);
    if (cli_activation(&request.activation, activation, err) < 0 ||
        cli_precision(&request.precision, precision, err) < 0 || cli_exif(&request.upright, exif, err) < 0)
        return -1;
    request.labels.images = line->words;
    int n;
    if (label_request_check(&request.labels, &n, err) < 0)
        return -1;
    static const coop_activation activations[] = {COOP_AUTO_ACTIVATION, COOP_QUICK_GELU, COOP_GELU};
    static const coop_precision precisions[] = {COOP_FLOAT32, COOP_BFLOAT16, COOP_AUTO_PRECISION};
    coop_options given;
    coop_options_init(&given, sizeof given);
    given.vocabulary = request.vocab;
    given.activation = activations[request.activation];
    given.heads = request.heads;
    given.precision = precisions[request.precision];
    given.exif = request.upright ? COOP_EXIF_ROTATE : COOP_EXIF_IGNORE;
    given.images = n;
    given.threads = line->common.threads;
    given.stop = library_stop;
    coop_model *model;
    coop_error error;
    if (coop_model_open(&model, request.weights, &given, &error) != COOP_OK)
        return library_fail(err, &error);
    const int result = label(&request, model, line->common.quiet, arena, err);
    coop_model_close(model);
    return result;
}

const Command command_zeroshot = {
    .name = "zeroshot",
    .usage = "coop zeroshot --model FILE --classes A,B,C IMAGE... [--template TEXT | --ensemble]\n"
             "              [--exif USE] [--top K] [--json | --csv] [--html FILE] [--list FILE [--null]] "
             "[--batch N]",
    .summary = "label images with a hand-written prompt",
    .help = LABEL_HELP,
    .example =
        "coop zeroshot --model experiments/demo/clip_demo.safetensors --classes cup,key,star photo.jpg",
    .min_words = 0,
    .max_words = ANY_NUMBER,
    .run = run};
