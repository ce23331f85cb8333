/* fuzz_commands.c: what the commands do with a prompt's file: inspect and export it, name the words near its
 * vectors, label an image, write it for the original code. The bytes come twice, as they are and with the
 * right checksum, so that it does not hide what lies behind it. */
#define _GNU_SOURCE /* memmem */
#include "tests/fuzz/fuzz.h"

#include "clip/base/checksum.h"
#include "clip/base/files.h"
#include "clip/base/visible.h"
#include "clip/checkpoint/random_clip.h"
#include "clip/tensors/safetensors.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "coop/coop_checkpoint.h"
#include "coop/labels.h"
#include "coop/prompt_file.h"
#include "coop/words.h"
#include "coop/zeroshot.h"
#include "experiments/commands/commands.h"
#include "experiments/labels/label_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOCABULARY "#version: 0.2\nc a\nca t</w>\n"

enum { WIDTH = 64, N_VOCAB = 516, TOP = 3 };

/* Made once and kept: libFuzzer has no other place for it. */
static struct {
    Arena *arena;
    TextWeights text;
    Tokenizer *tokenizer;
    Pool *pool;
    FILE *out; /* takes the place of stdout; what it holds is in the two below */
    char *printed;
    size_t n_printed;
} shared;

static void need(bool holds) {
    if (!holds)
        abort();
}

static void make_shared(void) {
    FuzzFile file;
    fuzz_open(&file, (const uint8_t *)VOCABULARY, strlen(VOCABULARY));
    shared.tokenizer = tokenizer_open(file.path, -1, &file.err);
    need(fuzz_close(&file, shared.tokenizer != NULL, NULL));
    shared.arena = arena_create();
    shared.text = text_random(WIDTH, 1, N_VOCAB, 8, 1, shared.arena);
    shared.pool = pool_create(1);
    shared.out = open_memstream(&shared.printed, &shared.n_printed);
    need(!arena_failed(shared.arena) && shared.pool && shared.out);
}

void fuzz_commands_finish(void) {
    if (shared.out)
        fclose(shared.out);
    free(shared.printed);
    tokenizer_free(shared.tokenizer);
    pool_free(shared.pool);
    arena_free(shared.arena);
    memset(&shared, 0, sizeof shared);
}

/* Nothing that is printed between these two may act on a terminal. */
static FILE *begin_print(void) {
    FILE *before = stdout;
    rewind(shared.out);
    stdout = shared.out;
    return before;
}

static void end_print(FILE *before) {
    need(fputc(0, shared.out) == 0 && fflush(shared.out) == 0);
    stdout = before;
    const char *end = shared.printed + shared.n_printed - 1;
    for (const char *at = shared.printed; at < end;) {
        int n = *at == '\n' ? 1 : visible_bytes(at);
        need(n > 0);
        at += n;
    }
}

/* The command, as from a line of these words (n). */
static int run_command(const Command *command, char **words, int n, Error *err) {
    CommandLine line = {.argc = n, .argv = words, .arena = arena_create(), .common.threads = 1};
    FILE *before = begin_print();
    int result = command->run(&line, err);
    end_print(before);
    arena_free(line.arena);
    return result;
}

static void need_same(const Prompt *a, const Prompt *b) {
    const size_t n_ctx = (size_t)(a->csc ? a->n_classes : 1) * (size_t)a->n_ctx * (size_t)a->width;
    const size_t n_features = (size_t)a->n_classes * (size_t)a->embed_dim;
    need(a->n_classes == b->n_classes && a->n_ctx == b->n_ctx && a->width == b->width &&
         a->embed_dim == b->embed_dim && a->csc == b->csc && a->heads == b->heads &&
         a->activation == b->activation && a->assumed == b->assumed && a->image_size == b->image_size);
    need(memcmp(a->ctx, b->ctx, n_ctx * sizeof *a->ctx) == 0);
    need(memcmp(a->text_features, b->text_features, n_features * sizeof(float)) == 0);
    need(memcmp(a->mean, b->mean, sizeof a->mean) == 0 && memcmp(a->std, b->std, sizeof a->std) == 0);
    need(strcmp(a->checkpoint, b->checkpoint) == 0 && strcmp(a->dataset, b->dataset) == 0);
    for (int k = 0; k < a->n_classes; k++)
        need(strcmp(a->class_names[k], b->class_names[k]) == 0);
}

/* A prompt that was read can be written, and is the same when it is read again. */
static void write_again(const Prompt *prompt, FuzzFile *input) {
    Prompt again;
    const char *path = fuzz_write(input, "again.safetensors", "", 0);
    need(prompt_write(path, prompt, &input->err) == 0);
    need(prompt_read(&again, path, input->arena, &input->err) == 0);
    need_same(prompt, &again);
}

static void export_tensors(const char *path, FuzzFile *input) {
    static const char *const formats[] = {"safetensors", "npz"};
    for (int i = 0; i < 2; i++) {
        char *out = fuzz_write(input, formats[i], "", 0);
        char *words[] = {(char *)path, (char *)"--format", (char *)formats[i], (char *)"--out", out};
        need(run_command(&command_export, words, 5, &input->err) == 0);
    }
    TensorFile *file = tensors_open(path_join(input->arena, input->folder, "safetensors"), &input->err);
    need(file && tensors_count(file) == PROMPT_TENSORS);
    tensors_close(file);
}

/* What needs the model's text tower: the words near the vectors, and the file of the original code. */
static void use_model(const Prompt *prompt, FuzzFile *input) {
    const Clip clip = {.text = shared.text, .embed_dim = shared.text.embed_dim, .n_vocab = N_VOCAB};
    const int n = prompt->n_ctx * (prompt->csc ? prompt->n_classes : 1);
    Word *words = ARENA_NEW(input->arena, Word, n * TOP);
    need(words && words_nearest_few(words, TOP, prompt->ctx, n, &clip.text, shared.pool, input->arena) == 0);
    for (int i = 0; i < n * TOP; i++)
        need(words[i].id >= 0 && words[i].id < N_VOCAB && words[i].distance >= 0 &&
             (i % TOP == 0 || words[i].distance >= words[i - 1].distance));
    Error err = {0};
    const char *path = fuzz_write(input, "model.pth.tar-50", "", 0);
    if (coop_checkpoint_write(path, prompt, 50, &clip, shared.tokenizer, &err) < 0)
        need(err.kind == ERROR_INPUT);
    else {
        TensorFile *file = tensors_open(path, &err);
        need(file && coop_checkpoint_is_one(file));
        tensors_close(file);
    }
}

static void classify(const Prompt *prompt, FuzzFile *input) {
    const StreamImage photo = {.path = "photo.jpg", .rgb = (const unsigned char *)""};
    const StreamImage *const photos[] = {&photo};
    float *logits = arena_floats(input->arena, 1, (size_t)prompt->n_classes);
    Label *ranked = ARENA_NEW(input->arena, Label, prompt->n_classes);
    coop_label labels[TOP];
    need(logits && ranked);
    cosine_logits(shared.pool, logits, prompt->text_features, prompt->text_features, 1, prompt->n_classes,
                  prompt->embed_dim, prompt->logit_scale);
    labels_rank(ranked, logits, prompt->n_classes);
    for (int i = 0; i < TOP && i < prompt->n_classes; i++)
        labels[i] = (coop_label){ranked[i].label, ranked[i].probability};
    FILE *before = begin_print();
    for (LabelFormat format = LABELS_TEXT; format <= LABELS_JSON; format++) {
        LabelOutput output = {.format = format,
                              .top = TOP,
                              .class_names = prompt->class_names,
                              .n_classes = prompt->n_classes,
                              .arena = input->arena};
        label_output_begin(&output);
        need(label_output_put(&output, photos, 1, labels, 1, &input->err) == 0);
        need(label_output_verdict(&output, &input->err) == 0);
    }
    end_print(before);
}

static int run_all(const uint8_t *data, size_t size) {
    FuzzFile input;
    Prompt prompt;
    fuzz_open(&input, data, size);
    Error err = {0};
    char *words[] = {input.path};
    const bool inspected = run_command(&command_inspect, words, 1, &err) == 0;
    const bool was_read = prompt_read(&prompt, input.path, input.arena, &input.err) == 0;
    need(inspected ? err.kind == ERROR_NONE : !was_read && err.kind == ERROR_INPUT);
    if (was_read) {
        write_again(&prompt, &input);
        export_tensors(input.path, &input);
        classify(&prompt, &input);
        if (prompt.width == WIDTH)
            use_model(&prompt, &input);
    }
    return fuzz_close(&input, was_read, NULL);
}

/* Puts the right checksum where the first one is; false if it was right, or there is none. */
static bool repair(uint8_t *data, size_t size) {
    static const char mark[] = "\"" SAFETENSORS_CHECKSUM "\":\"";
    uint8_t *at = memmem(data, size, mark, sizeof mark - 1);
    if (!at || (size_t)(data + size - at) < sizeof mark - 1 + CHECKSUM_TEXT)
        return false;
    at += sizeof mark - 1;
    char before[CHECKSUM_TEXT], digits[CHECKSUM_TEXT];
    memcpy(before, at, CHECKSUM_TEXT - 1);
    memcpy(at, SAFETENSORS_NO_CHECKSUM, CHECKSUM_TEXT - 1);
    checksum_text(digits, checksum(0, data, size));
    memcpy(at, digits, CHECKSUM_TEXT - 1);
    return memcmp(before, digits, CHECKSUM_TEXT - 1) != 0;
}

int fuzz_commands(const uint8_t *data, size_t size) {
    if (!shared.out)
        make_shared();
    int was_read = run_all(data, size);
    uint8_t *copy = malloc(size + 1);
    need(copy != NULL);
    memcpy(copy, data, size);
    if (repair(copy, size))
        run_all(copy, size);
    free(copy);
    return was_read;
}

FUZZ_ENTRY(fuzz_commands)
FUZZ_MUTATOR(fuzz_mutate_safetensors)
