/* bench_steps.c: the text side of a training step, with the text tower of ViT-B/32.
 *
 * Names are two tokens long, every eighth three: 430 nodes for 100 classes, as 100 ImageNet names have.
 */
#include "clip/checkpoint/random_clip.h"
#include "clip/text/text_encoder.h"
#include "coop/prompt_learner.h"
#include "experiments/bench/bench_loops.h"
#include "experiments/config/experiment.h"

#include <stdio.h>
#include <string.h>

enum { START_TOKEN = 49406, END_TOKEN = 49407, PERIOD_TOKEN = 269 };

typedef struct {
    int n_classes, n_ctx;
    ClassTokenPosition position;
    bool csc;
    double budget; /* GiB at most for kept activations, if memory_budget: auto is more; 0: that */
} StepShape;

static const StepShape STEPS[] = {{100, 16, POSITION_END, false, 0},    {10, 16, POSITION_END, false, 0},
                                  {100, 16, POSITION_MIDDLE, false, 0}, {100, 16, POSITION_FRONT, false, 0},
                                  {100, 16, POSITION_END, true, 0},     {1000, 16, POSITION_END, false, 0},
                                  {1000, 16, POSITION_END, true, 3}};

/* Growing numbers of classes, then of context vectors. */
static const StepShape GROWING[] = {{10, 16, POSITION_END, false, 0},  {30, 16, POSITION_END, false, 0},
                                    {100, 16, POSITION_END, false, 0}, {300, 16, POSITION_END, false, 0},
                                    {30, 4, POSITION_END, true, 0},    {30, 8, POSITION_END, true, 0},
                                    {30, 16, POSITION_END, true, 0},   {30, 32, POSITION_END, true, 0}};

static int vectors_before_name(const StepShape *shape) {
    return shape->position == POSITION_END      ? shape->n_ctx
           : shape->position == POSITION_MIDDLE ? shape->n_ctx / 2
                                                : 0;
}

static int build_tree(TokenTree *tree, const StepShape *shape, Arena *arena, Error *err) {
    const int M = shape->n_ctx, before = vectors_before_name(shape);
    const int **prompts = ARENA_NEW(arena, const int *, shape->n_classes);
    int *lengths = ARENA_NEW(arena, int, shape->n_classes);
    for (int k = 0; k < shape->n_classes && !arena_failed(arena); k++) {
        int *prompt = ARENA_NEW(arena, int, M + 8), n = 0;
        if (!prompt)
            break;
        prompt[n++] = START_TOKEN;
        for (int m = 0; m <= M; m++) {
            for (int j = 0; m == before && j < 2 + (k % 8 == 0); j++)
                prompt[n++] = 1000 + 3 * k + j;
            if (m < M)
                prompt[n++] = SYMBOL_CONTEXT((shape->csc ? k * M : 0) + m);
        }
        prompt[n++] = PERIOD_TOKEN;
        prompt[n++] = END_TOKEN;
        prompts[k] = prompt;
        lengths[k] = n;
    }
    if (arena_failed(arena))
        return error_memory(err);
    return token_tree_build(tree, prompts, lengths, shape->n_classes, arena, err);
}

typedef struct {
    TextEncoder *encoder;
    float *features, *d_features; /* (K, E) */
    float *ctx, *d_ctx;           /* (n_ctx) */
    size_t n_ctx;
} Step;

static int step_loop(void *context, Error *err) {
    (void)err;
    Step *step = context;
    memset(step->d_ctx, 0, step->n_ctx * sizeof *step->d_ctx);
    text_encoder_forward(step->encoder, step->features, step->ctx);
    text_encoder_backward(step->encoder, step->d_ctx, step->d_features);
    return 0;
}

static size_t memory_budget(const StepShape *shape) {
    size_t usual = experiment_memory_budget(&(Experiment){0}), own = (size_t)(shape->budget * (1 << 30));
    return own > 0 && own < usual ? own : usual;
}

/* One shape with the weights of all. */
typedef struct {
    const StepShape *shape;
    const TextWeights *w;
} StepRow;

static int measure_step(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    (void)bench;
    const StepRow *row = context;
    const StepShape *shape = row->shape;
    size_t K = (size_t)shape->n_classes, E = (size_t)row->w->embed_dim;
    int result = -1;
    Arena *arena = arena_create();
    TokenTree tree;
    Step step = {.n_ctx = (shape->csc ? K : 1) * (size_t)shape->n_ctx * (size_t)row->w->width};
    if (!arena || build_tree(&tree, shape, arena, err) < 0)
        goto out;
    step.features = arena_floats(arena, K, E);
    step.d_features = arena_floats(arena, K, E);
    step.ctx = arena_floats(arena, step.n_ctx, 1);
    step.d_ctx = arena_floats(arena, step.n_ctx, 1);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    bench_fill(step.ctx, step.n_ctx, 0.02);
    bench_fill(step.d_features, K * E, 0.01);
    step.encoder = text_encoder_create(row->w, &tree, pool, true, memory_budget(shape), err);
    if (!step.encoder || bench_median(&sample->seconds, step_loop, &step, err) < 0)
        goto out;
    sample->flops = text_encoder_flops(row->w, &tree, true);
    int n_moving = tree.n_nodes - tree.n_frozen;
    snprintf(sample->note, sizeof sample->note, "%d nodes, %d frozen, %.3f ms for each other%s", tree.n_nodes,
             tree.n_frozen, 1000 * sample->seconds / n_moving,
             text_encoder_recomputes(step.encoder) ? ", recomputed" : "");
    result = 0;
out:
    text_encoder_free(step.encoder);
    arena_free(arena);
    return result;
}

int bench_steps(Bench *bench, Error *err) {
    const StepShape *shapes = bench->linear ? GROWING : STEPS;
    const size_t n = bench->linear ? sizeof GROWING / sizeof *GROWING : sizeof STEPS / sizeof *STEPS;
    Clip *clip = NULL;
    int result = 0;
    for (size_t i = 0; result == 0 && i < n; i++) {
        char label[64], vectors[16] = "";
        if (shapes[i].csc && bench->linear)
            snprintf(vectors, sizeof vectors, ", M %d", shapes[i].n_ctx);
        snprintf(label, sizeof label, "train step, %d classes, %s%s%s", shapes[i].n_classes,
                 position_name(shapes[i].position), shapes[i].csc ? ", csc" : "", vectors);
        if (!bench_wanted(bench, label))
            continue;
        if (!clip)
            clip = clip_random(architecture_find("ViT-B/32"), CLIP_TEXT, bench->precision, 1, err);
        result = clip ? bench_row(bench, label, measure_step, &(StepRow){&shapes[i], &clip->text}, err) : -1;
    }
    clip_free(clip);
    return result;
}
