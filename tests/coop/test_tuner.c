/* test_tuner.c: what each part is, gradients through both towers against central differences, and trainings
 * that are stopped and resumed. */
#include "coop/tuner.h"

#include "coop/train_state.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/train_support.h"
#include "tests/support/tree_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = 5, TEMPLATES = 2, N = 7, B = 3, EPOCHS = 3 };

typedef struct {
    Arena *arena;
    Pool *pool;
    TrainableClip *clip;
    PromptSet prompts;
    TunedTexts texts;
    Tuner *tuner;
    float *images, *logits, *gradient; /* (N, 3 S S), (B, K), (n_parameters) */
    int labels[N], n_steps;
} Bench;

static TunerConfig config_of(TunedPart part) {
    TunerConfig config = {.part = part, .seed = 3, .batch_size = B};
    if (part == TUNE_LOW_RANK) {
        config.image =
            (LowRankConfig){.rank = 2, .alpha = 1, .dropout = 0.25, .q = true, .v = true, .end = 2};
        config.text = (LowRankConfig){
            .rank = 2, .alpha = 1, .dropout = 0.25, .q = true, .k = true, .v = true, .first = 1, .end = 2};
    }
    return config;
}

static Bench open_bench(const TunerConfig *config, int threads) {
    Bench b = {.arena = arena_create(),
               .pool = pool_create(threads),
               .clip = train_clip_tiny((TinyClip){.layers = 2})};
    Error err = {0};
    const size_t S = (size_t)b.clip->image.image_size, E = (size_t)b.clip->embed_dim;
    Parameter *scale = parameters_find(&b.clip->parameters, "logit_scale");
    if (!scale)
        scale = parameters_add(&b.clip->parameters, 0, NULL, "logit_scale");
    *scale->value = 1.5f;
    b.prompts = prompts_random(PROMPTS_TEXTS, K * TEMPLATES, 3, b.arena);
    TokenTree *tree = ARENA_NEW(b.arena, TokenTree, 1);
    prompts_tree(tree, &b.prompts, b.arena);
    float *features = arena_floats(b.arena, K, E);
    fill_normal(features, K * E, 1, 7);
    b.texts = (TunedTexts){tree, TEMPLATES, features, K};
    b.tuner = tuner_create(b.clip, NULL, config, &b.texts, b.pool, &err);
    if (!b.tuner)
        fail_msg("%s", err.text);
    b.images = arena_floats(b.arena, N, 3 * S * S);
    fill_normal(b.images, N * 3 * S * S, 1, 5);
    for (int i = 0; i < N; i++)
        b.labels[i] = i % K;
    const Trainee *trainee = tuner_trainee(b.tuner);
    b.logits = arena_floats(b.arena, B, K);
    b.gradient = arena_floats(b.arena, trainee->n_parameters, 1);
    return b;
}

static void close_bench(Bench *b) {
    tuner_free(b->tuner);
    train_clip_free(b->clip);
    pool_free(b->pool);
    arena_free(b->arena);
}

static double loss(Bench *b) {
    int n_correct;
    const Trainee *trainee = tuner_trainee(b->tuner);
    return trainee->loss(trainee->model, b->images, b->labels, B, b->logits, trainee->gradient, &n_correct);
}

/* --- what is trained --- */

static void test_parts(void **state) {
    (void)state;
    static const struct {
        TunedPart part;
        const char *some[3], *none[3];
        bool image, text;
    } cases[] = {
        {TUNE_IMAGE_ENCODER,
         {"visual.conv1.weight", "visual.proj"},
         {"text_projection", "logit_scale"},
         true,
         false},
        {TUNE_ALL, {"visual.proj", "token_embedding.weight"}, {"logit_scale"}, true, true},
        {TUNE_IMAGE_PROJECTION, {"visual.proj"}, {"visual.conv1.weight", "text_projection"}, true, false},
        {TUNE_BIAS,
         {"visual.ln_pre.bias", "transformer.resblocks.0.attn.in_proj_bias",
          "visual.transformer.resblocks.1.mlp.c_fc.bias"},
         {"visual.ln_pre.weight", "transformer.resblocks.0.attn.in_proj_weight"},
         true,
         true},
        {TUNE_LAYER_NORM,
         {"visual.ln_pre.weight", "transformer.resblocks.0.ln_1.bias", "ln_final.weight"},
         {"transformer.resblocks.0.mlp.c_fc.bias", "visual.proj"},
         true,
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const TunerConfig config = config_of(cases[i].part);
        Bench b = open_bench(&config, 1);
        const Parameters *all = &b.clip->parameters;
        assert_int_equal(parameters_count(all, true), tuner_trainee(b.tuner)->n_parameters);
        for (int k = 0; k < 3 && cases[i].some[k]; k++)
            assert_non_null(parameters_find(all, "%s", cases[i].some[k])->gradient);
        for (int k = 0; k < 3 && cases[i].none[k]; k++)
            assert_null(parameters_find(all, "%s", cases[i].none[k])->gradient);
        assert_int_equal(tuner_trains_image(b.clip, &config), cases[i].image);
        assert_int_equal(tuner_trains_text(b.clip, &config), cases[i].text);
        close_bench(&b);
    }
}

/* --- gradients --- */

/* Along a random direction of the trained parameters, with the masks of a step. */
static void check_differences(TunedPart part) {
    const TunerConfig config = config_of(part);
    Bench b = open_bench(&config, 2);
    const Trainee *trainee = tuner_trainee(b.tuner);
    const size_t n = trainee->n_parameters;
    float *start = arena_floats(b.arena, n, 1), *direction = arena_floats(b.arena, n, 1);
    fill_normal(direction, n, 1, 9);
    for (size_t i = 0; part == TUNE_LOW_RANK && i < n; i++)
        trainee->parameters[i] += 0.1f * direction[n - 1 - i]; /* B is zero at the start */
    tuner_begin_step(b.tuner, 1);
    loss(&b);
    memcpy(b.gradient, trainee->gradient, n * sizeof *start);
    memcpy(start, trainee->parameters, n * sizeof *start);
    double square = 0, side[2];
    for (size_t i = 0; i < n; i++) /* along the gradient, and elsewhere too */
        direction[i] = b.gradient[i] + 0.1f * direction[i] * fabsf(b.gradient[i]);
    double slope = 0;
    for (size_t i = 0; i < n; i++) {
        slope += (double)direction[i] * (double)b.gradient[i];
        square += (double)direction[i] * (double)direction[i];
    }
    const double step = 2e-3 / sqrt(square);
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < n; i++)
            trainee->parameters[i] = start[i] + (float)(s ? step : -step) * direction[i];
        side[s] = loss(&b);
    }
    const double found = (side[1] - side[0]) / (2 * step);
    if (!(fabs(found - slope) <= 5e-3 * fabs(slope)) || !(slope > 0))
        fail_msg("part %d: %g where the gradient says %g", (int)part, found, slope);
    close_bench(&b);
}

static void test_differences(void **state) {
    (void)state;
    const TunedPart parts[] = {TUNE_IMAGE_ENCODER, TUNE_ALL,        TUNE_IMAGE_PROJECTION,
                               TUNE_BIAS,          TUNE_LAYER_NORM, TUNE_LOW_RANK};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        check_differences(parts[i]);
}

/* --- trainings --- */

static int load(void *context, float *images, const int *items, int size, int epoch, int step, Error *err) {
    Bench *b = context;
    (void)err;
    const size_t S = (size_t)b->clip->image.image_size, pixels = 3 * S * S;
    tuner_begin_step(b->tuner, (long)(epoch - 1) * b->n_steps + step);
    for (int i = 0; i < size; i++)
        for (size_t k = 0; k < pixels; k++) /* an image of its own in each epoch */
            images[(size_t)i * pixels + k] =
                b->images[(size_t)items[i] * pixels + (k + (size_t)epoch) % pixels];
    return 0;
}

static int stop(void *context, int epoch, int step, double lr, double value, const TrainState *state) {
    (void)epoch, (void)step, (void)lr, (void)value, (void)state;
    return --*(int *)context == 0;
}

/* Trained for so many steps; 0: to the end. */
static int train(Bench *b, TrainState *state, int n_steps) {
    Error err = {0};
    const OptimConfig optim = {.optimizer = OPTIMIZER_ADAMW,
                               .lr = 1e-2,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = 1e-8,
                               .max_epoch = EPOCHS,
                               .batch_size = B,
                               .shuffle = true,
                               .keep_last = true};
    const int S = b->clip->image.image_size;
    const TrainData data = {
        .load = load, .context = b, .labels = b->labels, .n = N, .n_views = 1, .embed_dim = 3 * S * S};
    const Trainee *trainee = tuner_trainee(b->tuner);
    b->n_steps = trainer_steps(&data, &optim);
    if (!state->optimizer.n)
        *state = trainer_begin(trainee, &optim, b->arena);
    const int result = trainer_run(trainee, &data, &optim, state, NULL, stop, &n_steps, &err);
    if (result < 0)
        fail_msg("%s", err.text);
    return result;
}

/* Stopped after any step and resumed by another tuner from the file: the bits of a run in one go, for any
 * number of threads. */
static void check_resume(const char *path, TunedPart part) {
    const TunerConfig config = config_of(part);
    Bench whole = open_bench(&config, 1);
    Error err = {0};
    TrainState end = {0};
    const Trainee *trainee = tuner_trainee(whole.tuner);
    assert_int_equal(train(&whole, &end, 0), 0);
    for (int steps = 1; steps <= EPOCHS * 3; steps += 4) {
        TrainState state = {0}, read = {0};
        Bench one = open_bench(&config, 2), two = open_bench(&config, 3);
        assert_int_equal(train(&one, &state, steps), 1);
        assert_int_equal(train_state_write(path, tuner_trainee(one.tuner), &state, "digest", &err), 0);
        read.optimizer = optimizer_adamw(trainee->n_parameters, 0.9, 0.999, 1e-8, 0, two.arena);
        assert_int_equal(train_state_read(path, tuner_trainee(two.tuner), &read, "digest", &err), 0);
        assert_int_equal(train(&two, &read, 0), 0);
        assert_memory_equal(tuner_trainee(two.tuner)->parameters, trainee->parameters,
                            trainee->n_parameters * sizeof(float));
        close_bench(&one);
        close_bench(&two);
    }
    close_bench(&whole);
}

static void test_resume(void **state) {
    char path[512];
    scratch_path(state, "state.safetensors", path, sizeof path);
    check_resume(path, TUNE_ALL);
    check_resume(path, TUNE_LOW_RANK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_differences),
        cmocka_unit_test_setup_teardown(test_resume, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
