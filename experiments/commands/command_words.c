/* command_words.c: coop words */
#include "coop/prompt_file.h"
#include "coop/words.h"
#include "experiments/commands/commands.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>

static void print_vector(int m, const Word *words, int top, const Tokenizer *tokenizer, Arena *arena) {
    printf("%4d ", m + 1);
    for (int i = 0; i < top; i++)
        printf("  %s %.4f", printable(word_text(tokenizer, words[i].id, arena), arena), words[i].distance);
    printf("\n");
}

static int print_words(const Prompt *prompt, const LoadedModel *model, int top, Arena *arena, Error *err) {
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
            words_nearest(words, prompt->ctx + row * (size_t)prompt->width, w);
            print_vector(m, words, top, model->tokenizer, arena);
            arena_reset(arena, mark);
        }
    }
    return 0;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    const char *weights = NULL, *vocab = NULL;
    int top = 1;
    const Option options[] = {{"model", OPTION_TEXT, &weights, 0, 0, "FILE",
                               "the checkpoint (default: where it was when the prompt was learned)"},
                              OPTION_VOCAB(&vocab),
                              {"top", OPTION_INT, &top, 1, 1000000, "K", "words per vector (default 1)"}};
    int status = command_parse(line, &command_words, options, 3, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    Prompt prompt;
    if (prompt_read(&prompt, line->words.values[0], arena, err) < 0)
        return -1;
    LoadedModel model = {0};
    int result = -1;
    if (cli_model_open_text(&model, &prompt, line->words.values[0], weights, vocab, line->common.threads,
                            err) == 0)
        result = print_words(&prompt, &model, top, arena, err);
    loaded_model_close(&model);
    return result;
}

const Command command_words = {.name = "words",
                               .usage = "coop words PROMPT [--top K] [--model FILE] [--vocab FILE]",
                               .summary = "the vocabulary words nearest to each learned vector",
                               .help = "A line per context vector: words with their Euclidean distances, the "
                                       "nearest first. A hyphen ends a\n"
                                       "piece of a longer word.\n",
                               .example = "coop words runs/demo/.../prompt.safetensors --top 5",
                               .min_words = 1,
                               .max_words = 1,
                               .run = run};
