/* prompts_support.c: see prompts_support.h. */
#include "tests/support/prompts_support.h"

#include "clip/math/ops.h"
#include "coop/zeroshot.h"
#include "datasets/lists/dataset_open.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int prompts_setup(void **state) {
    Error err = {0};
    Arena *arena = arena_create();
    PromptsBench *b = ARENA_NEW(arena, PromptsBench, 1);
    b->arena = arena;
    b->pool = pool_create(2);
    b->clip = clip_open(FIXTURES "clip_vit.safetensors", CLIP_TEXT, &err);
    b->tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", b->clip ? b->clip->n_vocab - 514 : -1, &err);
    DatasetSpec spec = {
        .format = "split", .images = FIXTURES "images", .split = FIXTURES "split_zhou_Golden.json"};
    if (!b->clip || !b->tokenizer || dataset_open(&b->dataset, &spec, arena, &err) < 0 ||
        clip_prepare_training(b->clip, &err) < 0)
        fail_msg("%s", err.text);
    b->fixture = fixture_open(FIXTURES "learners/prompts.safetensors");
    TensorFile *golden = fixture_open(FIXTURES "golden_vit.safetensors");
    const int E = b->clip->embed_dim;
    b->train = arena_floats(arena, PROMPTS_IMAGES, (size_t)E);
    b->test = arena_floats(arena, PROMPTS_IMAGES, (size_t)E);
    unit_rows_forward(b->train, NULL, fixture_floats(golden, "train_features", arena, NULL), PROMPTS_IMAGES,
                      E);
    unit_rows_forward(b->test, NULL, fixture_floats(golden, "test_features", arena, NULL), PROMPTS_IMAGES, E);
    tensors_close(golden);
    b->labels = ARENA_NEW(arena, int, PROMPTS_IMAGES);
    for (int i = 0; i < PROMPTS_IMAGES; i++)
        b->labels[i] = b->dataset.train.items[i].label;
    *state = b;
    return 0;
}

int prompts_teardown(void **state) {
    PromptsBench *b = *state;
    tensors_close(b->fixture);
    tokenizer_free(b->tokenizer);
    clip_free(b->clip);
    pool_free(b->pool);
    arena_free(b->arena);
    return 0;
}

const float *prompts_expected(PromptsBench *bench, const char *of, const char *what, size_t *n) {
    return fixture_floats(bench->fixture, arena_printf(bench->arena, "%s.%s", of, what), bench->arena, n);
}

void prompts_copy(PromptsBench *bench, const char *of, const char *what, float *out, size_t n) {
    size_t found;
    const float *values = prompts_expected(bench, of, what, &found);
    assert_int_equal(found, n);
    memcpy(out, values, n * sizeof *out);
}

PromptLearner *prompts_learner(PromptsBench *bench, const LearnerConfig *config) {
    Error err = {0};
    PromptLearner *learner = learner_create(bench->clip, bench->tokenizer, bench->pool,
                                            bench->dataset.class_names, PROMPTS_CLASSES, config, 0, &err);
    if (!learner)
        fail_msg("%s", err.text);
    return learner;
}

float *prompts_texts(PromptsBench *bench, const char *template) {
    Error err = {0};
    float *texts = arena_floats(bench->arena, PROMPTS_CLASSES, (size_t)bench->clip->embed_dim);
    if (zeroshot_features(texts, bench->clip, bench->tokenizer, bench->pool, &template, 1,
                          bench->dataset.class_names, PROMPTS_CLASSES, &err) < 0)
        fail_msg("%s", err.text);
    return texts;
}

typedef struct {
    double loss[PROMPTS_STEPS];
    int n;
} Losses;

static int record_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    (void)epoch, (void)step, (void)lr, (void)state;
    Losses *losses = context;
    losses->loss[losses->n++] = loss;
    return 0;
}

OptimConfig prompts_optim(int batch) {
    return (OptimConfig){.lr = 0.02,
                         .momentum = 0.9,
                         .weight_decay = 5e-4,
                         .max_epoch = 4,
                         .batch_size = batch,
                         .warmup_epoch = 1,
                         .warmup_cons_lr = 1e-5};
}

void prompts_train(PromptsBench *bench, const char *of, const Trainee *trainee, int batch,
                   OptimConfig optim) {
    Error err = {0};
    Losses losses = {.n = 0};
    TrainData data = {.features = bench->train,
                      .labels = bench->labels,
                      .n = 5 * batch,
                      .n_views = 1,
                      .embed_dim = bench->clip->embed_dim};
    TrainState state = trainer_begin(trainee, &optim, bench->arena);
    assert_int_equal(trainer_run(trainee, &data, &optim, &state, NULL, record_step, &losses, &err), 0);
    assert_int_equal(losses.n, PROMPTS_STEPS);
    const float *expected = prompts_expected(bench, of, "loss", NULL);
    for (int i = 0; i < PROMPTS_STEPS; i++)
        if (!(fabs(losses.loss[i] - (double)expected[i]) <= 1e-4 * (double)expected[i]))
            fail_msg("%s: step %d: loss %.7f, not %.7f", of, i + 1, losses.loss[i], (double)expected[i]);
}

void prompts_check_logits(PromptsBench *bench, const char *of, const char *what, const float *logits,
                          double tolerance) {
    assert_close(of, logits, prompts_expected(bench, of, what, NULL), PROMPTS_IMAGES * PROMPTS_CLASSES,
                 tolerance);
}

static double loss_of(PromptsBench *bench, const Trainee *trainee, int batch, float *gradient) {
    float *logits = arena_floats(bench->arena, (size_t)batch, PROMPTS_CLASSES);
    return trainee->loss(trainee->model, bench->train, bench->labels, batch, logits, gradient, NULL);
}

void prompts_check_gradient(PromptsBench *bench, const Trainee *trainee, int batch, size_t from, size_t to) {
    const size_t n = trainee->n_parameters;
    float *x = trainee->parameters, *gradient = arena_floats(bench->arena, n, 1),
          *start = arena_floats(bench->arena, n, 1);
    memcpy(start, x, n * sizeof *x);
    loss_of(bench, trainee, batch, gradient);
    double square = 0;
    for (size_t i = from; i < to; i++)
        square += (double)gradient[i] * (double)gradient[i];
    const double root = sqrt((double)(to - from)), scale = sqrt(square) * root;
    for (int direction = 0; direction < 3; direction++) {
        static const int steps[] = {-2, -1, 1, 2};
        /* Along itself a gradient is steep; waves want a step beyond rounding. */
        const double step = (direction == 0 ? 5e-3 : 2e-2) / root;
        double along = 0, at[4];
        for (int j = 0; j < 4; j++) {
            along = 0;
            for (size_t i = from; i < to; i++) {
                const double wave = direction == 0 ? (double)gradient[i] * root / sqrt(square)
                                                   : sin(0.4 + direction * 1.3 * (double)(i - from));
                x[i] = (float)((double)start[i] + steps[j] * step * wave);
                along += (double)gradient[i] * wave;
            }
            at[j] = loss_of(bench, trainee, batch, NULL);
            memcpy(x, start, n * sizeof *x);
        }
        const double slope = (8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * step); /* off by step^4 */
        if (!(fabs(slope - along) <= 4e-3 * scale))
            fail_msg("direction %d of [%zu, %zu): %.8g by differences, %.8g by the gradient, of %.8g",
                     direction, from, to, slope, along, scale);
    }
}
