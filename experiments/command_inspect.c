/* command_inspect.c: coop inspect */
#define _GNU_SOURCE /* memmem */
#include "clip/base/files.h"
#include "clip/model.h"
#include "clip/tokenizer.h"
#include "coop/prompt_file.h"
#include "datasets/dataset.h"
#include "experiments/command.h"

#include <stdio.h>
#include <string.h>

static void print_line(const char *name, const char *value) {
    printf("%-22s %s\n", name, value);
}

static void print_number(const char *name, long value) {
    printf("%-22s %ld\n", name, value);
}

/* --- safetensors: prompt, state, checkpoint --- */

static void print_tensors(const TensorFile *file) {
    char shape[160];
    printf("\ntensors\n");
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        printf("  %-60s %-5s %s\n", tensor->name, dtype_name(tensor->dtype),
               tensor_shape_text(tensor, shape, sizeof shape));
    }
}

static int inspect_prompt(TensorFile *file, Arena *arena, Error *err) {
    Prompt prompt;
    if (prompt_read(&prompt, tensors_path(file), arena, err) < 0)
        return -1;
    print_line("kind", "prompt");
    print_line("dataset", prompt.dataset);
    print_number("n_ctx", prompt.n_ctx);
    print_line("class_token_position", position_name(prompt.class_token_position));
    print_line("csc", prompt.csc ? "true" : "false");
    print_line("backbone", prompt.backbone);
    print_line("backbone digest", prompt.backbone_digest);
    print_line("vocabulary digest", prompt.vocab_digest);
    print_line("checkpoint", prompt.checkpoint);
    print_number("image_size", prompt.image_size);
    print_number("classes", prompt.n_classes);
    for (int k = 0; k < prompt.n_classes; k++)
        printf("  %s\n", prompt.class_names[k]);
    print_tensors(file);
    return 0;
}

static void print_architecture(const Clip *clip) {
    const TextWeights *text = &clip->text;
    print_line("backbone", clip->name);
    print_number("embedding", clip->embed_dim);
    print_number("image_size", clip->image_size);
    if (clip->image == IMAGE_TOWER_VIT)
        printf("%-22s ViT, patch %d, width %d, %d heads, %d layers\n", "image tower", clip->vit.patch_size,
               clip->vit.width, clip->vit.n_heads, clip->vit.n_layers);
    else
        printf("%-22s ResNet, layers (%d, %d, %d, %d), width %d, %d attention heads\n", "image tower",
               clip->resnet.n_blocks[0], clip->resnet.n_blocks[1], clip->resnet.n_blocks[2],
               clip->resnet.n_blocks[3], clip->resnet.width, clip->resnet.n_heads);
    printf("%-22s width %d, %d heads, %d layers, %d positions, %d tokens\n", "text tower", text->width,
           text->n_heads, text->n_layers, text->n_positions, text->n_vocab);
    print_line("activation", text->activation == ACTIVATION_QUICK_GELU ? "QuickGELU" : "GELU");
    printf("%-22s %.4f (a logarithm)\n", "logit_scale", (double)clip->logit_scale);
}

static int inspect_checkpoint(TensorFile *file, Error *err) {
    Clip *clip = clip_open(tensors_path(file), CLIP_BOTH, err);
    if (!clip)
        return -1;
    size_t parameters = 0;
    for (int i = 0; i < tensors_count(file); i++)
        parameters += tensors_at(file, i)->count;
    print_line("kind", "CLIP checkpoint");
    print_line("format", tensors_format(file));
    print_line("digest", clip_digest(clip));
    print_architecture(clip);
    printf("%-22s %zu in %d tensors\n", "parameters", parameters, tensors_count(file));
    print_tensors(file);
    clip_free(clip);
    return 0;
}

static int inspect_tensors(const char *path, Arena *arena, Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    int result = 0;
    const char *format = tensors_metadata(file, "format");
    if (format && strcmp(format, "coop-prompt") == 0)
        result = inspect_prompt(file, arena, err);
    else if (tensors_find(file, "token_embedding.weight") || tensors_find(file, "text_projection"))
        result = inspect_checkpoint(file, err);
    else {
        print_line("kind", format && strcmp(format, "coop-state") == 0 ? "training state" : "tensors");
        for (int i = 0; i < tensors_metadata_count(file); i++) {
            const char *key, *value;
            tensors_metadata_at(file, i, &key, &value);
            printf("%-22s %.200s%s\n", key, value, strlen(value) > 200 ? "..." : "");
        }
        print_tensors(file);
    }
    tensors_close(file);
    return result;
}

/* --- vocabulary, split --- */

static int inspect_vocabulary(const char *path, Error *err) {
    Tokenizer *tokenizer = tokenizer_open(path, -1, err);
    if (!tokenizer)
        return -1;
    print_line("kind", "vocabulary");
    print_number("tokens", tokenizer_size(tokenizer));
    print_number("merges", tokenizer_size(tokenizer) - 514);
    print_number("start of text", tokenizer_start(tokenizer));
    print_number("end of text", tokenizer_end(tokenizer));
    print_line("digest", tokenizer_digest(tokenizer));
    tokenizer_free(tokenizer);
    return 0;
}

static int inspect_split(const char *path, Arena *arena, Error *err) {
    Dataset dataset;
    DatasetSpec spec = {.format = "split", .images = ".", .split = path};
    if (dataset_open(&dataset, &spec, arena, err) < 0)
        return -1;
    int *counts = ARENA_NEW(arena, int, 3 * dataset.n_classes);
    if (!counts)
        return error_memory(err);
    const ItemList *lists[] = {&dataset.train, &dataset.val, &dataset.test};
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < lists[part]->n; i++)
            counts[3 * lists[part]->items[i].label + part]++;
    print_line("kind", "dataset split");
    printf("%-22s %d train, %d val, %d test\n", "images", dataset.train.n, dataset.val.n, dataset.test.n);
    print_number("classes", dataset.n_classes);
    for (int k = 0; k < dataset.n_classes; k++)
        printf("  %4d  %-32s %6d %6d %6d\n", k, dataset.class_names[k], counts[3 * k], counts[3 * k + 1],
               counts[3 * k + 2]);
    return 0;
}

/* --- what kind of file it is, by its content --- */

static int inspect(const char *path, Arena *arena, Error *err) {
    FileMap map;
    if (file_map(&map, path, err) < 0)
        return -1;
    size_t head = map.size < 4096 ? map.size : 4096;
    bool empty = map.size == 0, json = !empty && (map.data[0] == '{' || map.data[0] == '[');
    bool tensors = map.size > 8 && map.data[8] == '{' && map.data[7] == 0;
    bool split = json && (memmem(map.data, head, "\"train\"", 7) || memmem(map.data, head, "\"val\"", 5) ||
                          memmem(map.data, head, "\"test\"", 6));
    file_unmap(&map);
    if (empty)
        return error_set(err, "%s: an empty file", path);
    if (tensors)
        return inspect_tensors(path, arena, err);
    return split ? inspect_split(path, arena, err) : inspect_vocabulary(path, err);
}

static int run(int argc, char **argv, Arena *arena, Error *err) {
    CommonOptions common;
    OptionTexts words;
    int status = command_parse(&command_inspect, &words, &common, argc, argv, NULL, 0, 1, 1, arena, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    return inspect(words.values[0], arena, err);
}

const Command command_inspect = {.name = "inspect",
                                 .usage = "coop inspect FILE",
                                 .summary = "what a checkpoint, prompt, vocabulary or split file holds",
                                 .example = "coop inspect experiments/demo/clip_demo.safetensors",
                                 .run = run};
