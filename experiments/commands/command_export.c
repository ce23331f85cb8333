/* command_export.c: coop export */
#include "clip/base/files.h"
#include "clip/checkpoint/architectures.h"
#include "clip/tensors/npz_write.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/train/trainable_export.h"
#include "coop/coop_checkpoint.h"
#include "experiments/commands/commands.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *path, *format, *out, *weights, *vocab;
    int epoch;
} Request;

/* DIR/prompt_learner/model.pth.tar-EPOCH, where the original code's --model-dir DIR --load-epoch EPOCH looks.
 */
static int export_torch(const Prompt *prompt, const Request *request, int n_threads, Arena *arena,
                        Error *err) {
    LoadedModel model = {0};
    int result = -1;
    const char *folder = path_join(arena, request->out, "prompt_learner");
    const char *path = arena_printf(arena, "%s/model.pth.tar-%d", folder, request->epoch);
    if (arena_failed(arena))
        return error_memory(err);
    if (cli_model_open_text(&model, prompt, request->path, request->weights, request->vocab, n_threads,
                            err) == 0 &&
        make_folders(folder, err) == 0)
        result = coop_checkpoint_write(path, prompt, request->epoch, model.clip, model.tokenizer, err);
    loaded_model_close(&model);
    if (result == 0)
        print_line(stdout, "%s", path);
    return result;
}

/* The three tensors of the prompt alone. */
static int export_tensors(const Prompt *prompt, const Request *request, Error *err) {
    TensorOut tensors[PROMPT_TENSORS];
    prompt_tensors(tensors, prompt);
    int result = strcmp(request->format, "npz") == 0
                     ? npz_write(request->out, tensors, PROMPT_TENSORS, err)
                     : safetensors_write(request->out, tensors, PROMPT_TENSORS, NULL, 0, err);
    if (result == 0)
        print_line(stdout, "%s", request->out);
    return result;
}

/* A checkpoint instead of a prompt, in the files of another program. */
static int export_checkpoint(const Request *request, bool hugging_face, int n_threads, Error *err) {
    Pool *pool = pool_create(n_threads);
    if (!pool)
        return error_run(err, "cannot start threads: out of memory, or too many of them");
    TrainableClip *clip =
        trainable_clip_open(request->path, CLIP_ACTIVATION_AUTO, 0, PRECISION_FLOAT32, pool, err);
    int status = clip ? 0 : -1;
    if (clip && clip->note)
        print_line(stderr, "%s%s", clip->note, clip->assumed ? " (a config would say otherwise)" : "");
    if (status == 0 && hugging_face)
        status = make_folders(request->out, err);
    if (status == 0)
        status = hugging_face ? trainable_export_hugging_face(clip, request->out, err)
                              : trainable_export_openai(clip, request->out, err);
    if (status < 0 && clip && err->kind == ERROR_INPUT)
        error_prefix(err, "%s", request->path);
    if (status == 0 && !hugging_face && clip->text.n_positions != ARCHITECTURE_POSITIONS)
        print_line(stderr, "note: texts have %d positions: clip.tokenize needs context_length=%d",
                   clip->text.n_positions, clip->text.n_positions);
    trainable_clip_free(clip);
    pool_free(pool);
    if (status == 0)
        print_line(stdout, "%s", request->out);
    return status;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    Request request = {.epoch = 50};
    const Option options[] = {
        {"format", OPTION_TEXT, &request.format, 0, 0, "FORMAT",
         "of a prompt: torch, npz or safetensors; of a checkpoint: openai or hugging_face"},
        {"out", OPTION_TEXT, &request.out, 0, 0, "PATH",
         "the file to write; for torch and hugging_face a folder"},
        {"epoch", OPTION_INT, &request.epoch, 1, 1000000, "N",
         "torch: the number in the file's name (default 50)"},
        {"model", OPTION_TEXT, &request.weights, 0, 0, "FILE",
         "torch: the checkpoint (default: where it was when the prompt was learned)"},
        {"vocab", OPTION_TEXT, &request.vocab, 0, 0, "FILE",
         "torch: its vocabulary (default: found beside it)"}};
    int status = command_parse(line, &command_export, options, 5, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!request.format || !request.out)
        return error_usage(err, "--format and --out are needed: %s", command_export.usage);
    request.path = line->words.values[0];
    const bool hugging_face = strcmp(request.format, "hugging_face") == 0;
    if (hugging_face || strcmp(request.format, "openai") == 0)
        return export_checkpoint(&request, hugging_face, line->common.threads, err);
    bool torch = strcmp(request.format, "torch") == 0;
    if (!torch && strcmp(request.format, "npz") != 0 && strcmp(request.format, "safetensors") != 0)
        return error_usage(err, "--format %s: torch, npz, safetensors, openai or hugging_face is needed",
                           request.format);
    Prompt prompt;
    if (prompt_read(&prompt, request.path, arena, err) < 0)
        return -1;
    return torch ? export_torch(&prompt, &request, line->common.threads, arena, err)
                 : export_tensors(&prompt, &request, err);
}

const Command command_export = {
    .name = "export",
    .usage = "coop export PROMPT|CHECKPOINT --format FORMAT --out PATH [--epoch N] [--model FILE] "
             "[--vocab FILE]",
    .summary = "write a learned prompt, or a checkpoint, for other programs",
    .help = "torch writes PATH/prompt_learner/model.pth.tar-N, which the original CoOp code loads with\n"
            "--model-dir PATH --load-epoch N. npz and safetensors hold ctx, text_features and logit_scale.\n"
            "Of a checkpoint (of a pretraining, or any other), openai writes a state_dict for clip.load,\n"
            "hugging_face a folder for CLIPModel.from_pretrained; the vocabulary is not among it.\n",
    .example = "coop export runs/demo/.../prompt.safetensors --format npz --out prompt.npz",
    .min_words = 1,
    .max_words = 1,
    .run = run};
