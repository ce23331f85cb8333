/* prompts_support.h: the small CLIP with what the authors' programs learned on it (tests/fixtures/learners),
 * for tests of coop/prompts. */
#ifndef TESTS_SUPPORT_PROMPTS_SUPPORT_H
#define TESTS_SUPPORT_PROMPTS_SUPPORT_H

#include "coop/prompt_learner.h"
#include "datasets/lists/dataset.h"

enum { PROMPTS_IMAGES = 30, PROMPTS_CLASSES = 10, PROMPTS_STEPS = 20 };

typedef struct {
    Arena *arena;
    Pool *pool;
    Clip *clip;
    Tokenizer *tokenizer;
    TensorFile *fixture;
    Dataset dataset;
    float *train, *test; /* (30, E) unit length */
    int *labels;         /* (30) of the training images */
} PromptsBench;

/* cmocka set-up and tear-down: *state becomes a PromptsBench, whose pool has two threads. */
int prompts_setup(void **state);
int prompts_teardown(void **state);

/* A tensor of a case: "kgcoop_words", "ctx". Owned by the bench. */
const float *prompts_expected(PromptsBench *bench, const char *of, const char *what, size_t *n);
/* Copies one to out (n), which must have its size. */
void prompts_copy(PromptsBench *bench, const char *of, const char *what, float *out, size_t n);

PromptLearner *prompts_learner(PromptsBench *bench, const LearnerConfig *config);
/* (K, E) of one hand-written prompt, of unit length; owned by the bench. */
float *prompts_texts(PromptsBench *bench, const char *template);

/* The 20 steps of the authors' training; losses must be theirs. batch as in the case. */
void prompts_train(PromptsBench *bench, const char *of, const Trainee *trainee, int batch, OptimConfig optim);
/* Recipe of the cases but for the optimiser: SGD. */
OptimConfig prompts_optim(int batch);

/* Fails unless these logits (30, K) of the test images are those of the case. */
void prompts_check_logits(PromptsBench *bench, const char *of, const char *what, const float *logits,
                          double tolerance);

/* Fails unless the gradient of a trainee's loss on the first `batch` training images at the parameters [from,
 * to) is that of central differences, along itself and two waves. */
void prompts_check_gradient(PromptsBench *bench, const Trainee *trainee, int batch, size_t from, size_t to);

#endif
