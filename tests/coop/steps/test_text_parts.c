/* test_text_parts.c: a training whose prompts are in parts, each on a thread that takes the place of a rank,
 * gives the bits of one without, for contexts of all kinds; what travels is what the model says. */
#include "coop/steps/text_parts.h"

#include "clip/math/ops.h"
#include "clip/math/packed.h"
#include "coop/prompt_learner.h"
#include "coop/prompts/kgcoop.h"
#include "coop/prompts/prograd.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8, BATCH = 8, IMAGES = 24 };

/* --- ranks that are threads --- */

typedef struct Letter {
    struct Letter *next;
    size_t size;
    char data[];
} Letter;

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    Letter *boxes[MOST][MOST]; /* from, to: the first of those that are not read yet */
    size_t bytes;
} Post;

typedef struct {
    Post *post;
    PartLink link;
    int index, n_threads;
    Clip *clip;
    size_t budget;
    pthread_t thread;
} Rank;

static void put(Post *post, int from, const PartBlock *block) {
    Letter *letter = malloc(sizeof *letter + block[0].size), **last = &post->boxes[from][block->peer];
    assert_non_null(letter);
    *letter = (Letter){.size = block->size};
    memcpy(letter->data, block->data, block->size);
    while (*last)
        last = &(*last)->next;
    *last = letter;
    post->bytes += block->size;
}

static void exchange(void *context, const PartBlock *sends, int n_sends, const PartBlock *receives,
                     int n_receives) {
    const Rank *rank = context;
    Post *post = rank->post;
    pthread_mutex_lock(&post->lock);
    for (int i = 0; i < n_sends; i++)
        if (sends[i].size > 0)
            put(post, rank->index, &sends[i]);
    pthread_cond_broadcast(&post->arrived);
    for (int i = 0; i < n_receives; i++) {
        Letter **box = &post->boxes[receives[i].peer][rank->index];
        while (receives[i].size > 0 && !*box)
            pthread_cond_wait(&post->arrived, &post->lock);
        if (receives[i].size == 0)
            continue;
        Letter *letter = *box;
        *box = letter->next;
        assert_int_equal(letter->size, receives[i].size);
        memcpy(receives[i].data, letter->data, letter->size);
        free(letter);
    }
    pthread_mutex_unlock(&post->lock);
}

static void *serve(void *context) {
    Rank *rank = context;
    Error err = {0};
    Pool *pool = pool_create(rank->n_threads);
    if (text_part_serve(&rank->link, rank->index, rank->clip, pool, rank->budget, &err) < 0)
        abort();
    pool_free(pool);
    return NULL;
}

static void start(void *context, int n) {
    Rank *ranks = context;
    for (int i = 1; i <= n; i++)
        assert_int_equal(pthread_create(&ranks[i].thread, NULL, serve, &ranks[i]), 0);
}

/* --- trainings --- */

typedef struct {
    bool csc;
    ClassTokenPosition position;
    OptimizerKind optimizer;
    int n_classes;
    enum { COOP, KGCOOP, PROGRAD } method;
} Training;

typedef struct {
    Arena *arena;
    Clip *clip;
    Tokenizer *tokenizer;
    const char *names[600];
    float *images; /* (IMAGES, E) */
    float *texts;  /* (K, E) */
    int labels[IMAGES];
} World;

static void open_world(World *w) {
    Error err = {0};
    Rng rng;
    *w = (World){.arena = arena_create()};
    w->clip = clip_open(FIXTURES "clip_vit.safetensors", CLIP_TEXT, &err);
    w->tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", w->clip ? w->clip->n_vocab - 514 : -1, &err);
    if (!w->clip || !w->tokenizer || clip_prepare_training(w->clip, &err) < 0)
        fail_msg("%s", err.text);
    rng_seed(&rng, (uint32_t[]){5}, 1);
    for (int k = 0; k < 600; k++)
        w->names[k] = arena_printf(w->arena, "%c%c%d", 'a' + k % 17, 'a' + k % 5, k % 7);
    const int E = w->clip->embed_dim;
    w->images = arena_floats(w->arena, IMAGES, (size_t)E);
    w->texts = arena_floats(w->arena, 600, (size_t)E);
    fill_normal(w->images, (size_t)IMAGES * (size_t)E, 1, 8);
    fill_normal(w->texts, (size_t)600 * (size_t)E, 1, 9);
    unit_rows_forward(w->images, NULL, w->images, IMAGES, E);
    unit_rows_forward(w->texts, NULL, w->texts, 600, E);
    for (int i = 0; i < IMAGES; i++)
        w->labels[i] = (int)rng_below(&rng, 40);
}

static void close_world(World *w) {
    tokenizer_free(w->tokenizer);
    clip_free(w->clip);
    arena_free(w->arena);
}

typedef struct {
    float *ctx, *text, *buffers; /* what a training leaves */
    size_t n_ctx, n_text, n_buffers;
    double losses[64];
    int n_losses;
    size_t bytes, model; /* of the first step but for orders */
    int count;
} Outcome;

static int on_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    Outcome *outcome = context;
    (void)epoch, (void)step, (void)lr, (void)state;
    outcome->losses[outcome->n_losses++] = loss;
    return 0;
}

static const Trainee *trainee_of(const World *w, Training t, PromptLearner *learner, Kgcoop *kgcoop,
                                 Arena *arena) {
    if (t.method == PROGRAD)
        return prograd_trainee(prograd_create(learner, w->texts, 1, 1, BATCH, arena));
    if (t.method == COOP)
        return learner_trainee(learner);
    kgcoop_init(kgcoop, learner, w->texts, 8);
    return kgcoop_trainee(kgcoop);
}

static void train(const World *w, Training t, PromptLearner *learner, Outcome *outcome) {
    Error err = {0};
    Kgcoop kgcoop;
    const Trainee *trainee = trainee_of(w, t, learner, &kgcoop, w->arena);
    const TrainData data = {.features = w->images,
                            .labels = w->labels,
                            .n = IMAGES,
                            .n_views = 1,
                            .embed_dim = w->clip->embed_dim};
    const OptimConfig optim = {.optimizer = t.optimizer,
                               .lr = 0.02,
                               .momentum = 0.9,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = 1e-8,
                               .weight_decay = 5e-4,
                               .max_epoch = 2,
                               .batch_size = BATCH,
                               .shuffle = true};
    TrainState state = trainer_begin(trainee, &optim, w->arena);
    assert_int_equal(trainer_run(trainee, &data, &optim, &state, NULL, on_step, outcome, &err), 0);
    trainer_gather(trainee, &state);
    outcome->n_buffers = (size_t)state.optimizer.n_buffers * trainee->n_parameters;
    outcome->buffers = arena_floats(w->arena, outcome->n_buffers, 1);
    for (int b = 0; b < state.optimizer.n_buffers; b++)
        memcpy(outcome->buffers + (size_t)b * trainee->n_parameters, state.optimizer.buffers[b].values,
               trainee->n_parameters * sizeof(float));
}

static Outcome run(World *w, Training t, int count, int n_threads, size_t budget) {
    Error err = {0};
    Outcome outcome = {0};
    Post post = {.lock = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER};
    Rank ranks[MOST];
    for (int i = 0; i < MOST; i++)
        ranks[i] =
            (Rank){.post = &post,
                   .index = i,
                   .n_threads = n_threads,
                   .clip = w->clip,
                   .budget = budget,
                   .link = {.count = count, .exchange = exchange, .start = start, .context = &ranks[i]}};
    const LearnerConfig config = {.n_ctx = 4,
                                  .csc = t.csc,
                                  .class_token_position = t.position,
                                  .ctx_init = "",
                                  .seed = 3,
                                  .link = count > 1 ? &ranks[0].link : NULL};
    Pool *pool = pool_create(n_threads);
    PromptLearner *learner =
        learner_create(w->clip, w->tokenizer, pool, w->names, t.n_classes, &config, budget, &err);
    if (!learner)
        fail_msg("%s", err.text);
    outcome.n_ctx = learner_ctx_size(learner);
    outcome.n_text = (size_t)t.n_classes * (size_t)w->clip->embed_dim;
    outcome.ctx = arena_floats(w->arena, outcome.n_ctx, 1);
    outcome.text = arena_floats(w->arena, outcome.n_text, 1);
    const size_t before = post.bytes;
    float *d_ctx = arena_floats(w->arena, outcome.n_ctx, 1);
    float *logits = arena_floats(w->arena, BATCH, (size_t)t.n_classes);
    learner_loss(learner, w->images, w->labels, BATCH, logits, d_ctx, NULL);
    outcome.bytes = post.bytes - before;
    outcome.model =
        text_parts_step_bytes(learner_tree(learner), (int)(outcome.n_ctx / (size_t)w->clip->text.width),
                              t.csc, count, w->clip->text.width, w->clip->text.n_layers) +
        (size_t)(count - 1) * 2 * sizeof(PartOrder);
    train(w, t, learner, &outcome);
    memcpy(outcome.ctx, learner_ctx(learner), outcome.n_ctx * sizeof(float));
    learner_text_features(learner, outcome.text);
    learner_free(learner);
    for (int i = 1; i < count; i++)
        pthread_join(ranks[i].thread, NULL);
    pool_free(pool);
    return outcome;
}

static const Training TRAININGS[] = {
    {true, POSITION_END, OPTIMIZER_SGD, 40, COOP},      {true, POSITION_MIDDLE, OPTIMIZER_ADAMW, 40, COOP},
    {true, POSITION_FRONT, OPTIMIZER_SGD, 40, COOP},    {true, POSITION_END, OPTIMIZER_ADAM, 40, KGCOOP},
    {false, POSITION_END, OPTIMIZER_SGD, 400, COOP},    {false, POSITION_MIDDLE, OPTIMIZER_SGD, 400, COOP},
    {false, POSITION_FRONT, OPTIMIZER_ADAMW, 60, COOP}, {false, POSITION_END, OPTIMIZER_SGD, 400, KGCOOP},
    {false, POSITION_END, OPTIMIZER_SGD, 400, PROGRAD},
};

static void test_same_bits(void **state) {
    (void)state;
    static const int counts[] = {2, 3, 5, 8};
    World w;
    if (!packed_is_supported())
        skip();
    open_world(&w);
    for (size_t i = 0; i < sizeof TRAININGS / sizeof *TRAININGS; i++) {
        const Training t = TRAININGS[i];
        const Outcome alone = run(&w, t, 1, 2, 0);
        assert_true(alone.n_losses == 6);
        for (int c = 0; c < (scratch_instrumented() ? 1 : 4); c++) {
            const Outcome split = run(&w, t, counts[c], 1 + c % 2, c == 1 ? 1 << 20 : 0);
            print_message("training %zu, %d ranks: %zu bytes a step\n", i, counts[c], split.bytes);
            assert_memory_equal(split.losses, alone.losses, sizeof alone.losses);
            assert_memory_equal(split.ctx, alone.ctx, alone.n_ctx * sizeof(float));
            assert_memory_equal(split.text, alone.text, alone.n_text * sizeof(float));
            assert_int_equal(split.n_buffers, alone.n_buffers);
            assert_memory_equal(split.buffers, alone.buffers, alone.n_buffers * sizeof(float));
            if (t.method != PROGRAD) /* which goes back twice */
                assert_int_equal(split.bytes, split.model);
        }
    }
    close_world(&w);
}

/* Contexts that all share, with so few classes that their tree is one segment, are not cut. */
static void test_most(void **state) {
    (void)state;
    Error err = {0};
    World w;
    open_world(&w);
    const LearnerConfig shared = {.n_ctx = 4, .ctx_init = ""},
                        own = {.n_ctx = 4, .ctx_init = "", .csc = true};
    LearnerSplit split;
    double flops;
    assert_int_equal(learner_split(&split, w.clip, w.tokenizer, w.names, 40, &shared, &err), 0);
    assert_int_equal(split.most, 1);
    assert_int_equal(learner_split(&split, w.clip, w.tokenizer, w.names, 40, &own, &err), 0);
    assert_int_equal(split.most, packed_is_supported() ? 40 : 1);
    assert_int_equal(learner_step_flops(&flops, w.clip, w.tokenizer, w.names, 40, &own, &err), 0);
    assert_true(split.flops == flops);
    const TextWeights *text = &w.clip->text; /* 9 rows of floats for each node and layer, and probabilities */
    const size_t least = (size_t)40 * 6 * 9 * 4 * (size_t)text->width * (size_t)text->n_layers;
    assert_in_range(split.n_memory, least, 2 * least);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_most)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
