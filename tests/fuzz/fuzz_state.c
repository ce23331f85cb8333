/* fuzz_state.c: the state of an interrupted training, read into a learner of one class and two contexts. A
 * refused state changes nothing. */
#include "tests/fuzz/fuzz.h"

#include "clip/checkpoint/random_clip.h"
#include "coop/prompt_learner.h"
#include "coop/train_state.h"

#include <stdlib.h>
#include <string.h>

#define VOCABULARY "#version: 0.2\nc a\nca t</w>\n"

enum { N_CTX = 2, WIDTH = 64, SIZE = N_CTX * WIDTH, N_VOCAB = 516 };

/* Made once and kept: it takes a hundred times as long as a run, and libFuzzer has no other place for it. */
static PromptLearner *shared_learner;

static void make_learner(void) {
    FuzzFile file;
    fuzz_open(&file, (const uint8_t *)VOCABULARY, strlen(VOCABULARY));
    TextWeights text = text_random(WIDTH, 1, N_VOCAB, 8, 1, file.arena);
    Clip clip = {.text = text, .embed_dim = text.embed_dim, .n_vocab = text.n_vocab};
    Tokenizer *tokenizer = tokenizer_open(file.path, -1, &file.err);
    Pool *pool = pool_create(1);
    const char *names[] = {"cat"};
    LearnerConfig config = {.n_ctx = N_CTX, .ctx_init = ""};
    shared_learner = learner_create(&clip, tokenizer, pool, names, 1, &config, 0, &file.err);
    tokenizer_free(tokenizer);
    pool_free(pool); /* as the weights, not needed any more: nothing is computed with this learner */
    if (!fuzz_close(&file, shared_learner != NULL, NULL))
        abort();
}

void fuzz_state_finish(void) {
    learner_free(shared_learner);
    shared_learner = NULL;
}

int fuzz_state(const uint8_t *data, size_t size) {
    FuzzFile input;
    if (!shared_learner)
        make_learner();
    fuzz_open(&input, data, size);
    float *ctx = learner_ctx(shared_learner), before[SIZE];
    memcpy(before, ctx, sizeof before);
    TrainState state = trainer_begin(learner_trainee(shared_learner), &(OptimConfig){0}, input.arena);
    state.epoch = -1;
    bool was_read =
        train_state_read(input.path, learner_trainee(shared_learner), &state, "digest", &input.err) == 0;
    if (was_read ? state.epoch < 0 || state.step < 0 || state.n_correct < 0
                 : state.epoch != -1 || memcmp(before, ctx, sizeof before) != 0)
        abort();
    memcpy(ctx, before, sizeof before);
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_state)
FUZZ_MUTATOR(fuzz_mutate_safetensors)
