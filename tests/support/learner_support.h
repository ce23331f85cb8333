/* learner_support.h: a small model with a learner's needs around it, for tests of training. */
#ifndef TESTS_SUPPORT_LEARNER_SUPPORT_H
#define TESTS_SUPPORT_LEARNER_SUPPORT_H

#include "coop/prompt_learner.h"
#include "coop/trainer.h"

enum { BENCH_ITEMS = 13, BENCH_BATCH = 4, BENCH_EPOCHS = 3, BENCH_CLASSES = 3, BENCH_VIEWS = 2 };

typedef struct {
    void *scratch;
    char path[512]; /* of a state file in a folder of the test's own */
    Arena *arena;
    Pool *pool;
    Clip *clip;
    Tokenizer *tokenizer;
    float *features; /* (BENCH_VIEWS, BENCH_ITEMS, E): data.features, which a test may spoil */
    TrainData data;
    OptimConfig optim;
} Bench;

/* cmocka set-up and tear-down: *state becomes a Bench. */
int bench_setup(void **state);
int bench_teardown(void **state);

/* A learner of three context vectors; caller frees. */
PromptLearner *bench_learner(Bench *bench, bool csc, uint32_t seed);

/* The beginning of a training of that learner with the optim of the bench; owned by the bench. */
TrainState bench_state(Bench *bench, PromptLearner *learner);

#endif
