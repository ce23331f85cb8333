/* command_classify.c: coop classify */
#include "clip/base/files.h"
#include "coop/coop_checkpoint.h"
#include "coop/prompt_file.h"
#include "coop/tuned_clip.h"
#include "coop/zeroshot.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/print_labels.h"
#include "experiments/session/cli_model.h"

#include <string.h>

/* What is asked for. */
typedef struct {
    const char *path; /* of the prompt */
    const char *weights;
    const char *vocab, *position; /* these and the next are asked of a prompt of the original code alone */
    ClipActivation activation;
    int heads;
    Precision precision;
    OptionTexts images;
    int top;
    bool json;
} Request;

static int label(const Prompt *prompt, const Request *request, LoadedModel *model, bool quiet, Arena *arena,
                 Error *err) {
    int n = request->images.n;
    const char **paths = request->images.values;
    float *features = arena_floats(arena, (size_t)n, (size_t)prompt->embed_dim);
    float *logits = arena_floats(arena, (size_t)n, (size_t)prompt->n_classes);
    Error *bad = ARENA_NEW(arena, Error, n);
    if (arena_failed(arena))
        return error_memory(err);
    /* the digest comes last: it is computed beside the images */
    if (prompt_check_sizes(prompt, request->path, model->clip, err) < 0 ||
        cli_model_encode(model, features, bad, paths, n, true, quiet, err) < 0 ||
        prompt_check_model(prompt, request->path, model->clip, err) < 0)
        return -1;
    cosine_logits(model->pool, logits, features, prompt->text_features, n, prompt->n_classes,
                  prompt->embed_dim, prompt->logit_scale);
    const LabelledImages images = {paths, bad, n, logits, prompt->class_names, prompt->n_classes};
    int result = print_labels(&images, request->top, request->json, arena, err);
    if (result == 0 || err->kind == ERROR_PARTLY) /* a refusal is one line */
        cli_model_print_note(model, quiet);
    return result;
}

/* The digest is begun at once unless the checkpoint is the file that the prompt was learned with. */
static ClipTowers digest_of(const Prompt *prompt, const char *weights) {
    char stamp[FILE_STAMP];
    file_stamp(stamp, weights);
    return prompt->checkpoint_stamp && strcmp(prompt->checkpoint_stamp, stamp) == 0 ? 0 : CLIP_DIGEST;
}

/* A prompt of our own needs the image tower alone. */
static int classify(const Request *request, const CommonOptions *common, Arena *arena, Error *err) {
    Prompt prompt;
    LoadedModel model = {0};
    if (prompt_read(&prompt, request->path, arena, err) < 0)
        return -1;
    const char *weights = loaded_model_prompt_weights(&prompt, request->path, request->weights, err);
    if (!weights)
        return -1;
    const LoadedModelOptions options = {.towers = CLIP_IMAGE | digest_of(&prompt, weights) |
                                                  loaded_model_few(request->images.n),
                                        .activation = prompt.activation,
                                        .heads = prompt.heads,
                                        .precision = request->precision,
                                        .n_threads = common->threads};
    int result = -1;
    if (cli_model_open(&model, weights, options, err) == 0)
        result = label(&prompt, request, &model, common->quiet, arena, err);
    loaded_model_close(&model);
    return result;
}

/* What a tuner has learned holds text features, too; weights of the image tower take the place of the
 * checkpoint's. */
static int classify_tuned(const Request *request, const CommonOptions *common, Arena *arena, Error *err) {
    Tuned tuned;
    LoadedModel model = {0};
    TunedClip clip = {0};
    if (tuned_read(&tuned, request->path, arena, err) < 0)
        return -1;
    const Prompt *head = &tuned.head;
    const char *weights = loaded_model_prompt_weights(head, request->path, request->weights, err);
    if (!weights)
        return -1;
    const LoadedModelOptions options = {.towers = CLIP_IMAGE | digest_of(head, weights) |
                                                  loaded_model_few(request->images.n),
                                        .activation = head->activation,
                                        .heads = head->heads,
                                        .precision = request->precision,
                                        .n_threads = common->threads};
    const TunedSource source = {.weights = weights, .activation = head->activation, .heads = head->heads};
    int result = -1;
    if (cli_model_open(&model, weights, options, err) == 0 &&
        tuned_clip_open(&clip, &tuned, request->path, &model, &source, err) == 0) {
        tuned_clip_lend(&clip);
        result = label(head, request, &model, common->quiet, arena, err);
    }
    tuned_clip_close(&clip);
    loaded_model_close(&model);
    return result;
}

/* One of the original code must first become text features. */
static int classify_original(const Request *request, const CommonOptions *common, Arena *arena, Error *err) {
    Prompt prompt;
    ClassTokenPosition position;
    if (position_parse(&position, request->position ? request->position : "end") < 0)
        return error_usage(err, "--class-token-position %s: end, middle or front is needed",
                           request->position);
    if (!request->weights)
        return error_usage(err,
                           "%s is a file of the original code, which does not say where the checkpoint is: "
                           "--model is needed",
                           request->path);
    const LoadedModelOptions options = {.towers =
                                            CLIP_BOTH | CLIP_DIGEST | loaded_model_few(request->images.n),
                                        .vocab = request->vocab,
                                        .activation = request->activation,
                                        .heads = request->heads,
                                        .precision = request->precision,
                                        .n_threads = common->threads};
    LoadedModel model = {0};
    int result = -1;
    if (cli_model_open(&model, request->weights, options, err) == 0 &&
        coop_checkpoint_read(&prompt, request->path, position, model.clip, model.tokenizer, model.pool, arena,
                             err) == 0)
        result = label(&prompt, request, &model, common->quiet, arena, err);
    loaded_model_close(&model);
    return result;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    const char *activation = NULL, *precision = NULL;
    Request request = {.top = 1};
    const Option options[] = {
        {"model", OPTION_TEXT, &request.weights, 0, 0, "FILE",
         "the checkpoint (default: where it was when the prompt was learned)"},
        {"vocab", OPTION_TEXT, &request.vocab, 0, 0, "FILE",
         "its vocabulary, for a prompt of the original code (default: beside the checkpoint)"},
        {"class-token-position", OPTION_TEXT, &request.position, 0, 0, "POSITION",
         "of a prompt of the original code: end (default), middle, front"},
        {"activation", OPTION_TEXT, &activation, 0, 0, "NAME",
         "of its checkpoint: auto (default: as its config says), quick_gelu or gelu"},
        {"heads", OPTION_INT, &request.heads, 1, 1024, "N",
         "of its image tower, where the checkpoint does not tell"},
        {"precision", OPTION_TEXT, &precision, 0, 0, "NAME", "float32 (default), bfloat16 or auto"},
        {"top", OPTION_INT, &request.top, 1, 1000000, "K", "labels per image (default 1)"},
        {"json", OPTION_FLAG, &request.json, 0, 0, NULL, "one JSON object per line"}};
    int status = command_parse(line, &command_classify, options, 8, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (cli_activation(&request.activation, activation, err) < 0 ||
        cli_precision(&request.precision, precision, err) < 0)
        return -1;
    bool original, is_tuned;
    request.path = line->words.values[0];
    request.images = (OptionTexts){.values = line->words.values + 1, .n = line->words.n - 1};
    if (coop_checkpoint_detect(&original, request.path, err) < 0 ||
        tuned_detect(&is_tuned, request.path, err) < 0)
        return -1;
    if (!original && (request.vocab || request.position || activation || request.heads))
        return error_usage(
            err,
            "--vocab, --class-token-position, --activation and --heads are for a prompt of the "
            "original code; %s says all that itself",
            request.path);
    if (is_tuned)
        return classify_tuned(&request, &line->common, arena, err);
    return original ? classify_original(&request, &line->common, arena, err)
                    : classify(&request, &line->common, arena, err);
}

const Command command_classify = {
    .name = "classify",
    .usage = "coop classify LEARNED IMAGE... [--model FILE] [--top K] [--json]",
    .summary = "label images with a learned prompt, or fine-tuned weights",
    .help = "LEARNED is prompt.safetensors, lora.safetensors or weights.safetensors "
            "of a training. With a prompt, only the\n"
            "image tower of the checkpoint is read.\n",
    .example = "coop classify runs/demo/.../prompt.safetensors photo.jpg --top 3",
    .min_words = 2,
    .max_words = ANY_NUMBER,
    .run = run};
