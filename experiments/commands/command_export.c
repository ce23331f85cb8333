/* command_export.c: coop export */
#include "clip/base/files.h"
#include "clip/tensors/npz_write.h"
#include "clip/tensors/safetensors_write.h"
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

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    Request request = {.epoch = 50};
    const Option options[] = {
        {"format", OPTION_TEXT, &request.format, 0, 0, "FORMAT", "torch, npz or safetensors"},
        {"out", OPTION_TEXT, &request.out, 0, 0, "PATH", "the file to write; for torch a folder"},
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
    bool torch = strcmp(request.format, "torch") == 0;
    if (!torch && strcmp(request.format, "npz") != 0 && strcmp(request.format, "safetensors") != 0)
        return error_usage(err, "--format %s: torch, npz or safetensors is needed", request.format);
    Prompt prompt;
    request.path = line->words.values[0];
    if (prompt_read(&prompt, request.path, arena, err) < 0)
        return -1;
    return torch ? export_torch(&prompt, &request, line->common.threads, arena, err)
                 : export_tensors(&prompt, &request, err);
}

const Command command_export = {
    .name = "export",
    .usage = "coop export PROMPT --format torch|npz|safetensors --out PATH [--epoch N] [--model FILE] "
             "[--vocab FILE]",
    .summary = "write a learned prompt for other programs",
    .help = "torch writes PATH/prompt_learner/model.pth.tar-N, which the original CoOp code loads with\n"
            "--model-dir PATH --load-epoch N. npz and safetensors hold ctx, text_features and logit_scale.\n",
    .example = "coop export runs/demo/.../prompt.safetensors --format npz --out prompt.npz",
    .min_words = 1,
    .max_words = 1,
    .run = run};
