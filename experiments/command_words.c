/* command_words.c: coop words (Zhou et al. 2022, table 4: nearest words by Euclidean distance) */
#include "coop/prompt_file.h"
#include "experiments/command.h"
#include "experiments/model.h"
#include "experiments/printable.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int id;
    double distance;
} Word;

static int compare_words(const void *a, const void *b) {
    const Word *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* All words of the vocabulary, the nearest to a vector (C) first. */
static void nearest_words(Word *words, const float *vector, const TextWeights *w) {
    for (int id = 0; id < w->n_vocab; id++) {
        const float *embedding = w->token_embedding + (size_t)id * (size_t)w->width;
        double sum = 0;
        for (int c = 0; c < w->width; c++)
            sum += ((double)vector[c] - embedding[c]) * ((double)vector[c] - embedding[c]);
        words[id] = (Word){id, sqrt(sum)};
    }
    qsort(words, (size_t)w->n_vocab, sizeof *words, compare_words);
}

/* "dog</w>" as "dog"; a piece inside a word keeps a hyphen: "retr-". Some pieces are single bytes. */
static const char *readable(const char *word, Arena *arena) {
    size_t n = strlen(word);
    bool whole = n > 4 && strcmp(word + n - 4, "</w>") == 0;
    bool special = word[0] == '<' && word[1] == '|';
    const char *text = arena_printf(arena, "%.*s", (int)(whole ? n - 4 : n), word);
    return arena_printf(arena, "%s%s", text ? printable(text, arena) : "", whole || special ? "" : "-");
}

static void print_vector(int m, const Word *words, int top, const Tokenizer *tokenizer, Arena *arena) {
    printf("%4d ", m + 1);
    for (int i = 0; i < top; i++)
        printf("  %s %.4f", readable(tokenizer_word(tokenizer, words[i].id), arena), words[i].distance);
    printf("\n");
}

static int print_words(const Prompt *prompt, const Model *model, int top, Arena *arena, Error *err) {
    const TextWeights *w = &model->clip->text;
    Word *words = ARENA_NEW(arena, Word, w->n_vocab);
    if (!words)
        return error_memory(err);
    top = top < w->n_vocab ? top : w->n_vocab;
    int n_sets = prompt->csc ? prompt->n_classes : 1;
    for (int k = 0; k < n_sets; k++) {
        if (prompt->csc)
            printf("%s\n", printable(prompt->class_names[k], arena));
        for (int m = 0; m < prompt->n_ctx; m++) {
            size_t row = (size_t)k * (size_t)prompt->n_ctx + (size_t)m;
            size_t mark = arena_mark(arena);
            nearest_words(words, prompt->ctx + row * (size_t)prompt->width, w);
            print_vector(m, words, top, model->tokenizer, arena);
            arena_reset(arena, mark);
        }
    }
    return 0;
}

static int run(int argc, char **argv, Arena *arena, Error *err) {
    CommonOptions common;
    OptionTexts words;
    const char *weights = NULL, *vocab = NULL;
    int top = 1;
    const Option options[] = {
        {"model", OPTION_TEXT, &weights, 0, 0, "FILE",
         "the checkpoint (default: where it was when the prompt was learned)"},
        {"vocab", OPTION_TEXT, &vocab, 0, 0, "FILE", "its vocabulary (default: found beside the checkpoint)"},
        {"top", OPTION_INT, &top, 1, 1000000, "K", "words per vector (default 1)"}};
    int status = command_parse(&command_words, &words, &common, argc, argv, options, 3, 1, 1, arena, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    Prompt prompt;
    if (prompt_read(&prompt, words.values[0], arena, err) < 0)
        return -1;
    Model model = {0};
    int result = -1;
    weights = prompt_weights(&prompt, words.values[0], weights, err);
    if (weights &&
        model_open(&model, weights, vocab, prompt.activation, CLIP_TEXT | CLIP_DIGEST, common.threads, err) ==
            0 &&
        prompt_check_model(&prompt, words.values[0], model.clip, err) == 0 &&
        model_check_vocab(&model, words.values[0], prompt.vocab_digest, err) == 0)
        result = print_words(&prompt, &model, top, arena, err);
    model_close(&model);
    return result;
}

const Command command_words = {.name = "words",
                               .usage = "coop words PROMPT [--top K] [--model FILE] [--vocab FILE]",
                               .summary = "the vocabulary words nearest to each learned vector",
                               .help = "A line per context vector: words with their Euclidean distances, the "
                                       "nearest first. A hyphen ends a\n"
                                       "piece of a longer word.\n",
                               .example = "coop words runs/demo/.../prompt.safetensors --top 5",
                               .run = run};
