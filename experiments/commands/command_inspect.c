/* command_inspect.c: coop inspect */
#define _GNU_SOURCE /* memmem */
#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/checkpoint/model.h"
#include "clip/checkpoint/model_config.h"
#include "clip/tensors/tensors_open.h"
#include "clip/text/tokenizer.h"
#include "coop/classifier_file.h"
#include "datasets/lists/dataset_open.h"
#include "experiments/commands/commands.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_field(const char *name, const char *value) {
    print_line(stdout, "%-22s %s", name, value);
}

static void print_number(const char *name, long value) {
    printf("%-22s %ld\n", name, value);
}

/* --- safetensors: prompt, state, checkpoint --- */

static void print_tensors(const TensorFile *file, Arena *arena) {
    char shape[160];
    printf("\ntensors\n");
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        printf("  %-60s %-5s %s\n", printable(tensor->name, arena), dtype_name(tensor->dtype),
               tensor_shape_text(tensor, shape, sizeof shape));
    }
}

static void print_share(const char *name, double share) {
    if (!isnan(share))
        printf("%-22s %.2f %%\n", name, 100 * share);
}

/* How it was learned, where the file tells. */
static void print_provenance(const Provenance *made) {
    if (!made->method)
        return;
    print_field("method", made->method);
    if (made->num_shots == ALL_SHOTS)
        print_field("shots", "all images");
    else if (made->num_shots >= 0)
        print_number("shots", made->num_shots);
    if (made->seed >= 0)
        print_number("seed", made->seed);
    print_share("validation accuracy", made->val_accuracy);
    print_share("test accuracy", made->accuracy);
    if (made->key)
        print_field("key", made->key);
    if (made->program)
        print_field("program", made->program);
}

static void print_head(const Prompt *head, Arena *arena) {
    print_provenance(&head->made);
    print_field("backbone", head->backbone);
    print_field("backbone digest", head->backbone_digest);
    print_field("vocabulary digest", head->vocab_digest);
    print_field("checkpoint", head->checkpoint);
    print_number("image_size", head->image_size);
    if (head->exif_rotate)
        print_field("exif", "rotate");
    if (head->precision != PRECISION_FLOAT32)
        print_field("precision", precision_name(head->precision));
    print_number("classes", head->n_classes);
    for (int k = 0; k < head->n_classes; k++)
        printf("  %s\n", printable(head->class_names[k], arena));
}

static int inspect_prompt(TensorFile *file, Arena *arena, Error *err) {
    Prompt prompt;
    if (prompt_read_from(&prompt, file, arena, err) < 0)
        return -1;
    print_field("kind", "prompt");
    print_field("dataset", prompt.dataset);
    print_number("n_ctx", prompt.n_ctx);
    print_field("class_token_position", position_name(prompt.class_token_position));
    print_field("csc", prompt.csc ? "true" : "false");
    print_head(&prompt, arena);
    print_tensors(file, arena);
    return 0;
}

static int inspect_classifier(TensorFile *file, Arena *arena, Error *err) {
    ClassifierFile classifier;
    if (classifier_file_read(&classifier, file, arena, err) < 0)
        return -1;
    printf("%-22s classifier (%s)\n", "kind", classifier.kind->name);
    print_field("dataset", classifier.head.dataset);
    print_head(&classifier.head, arena);
    print_tensors(file, arena);
    return 0;
}

static void print_architecture(const Clip *clip) {
    const TextWeights *text = &clip->text;
    print_field("backbone", clip->name);
    print_number("embedding", clip->embed_dim);
    print_number("image_size", clip->image_size);
    if (!clip->has_image)
        print_field("image tower", "none");
    else if (clip->image == IMAGE_TOWER_VIT)
        printf("%-22s ViT, patch %d, width %d, %d heads, %d layers\n", "image tower", clip->vit.patch_size,
               clip->vit.width, clip->vit.n_heads, clip->vit.n_layers);
    else
        printf("%-22s ResNet, layers (%d, %d, %d, %d), width %d, %d attention heads\n", "image tower",
               clip->resnet.n_blocks[0], clip->resnet.n_blocks[1], clip->resnet.n_blocks[2],
               clip->resnet.n_blocks[3], clip->resnet.width, clip->resnet.n_heads);
    if (!clip->has_text)
        print_field("text tower", "none");
    else
        printf("%-22s width %d, %d heads, %d layers, %d positions, %d tokens\n", "text tower", text->width,
               text->n_heads, text->n_layers, text->n_positions, text->n_vocab);
    if (clip->has_text)
        print_field("text activation", activation_name(text->activation));
    if (clip->has_image)
        print_field("image activation",
                    clip->image == IMAGE_TOWER_VIT ? activation_name(clip->vit.activation) : "relu");
    print_field("activation from", clip->activation_source ? clip->activation_source : "no config: assumed");
    char images[80];
    model_config_images_text(images, &clip->images, clip->image_size);
    if (*images)
        print_field("images are", images);
    printf("%-22s %.4f (a logarithm)\n", "logit_scale", (double)clip->logit_scale);
}

static int inspect_checkpoint(const char *path, int n_threads, Arena *arena, Error *err) {
    Pool *pool = pool_create(n_threads);
    const ClipOptions options = {.towers = CLIP_BOTH | CLIP_PRESENT | CLIP_DIGEST, .pool = pool};
    Clip *clip = clip_open_with(path, &options, err);
    pool_free(pool);
    if (!clip)
        return -1;
    const TensorFile *file = clip->file;
    size_t parameters = 0;
    for (int i = 0; i < tensors_count(file); i++)
        parameters += tensors_at(file, i)->count;
    print_field("kind", "CLIP checkpoint");
    print_field("format", tensors_format(file));
    print_field("names", clip->flavour);
    print_field("digest", tensors_digest(clip->file));
    print_architecture(clip);
    printf("%-22s %zu in %d tensors\n", "parameters", parameters, tensors_count(file));
    print_tensors(file, arena);
    clip_free(clip);
    return 0;
}

/* The first of many lines are enough. */
static void print_metadata(const char *key, const char *value, Arena *arena) {
    size_t size = strlen(value), line = strcspn(value, "\n"), n = line < 200 ? line : 200;
    const char *text = arena_printf(arena, "%.*s", (int)n, value);
    printf("%-22s %s%s\n", printable(key, arena), text ? printable(text, arena) : "", n < size ? "..." : "");
}

/* What this program writes says so itself; NULL for a prompt and for what others wrote. */
static const char *kind_by_format(const TensorFile *file) {
    static const char *const kinds[][2] = {{"coop-state", "training state"},
                                           {"coop-pretrain", "state of a pretraining"},
                                           {"coop-weights", "fine-tuned weights"},
                                           {"coop-lora", "low-rank matrices (CLIP-LoRA)"},
                                           {"coop-classifier", "classifier"},
                                           {"coop-cache", "cache of a Tip-Adapter of an earlier version"}};
    const char *format = tensors_metadata(file, "format");
    for (size_t i = 0; format && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(format, kinds[i][0]) == 0)
            return kinds[i][1];
    return NULL;
}

static const char *kind_of_tensors(const TensorFile *file) {
    const char *kind = kind_by_format(file);
    if (kind)
        return kind;
    return tensors_find(file, "ctx") && tensors_find(file, "token_suffix")
               ? "prompt of the original CoOp code"
               : "tensors";
}

/* `weights` are what was found at the path, or by that name. */
static int inspect_tensors(const char *path, const char *weights, int n_threads, Arena *arena, Error *err) {
    TensorFile *file = tensors_open(weights, err);
    if (!file)
        return -1;
    if (!kind_by_format(file) && clip_is_checkpoint(file)) {
        tensors_close(file);
        return inspect_checkpoint(path, n_threads, arena, err);
    }
    int result = 0;
    const char *format = tensors_metadata(file, "format");
    if (format && strcmp(format, "coop-prompt") == 0)
        result = inspect_prompt(file, arena, err);
    else if (classifier_file_is_one(file))
        result = inspect_classifier(file, arena, err);
    else {
        print_field("kind", kind_of_tensors(file));
        print_field("format", tensors_format(file));
        for (int i = 0; i < tensors_metadata_count(file); i++) {
            const char *key, *value;
            tensors_metadata_at(file, i, &key, &value);
            print_metadata(key, value, arena);
        }
        print_tensors(file, arena);
    }
    tensors_close(file);
    return result;
}

/* --- vocabulary, split --- */

static int inspect_vocabulary(const char *path, Error *err) {
    Tokenizer *tokenizer = tokenizer_open(path, -1, err);
    if (!tokenizer)
        return -1;
    print_field("kind", "vocabulary");
    print_number("tokens", tokenizer_size(tokenizer));
    print_number("merges", tokenizer_size(tokenizer) - 514);
    print_number("start of text", tokenizer_start(tokenizer));
    print_number("end of text", tokenizer_end(tokenizer));
    print_field("digest", tokenizer_digest(tokenizer));
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
    print_field("kind", "dataset split");
    printf("%-22s %d train, %d val, %d test\n", "images", dataset.train.n, dataset.val.n, dataset.test.n);
    print_number("classes", dataset.n_classes);
    for (int k = 0; k < dataset.n_classes; k++)
        printf("  %4d  %-32s %6d %6d %6d\n", k, printable(dataset.class_names[k], arena), counts[3 * k],
               counts[3 * k + 1], counts[3 * k + 2]);
    for (int i = 0; i < dataset.remarks.n; i++)
        print_field("note", dataset.remarks.lines[i]);
    return 0;
}

/* --- what kind of file it is, by its content --- */

typedef enum { KIND_UNKNOWN, KIND_TENSORS, KIND_SPLIT, KIND_VOCABULARY } FileKind;

static FileKind kind_of(const unsigned char *data, size_t size) {
    size_t head = size < 4096 ? size : 4096;
    bool gzip = size > 2 && data[0] == 0x1f && data[1] == 0x8b;
    bool safetensors = size > 8 && data[8] == '{' && data[7] == 0;
    bool torch = size > 4 && (memcmp(data, "PK\003\004", 4) == 0 || memcmp(data, "\200\002\212\n", 4) == 0);
    bool shards = head > 0 && data[0] == '{' && memmem(data, head, "\"weight_map\"", 12);
    if (safetensors || torch || shards)
        return KIND_TENSORS;
    if (gzip)
        return KIND_VOCABULARY;
    if (head == 0 || memchr(data, '\0', head))
        return KIND_UNKNOWN;
    if (data[0] == '{' && (memmem(data, head, "\"train\"", 7) || memmem(data, head, "\"val\"", 5) ||
                           memmem(data, head, "\"test\"", 6)))
        return KIND_SPLIT;
    bool merges =
        (head > 8 && memcmp(data, "#version", 8) == 0) || data[0] == '"'; /* "bpe_simple_vocab ... */
    return merges || data[0] == '{' ? KIND_VOCABULARY : KIND_UNKNOWN;
}

static int inspect(const char *path, int n_threads, Arena *arena, Error *err) {
    FileMap map;
    const char *file = locate_weights(path, arena, err);
    if (!file)
        return -1;
    if (file_map(&map, file, err) < 0)
        return -1;
    FileKind kind = kind_of(map.data, map.size);
    file_unmap(&map);
    switch (kind) {
    case KIND_TENSORS:
        return inspect_tensors(path, file, n_threads, arena, err);
    case KIND_SPLIT:
        return inspect_split(path, arena, err);
    case KIND_VOCABULARY:
        return inspect_vocabulary(path, err);
    case KIND_UNKNOWN:
        break;
    }
    return error_set(
        err, "%s: start: neither tensors (safetensors, PyTorch) nor a vocabulary nor a split file", path);
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    int status = command_parse(line, &command_inspect, NULL, 0, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    return inspect(line->words.values[0], line->common.threads, arena, err);
}

const Command command_inspect = {.name = "inspect",
                                 .usage = "coop inspect FILE",
                                 .summary = "what a checkpoint, prompt, vocabulary or split file holds",
                                 .example = "coop inspect experiments/demo/clip_demo.safetensors",
                                 .min_words = 1,
                                 .max_words = 1,
                                 .run = run};
