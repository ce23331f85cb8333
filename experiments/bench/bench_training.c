/* bench_training.c: steps of training a whole CLIP on pairs, and of fine-tuning its image encoder.
 *
 * Captions have 13 tokens and share only SOS.
 */
#include "clip/checkpoint/architectures.h"
#include "clip/train/contrastive_trainer.h"
#include "clip/train/parameter_optimizer.h"
#include "experiments/bench/bench_checkpoint.h"
#include "experiments/bench/bench_loops.h"
#include "experiments/config/experiment.h"

#include <stdio.h>
#include <string.h>

enum { START_TOKEN = 49406, END_TOKEN = 49407, CAPTION_TOKENS = 13 };

typedef struct {
    const char *name;
    int batch;
    bool finetuned; /* the image encoder alone, against fixed text features */
} Training;

static const Training TRAININGS[] = {{"ViT-B/32", 64, false},
                                     {"RN50", 32, false},
                                     {"small ViT", 64, false},
                                     {"RN50", 32, true},
                                     {"ViT-B/16", 16, true}};

static const Architecture SMALL = {"small ViT", {256, 6, 8, 0}, 0, 64, 256, 256};

static TrainableClip *create_clip(const char *name, Precision precision, Error *err) {
    const bool small = strcmp(name, SMALL.name) == 0;
    return bench_clip(small ? &SMALL : architecture_find(name),
                      small ? SMALL.vision[1] : ARCHITECTURE_TEXT_LAYERS, false, precision, err);
}

typedef struct {
    TrainableClip *clip;
    Pool *pool;
    Arena *arena;
    int n; /* images */
    ParameterOptimizer optimizer;
    ContrastiveTrainer *pairs; /* one of these two */
    ImageTrainer *images;
    PairBatch batch;
    float *pixels, *features, *d_features;
} Step;

static int pair_step(void *context, Error *err) {
    Step *step = context;
    double loss;
    if (contrastive_trainer_gradients(step->pairs, &loss, &step->batch, 1, err) < 0)
        return -1;
    parameter_optimizer_step(&step->optimizer, NULL, 1e-5, step->pool);
    contrastive_clamp_scale(step->clip);
    return 0;
}

static int image_step(void *context, Error *err) {
    (void)err;
    Step *step = context;
    parameters_zero_gradients(&step->clip->parameters, step->pool);
    image_trainer_forward(step->images, step->features, step->pixels, step->n, PASS_TRAIN);
    image_trainer_backward(step->images, step->d_features);
    parameter_optimizer_step(&step->optimizer, NULL, 1e-5, step->pool);
    return 0;
}

static bool is_visual(const Parameter *parameter, void *context) {
    (void)context;
    return strncmp(parameter->name, "visual.", 7) == 0;
}

static int prepare_images(Step *step, size_t budget, Error *err) {
    const size_t n = (size_t)step->n, E = (size_t)step->clip->embed_dim,
                 S = (size_t)step->clip->image.image_size;
    parameters_train(&step->clip->parameters, is_visual, NULL);
    step->optimizer =
        parameter_optimizer(&step->clip->parameters, NULL, (StepOptions){STEP_SGD, .momentum = 0.9});
    step->pixels = arena_floats(step->arena, n, 3 * S * S);
    step->features = arena_floats(step->arena, n, E);
    step->d_features = arena_floats(step->arena, n, E);
    if (arena_failed(step->arena) || arena_failed(step->clip->arena))
        return error_memory(err);
    bench_fill(step->pixels, n * 3 * S * S, 1);
    bench_fill(step->d_features, n * E, 0.01);
    step->images = image_trainer_create(step->clip, step->pool, step->n, budget, err);
    return step->images ? 0 : -1;
}

static void fill_captions(int *tokens, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < CAPTION_TOKENS; j++)
            tokens[i * CAPTION_TOKENS + j] = j == 0                    ? START_TOKEN
                                             : j == CAPTION_TOKENS - 1 ? END_TOKEN
                                                                       : 1000 + 31 * i + j;
}

static int prepare_pairs(Step *step, size_t budget, Error *err) {
    const size_t n = (size_t)step->n, S = (size_t)step->clip->image.image_size;
    parameters_train(&step->clip->parameters, NULL, NULL);
    step->optimizer = parameter_optimizer(
        &step->clip->parameters, NULL,
        (StepOptions){STEP_ADAMW, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-6, .weight_decay = 0.2});
    unsigned char *images = ARENA_NEW(step->arena, unsigned char, n *S *S * 3);
    int *tokens = ARENA_NEW(step->arena, int, n *CAPTION_TOKENS), *lengths = ARENA_NEW(step->arena, int, n);
    const int **captions = ARENA_NEW(step->arena, const int *, n);
    if (arena_failed(step->arena) || arena_failed(step->clip->arena))
        return error_memory(err);
    for (size_t i = 0; i < n * S * S * 3; i++)
        images[i] = (unsigned char)((i * 2654435761u) >> 13);
    fill_captions(tokens, step->n);
    for (size_t i = 0; i < n; i++) {
        captions[i] = tokens + i * CAPTION_TOKENS;
        lengths[i] = CAPTION_TOKENS;
    }
    step->batch = (PairBatch){step->n, images, captions, lengths};
    step->pairs =
        contrastive_trainer_create(step->clip, step->pool, (ContrastiveOptions){step->n, 1, budget}, err);
    return step->pairs ? 0 : -1;
}

static double text_flops(const Step *step, Arena *arena) {
    TokenTree tree;
    if (token_tree_build(&tree, step->batch.captions, step->batch.lengths, step->n, arena, NULL) < 0)
        return 0;
    return text_trainer_flops(step->clip, &tree, true);
}

static int measure_training(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    const Training *training = context;
    Step step = {.pool = pool, .arena = arena_create(), .n = training->batch};
    const size_t budget = experiment_memory_budget(&(Experiment){0});
    int result = -1;
    if (!step.arena) {
        error_memory(err);
        goto out;
    }
    step.clip = create_clip(training->name, bench->precision, err);
    if (!step.clip)
        goto out;
    if ((training->finetuned ? prepare_images : prepare_pairs)(&step, budget, err) < 0 ||
        bench_median(&sample->seconds, training->finetuned ? image_step : pair_step, &step, err) < 0)
        goto out;
    sample->flops = step.n * image_trainer_flops(step.clip, true);
    if (step.pairs)
        sample->flops += text_flops(&step, step.arena);
    sample->products = true;
    snprintf(sample->note, sizeof sample->note, "%.1f %s per second", step.n / sample->seconds,
             step.pairs ? "pairs" : "images");
    result = 0;
out:
    contrastive_trainer_free(step.pairs);
    image_trainer_free(step.images);
    trainable_clip_free(step.clip);
    arena_free(step.arena);
    return result;
}

int bench_trainings(Bench *bench, Error *err) {
    int result = 0;
    for (size_t i = 0; result == 0 && !bench->linear && i < sizeof TRAININGS / sizeof *TRAININGS; i++) {
        Training training = TRAININGS[i];
        char label[64];
        snprintf(label, sizeof label,
                 training.finetuned ? "fine-tune step, %s, %d images" : "pretrain step, %s, %d pairs",
                 training.name, training.batch);
        result = bench_row(bench, label, measure_training, &training, err);
    }
    return result;
}
