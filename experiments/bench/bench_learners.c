/* bench_learners.c: whole steps of the learners that start from CoOp's prompts, with the text tower of
 * ViT-B/16, and CoCoOp's test; beside each the step of CoOp with as many context vectors.
 *
 * Names have two letters, every eighth three, and each letter is a token: as in bench_steps.c.
 */
#include "clip/checkpoint/random_clip.h"
#include "clip/math/ops.h"
#include "coop/prompts/cocoop.h"
#include "coop/prompts/kgcoop.h"
#include "coop/prompts/prograd.h"
#include "coop/prompts/tcp.h"
#include "experiments/bench/bench_letters.h"
#include "experiments/bench/bench_loops.h"
#include "experiments/config/experiment.h"

#include <stdio.h>
#include <string.h>

enum { CLASSES = 100, TESTED = 20, LAYER = 8 };

typedef enum { LEARN_COOP, LEARN_KGCOOP, LEARN_PROGRAD, LEARN_TCP, LEARN_COCOOP, TEST_COCOOP } Kind;

typedef struct {
    Kind kind;
    const char *label;
    int n_ctx, batch; /* M, images */
} Row;

static const Row ROWS[] = {
    {LEARN_COOP, "learner step, coop, M 16, 32 images", 16, 32},
    {LEARN_KGCOOP, "learner step, kgcoop, M 16, 32 images", 16, 32},
    {LEARN_PROGRAD, "learner step, prograd, M 16, 32 images", 16, 32},
    {LEARN_COOP, "learner step, coop, M 4, 32 images", 4, 32},
    {LEARN_TCP, "learner step, tcp, M 4, 32 images", 4, 32},
    {LEARN_COOP, "learner step, coop, M 4, 1 images", 4, 1},
    {LEARN_COCOOP, "learner step, cocoop, M 4, 1 images", 4, 1},
    {TEST_COCOOP, "learner test, cocoop, M 4, 20 images", 4, TESTED},
};

/* What all rows share. */
typedef struct {
    Clip *clip;
    Tokenizer *tokenizer;
    const char **class_names;
    float *texts, *images; /* (K, E), (32, E): unit length */
    int labels[32];
    const Row *row;
} Shared;

static int fill(Shared *shared, Arena *arena, Error *err) {
    const int E = shared->clip->embed_dim;
    shared->class_names = ARENA_NEW(arena, const char *, CLASSES);
    shared->texts = arena_floats(arena, CLASSES, (size_t)E);
    shared->images = arena_floats(arena, 32, (size_t)E);
    if (arena_failed(arena))
        return error_memory(err);
    for (int k = 0; k < CLASSES; k++)
        shared->class_names[k] =
            arena_printf(arena, "%c%c%s", 'a' + k / 26, 'a' + k % 26, k % 8 == 0 ? "z" : "");
    for (int i = 0; i < 32; i++)
        shared->labels[i] = i % CLASSES;
    bench_fill(shared->texts, CLASSES * (size_t)E, 1);
    bench_fill(shared->images, 32 * (size_t)E, 1);
    unit_rows_forward(shared->texts, NULL, shared->texts, CLASSES, E);
    unit_rows_forward(shared->images, NULL, shared->images, 32, E);
    shared->tokenizer = arena_failed(arena) ? NULL : bench_letters(arena, err);
    return arena_failed(arena) ? error_memory(err) : shared->tokenizer ? 0 : -1;
}

/* --- one row --- */

typedef struct {
    const Shared *shared;
    const Trainee *trainee;
    Cocoop *tested; /* instead */
    float *logits, *gradient;
} Step;

static int step_loop(void *context, Error *err) {
    const Step *step = context;
    const Shared *shared = step->shared;
    if (step->tested)
        return cocoop_logits(step->tested, step->logits, shared->images, TESTED, false, err);
    step->trainee->loss(step->trainee->model, shared->images, shared->labels, shared->row->batch,
                        step->logits, step->gradient, NULL);
    return 0;
}

/* The learners of a row; unused ones are NULL. */
typedef struct {
    PromptLearner *prompts;
    Kgcoop kgcoop;
    Tcp *tcp;
    Cocoop *cocoop;
} Learners;

static const Trainee *create(Learners *made, const Shared *shared, Pool *pool, Arena *arena, Error *err) {
    const Row *row = shared->row;
    const LearnerConfig config = {.n_ctx = row->n_ctx, .ctx_init = ""};
    const TcpConfig tcp = {.prompts = config, .layer = LAYER, .weight = 8};
    const size_t budget = experiment_memory_budget(&(Experiment){0});
    Clip *clip = shared->clip;
    if (row->kind == LEARN_TCP) {
        made->tcp = tcp_create(clip, shared->tokenizer, pool, shared->class_names, CLASSES, &tcp,
                               shared->texts, budget, err);
        return made->tcp ? tcp_trainee(made->tcp) : NULL;
    }
    if (row->kind == LEARN_COCOOP || row->kind == TEST_COCOOP) {
        made->cocoop = cocoop_create(clip, shared->tokenizer, pool, shared->class_names, CLASSES, &config,
                                     row->kind == TEST_COCOOP ? 1 : row->batch, budget, err);
        return made->cocoop ? cocoop_trainee(made->cocoop) : NULL;
    }
    made->prompts =
        learner_create(clip, shared->tokenizer, pool, shared->class_names, CLASSES, &config, budget, err);
    if (!made->prompts || row->kind == LEARN_COOP)
        return made->prompts ? learner_trainee(made->prompts) : NULL;
    if (row->kind == LEARN_KGCOOP) {
        kgcoop_init(&made->kgcoop, made->prompts, shared->texts, 8);
        return kgcoop_trainee(&made->kgcoop);
    }
    Prograd *prograd = prograd_create(made->prompts, shared->texts, 1, 1, row->batch, arena);
    if (!prograd)
        error_memory(err);
    return prograd ? prograd_trainee(prograd) : NULL;
}

static int measure(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    (void)bench;
    const Shared *shared = context;
    Arena *arena = arena_create();
    Learners made = {0};
    int result = arena ? 0 : error_memory(err);
    const Trainee *trainee = result == 0 ? create(&made, shared, pool, arena, err) : NULL;
    if (trainee) {
        const size_t rows = (size_t)(shared->row->batch > TESTED ? shared->row->batch : TESTED);
        Step step = {.shared = shared,
                     .trainee = trainee,
                     .tested = shared->row->kind == TEST_COCOOP ? made.cocoop : NULL,
                     .logits = arena_floats(arena, rows, CLASSES),
                     .gradient = arena_floats(arena, trainee->n_parameters, 1)};
        result =
            arena_failed(arena) ? error_memory(err) : bench_median(&sample->seconds, step_loop, &step, err);
        const TokenTree *tree = made.tcp      ? tcp_tree(made.tcp, false)
                                : made.cocoop ? cocoop_tree(made.cocoop)
                                              : learner_tree(made.prompts);
        int length = snprintf(sample->note, sizeof sample->note, "%d nodes", tree->n_nodes);
        if (made.tcp)
            snprintf(sample->note + length, sizeof sample->note - (size_t)length, ", %d from block %d on",
                     tcp_tree(made.tcp, true)->n_nodes, LAYER);
    }
    tcp_free(made.tcp);
    cocoop_free(made.cocoop);
    learner_free(made.prompts);
    arena_free(arena);
    return trainee ? result : -1;
}

int bench_learners(Bench *bench, Error *err) {
    Arena *arena = arena_create();
    Shared shared = {0};
    int result = arena ? 0 : error_memory(err);
    for (size_t i = 0; result == 0 && i < sizeof ROWS / sizeof *ROWS && !bench->linear; i++) {
        shared.row = &ROWS[i];
        if (!bench_wanted(bench, ROWS[i].label))
            continue;
        if (!shared.clip) {
            shared.clip = clip_random(architecture_find("ViT-B/16"), CLIP_TEXT, bench->precision, 1, err);
            result = shared.clip ? fill(&shared, arena, err) : -1;
        }
        if (result == 0)
            result = bench_row(bench, ROWS[i].label, measure, &shared, err);
    }
    tokenizer_free(shared.tokenizer);
    clip_free(shared.clip);
    arena_free(arena);
    return result;
}
