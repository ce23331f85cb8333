/* learner_support.c: see learner_support.h */
#include "tests/support/learner_support.h"

#include "clip/math/ops.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = BENCH_ITEMS };

static const char *NAMES[BENCH_CLASSES] = {"cup", "old_key", "star"};

int bench_setup(void **state) {
    Bench *bench = calloc(1, sizeof *bench);
    Error err = {0};
    if (!bench || scratch_setup(&bench->scratch))
        return -1;
    *state = bench;
    scratch_path(&bench->scratch, "state.safetensors", bench->path, sizeof bench->path);
    bench->arena = arena_create();
    bench->pool = pool_create(2);
    bench->clip = clip_open(FIXTURES "clip_vit.safetensors", CLIP_TEXT, &err);
    bench->tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", 204, &err);
    if (!bench->clip || !bench->tokenizer)
        fail_msg("%s", err.text);
    int E = bench->clip->embed_dim, *labels = ARENA_NEW(bench->arena, int, N);
    bench->features = arena_floats(bench->arena, BENCH_VIEWS * N, (size_t)E);
    fill_normal(bench->features, BENCH_VIEWS * N * (size_t)E, 1, 5);
    unit_rows_forward(bench->features, NULL, bench->features, BENCH_VIEWS * N, E);
    for (int i = 0; i < N; i++)
        labels[i] = i * 7 % BENCH_CLASSES;
    bench->data = (TrainData){
        .features = bench->features, .labels = labels, .n = N, .n_views = BENCH_VIEWS, .embed_dim = E};
    bench->optim = (OptimConfig){.lr = 0.02,
                                 .momentum = 0.9,
                                 .weight_decay = 5e-4,
                                 .max_epoch = BENCH_EPOCHS,
                                 .batch_size = BENCH_BATCH,
                                 .warmup_epoch = 1,
                                 .warmup_cons_lr = 1e-5,
                                 .shuffle = true};
    return 0;
}

int bench_teardown(void **state) {
    Bench *bench = *state;
    tokenizer_free(bench->tokenizer);
    clip_free(bench->clip);
    pool_free(bench->pool);
    arena_free(bench->arena);
    int result = scratch_teardown(&bench->scratch);
    free(bench);
    return result;
}

PromptLearner *bench_learner(Bench *bench, bool csc, uint32_t seed) {
    Error err = {0};
    LearnerConfig config = {.n_ctx = 3, .csc = csc, .ctx_init = "", .seed = seed};
    PromptLearner *learner =
        learner_create(bench->clip, bench->tokenizer, bench->pool, NAMES, BENCH_CLASSES, &config, 0, &err);
    if (!learner)
        fail_msg("%s", err.text);
    return learner;
}

TrainState bench_state(Bench *bench, PromptLearner *learner) {
    return trainer_begin(learner_trainee(learner), &bench->optim, bench->arena);
}
