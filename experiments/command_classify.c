/* command_classify.c: coop classify */
#include "coop/prompt_file.h"
#include "coop/zeroshot.h"
#include "experiments/command.h"
#include "experiments/labels.h"
#include "experiments/model.h"

static int classify(const Prompt *prompt, const char *prompt_path, const char *weights, OptionTexts images,
                    const CommonOptions *common, int top, bool json, Arena *arena, Error *err) {
    Model model;
    float *features = arena_floats(arena, (size_t)images.n, (size_t)prompt->embed_dim);
    float *logits = arena_floats(arena, (size_t)images.n, (size_t)prompt->n_classes);
    if (arena_failed(arena))
        return error_memory(err);
    int result = -1;
    if (model_open(&model, weights, NULL, prompt->activation, CLIP_IMAGE, common->threads, err) == 0 &&
        prompt_check_model(prompt, prompt_path, model.clip, err) == 0 &&
        model_encode_images(&model, features, images.values, images.n, true, common->quiet, err) == 0) {
        cosine_logits(model.pool, logits, features, prompt->text_features, images.n, prompt->n_classes,
                      prompt->embed_dim, prompt->logit_scale);
        result = labels_print(images.values, images.n, logits, prompt->class_names, prompt->n_classes, top,
                              json, arena, err);
    }
    model_close(&model);
    return result;
}

static int run(int argc, char **argv, Arena *arena, Error *err) {
    CommonOptions common;
    OptionTexts words;
    const char *weights = NULL;
    int top = 1;
    bool json = false;
    const Option options[] = {{"model", OPTION_TEXT, &weights, 0, 0, "FILE",
                               "the checkpoint (default: where it was when the prompt was learned)"},
                              {"top", OPTION_INT, &top, 1, 1000000, "K", "labels per image (default 1)"},
                              {"json", OPTION_FLAG, &json, 0, 0, NULL, "one JSON object per line"}};
    int status = command_parse(&command_classify, &words, &common, argc, argv, options, 3, 2, -1, arena, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    Prompt prompt;
    if (prompt_read(&prompt, words.values[0], arena, err) < 0)
        return -1;
    weights = prompt_weights(&prompt, words.values[0], weights, err);
    if (!weights)
        return -1;
    OptionTexts images = {.values = words.values + 1, .n = words.n - 1};
    return classify(&prompt, words.values[0], weights, images, &common, top, json, arena, err);
}

const Command command_classify = {.name = "classify",
                                  .usage = "coop classify PROMPT IMAGE... [--model FILE] [--top K] [--json]",
                                  .summary = "label images with a learned prompt",
                                  .help = "Only the image tower of the checkpoint is read.\n",
                                  .example =
                                      "coop classify runs/demo/.../prompt.safetensors photo.jpg --top 3",
                                  .run = run};
