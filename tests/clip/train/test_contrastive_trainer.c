/* Steps of training: against PyTorch with OpenCLIP's model, loss and AdamW (tests/fixtures/train/make.py),
 * and against themselves with other batches, threads, budgets and towers.
 */
#include "clip/train/contrastive_trainer.h"

#include "clip/base/text_ends.h"
#include "clip/train/parameter_optimizer.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER FIXTURES "train/"

/* --- the formulas of make.py --- */

static uint32_t mix(uint64_t x) {
    x = x * 2654435761u & 0xffffffffu;
    x ^= x >> 15;
    x = x * 2246822519u & 0xffffffffu;
    return (uint32_t)(x ^ x >> 13);
}

static double scale_of(const Parameter *p) {
    const bool by_columns = p->n_dims == 4 || ends_with(p->name, "weight");
    const double fan_in = (double)(by_columns ? p->count / (size_t)p->shape[0] : (size_t)p->shape[0]);
    return strstr(p->name, "embedding") ? 0.3 : 1.2 / sqrt(fan_in);
}

static void fill(Parameters *parameters) {
    for (int k = 0; k < parameters->n; k++) {
        Parameter *p = &parameters->items[k];
        const bool positive =
            ends_with(p->name, "running_var") || (p->n_dims == 1 && ends_with(p->name, ".weight"));
        for (size_t i = 0; p->n_dims > 0 && i < p->count; i++) {
            const double wave = sin(k + 0.37 * (double)i + 0.011 * (double)i * (double)i);
            p->value[i] = (float)(positive ? 1 + 0.3 * wave : (p->n_dims == 1 ? 0.1 : scale_of(p)) * wave);
        }
    }
}

/* Batch `number` of n pairs; captions lie in tokens (n, T). */
static PairBatch batch_of(const TrainableClip *clip, int number, int n, Arena *arena) {
    const size_t S = (size_t)clip->image.image_size, size = S * S * 3;
    const int T = clip->text.n_positions, V = clip->text.n_vocab;
    unsigned char *images = arena_alloc(arena, (size_t)n, size);
    int *tokens = ARENA_NEW(arena, int, n *T), *lengths = ARENA_NEW(arena, int, n);
    const int **captions = ARENA_NEW(arena, const int *, n);
    for (size_t i = 0; i < (size_t)n * size; i++)
        images[i] = (unsigned char)(mix((uint64_t)number * (uint64_t)n * size + i) >> 11);
    for (int j = 0; j < n; j++) {
        const uint64_t at = 1000003 + (uint64_t)(number * n + j) * (uint64_t)T;
        int *caption = tokens + j * T;
        captions[j] = caption;
        lengths[j] = 3 + (int)(mix(at) % (uint32_t)(T - 2));
        caption[0] = V - 2;
        for (int t = 1; t < lengths[j] - 1; t++)
            caption[t] = (int)(mix(at + (uint64_t)t) % (uint32_t)(t == 1 ? 3 : V - 2));
        caption[lengths[j] - 1] = V - 1;
    }
    return (PairBatch){n, images, captions, lengths};
}

/* --- running --- */

static TrainableClip *model_of(const char *config) {
    Error err = {0};
    TrainableClip *clip = trainable_clip_create(config, 1, PRECISION_FLOAT32, &err);
    if (!clip)
        fail_msg("%s", err.text);
    fill(&clip->parameters);
    return clip;
}

static ContrastiveTrainer *trainer_of(TrainableClip *clip, Pool *pool, int batch_size, int accum_freq,
                                      size_t memory_budget) {
    Error err = {0};
    ContrastiveTrainer *trainer = contrastive_trainer_create(
        clip, pool, (ContrastiveOptions){batch_size, accum_freq, memory_budget}, &err);
    if (!trainer)
        fail_msg("%s", err.text);
    return trainer;
}

static double gradients_of(ContrastiveTrainer *trainer, const PairBatch *batches, int n) {
    Error err = {0};
    double loss;
    if (contrastive_trainer_gradients(trainer, &loss, batches, n, &err) < 0)
        fail_msg("%s", err.text);
    return loss;
}

/* Keys' biases shift all scores of a query alike: their gradient is zero, and AdamW follows its rounding. */
static bool is_key_bias(const Parameter *p, size_t i) {
    const size_t C = p->count / 3;
    return ends_with(p->name, "k_proj.bias") || (ends_with(p->name, "in_proj_bias") && i >= C && i < 2 * C);
}

/* How far the numbers of a parameter went, against the fixture; false if it is not there. */
static bool check_way(const TensorFile *file, const char *name, const Parameter *p, const Parameter *before,
                      Arena *arena) {
    const size_t mark = arena_mark(arena);
    const char *key = arena_printf(arena, "%s.%s", name, p->name);
    size_t count, n = 0;
    if (!tensors_find(file, key) || ends_with(key, "num_batches_tracked"))
        return false;
    const float *way = fixture_floats(file, key, arena, &count);
    float *got = arena_floats(arena, p->count, 1), *want = arena_floats(arena, p->count, 1);
    assert_int_equal(count, p->count);
    for (size_t i = 0; i < count; i++)
        if (!is_key_bias(p, i)) {
            got[n] = p->value[i] - before->value[i];
            want[n++] = way[i];
        }
    if (n)
        assert_close(key, got, want, n, 5e-3);
    arena_reset(arena, mark);
    return true;
}

static void check_steps(const char *name, const char *config, int batch_size, int accum_freq, double lr) {
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    TrainableClip *clip = model_of(config), *before = model_of(config);
    TensorFile *file = fixture_open(FOLDER "steps.safetensors");
    size_t n_steps;
    const float *losses = fixture_floats(file, arena_printf(arena, "%s.losses", name), arena, &n_steps);
    parameters_train(&clip->parameters, NULL, NULL);
    ContrastiveTrainer *trainer = trainer_of(clip, pool, batch_size, accum_freq, 0);
    ParameterOptimizer optimizer = parameter_optimizer(
        &clip->parameters, NULL,
        (StepOptions){.kind = STEP_ADAMW, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-6, .weight_decay = 0.2});
    for (int step = 0; step < (int)n_steps; step++) {
        PairBatch batches[4];
        for (int i = 0; i < accum_freq; i++)
            batches[i] = batch_of(clip, step * accum_freq + i, batch_size, arena);
        const double loss = gradients_of(trainer, batches, accum_freq);
        if (!(fabs(loss - losses[step]) < 1e-4))
            fail_msg("%s: step %d: loss %.7f where %.7f is right", name, step, loss, (double)losses[step]);
        parameter_optimizer_step(&optimizer, NULL, lr, pool);
        contrastive_clamp_scale(clip);
    }
    int n_checked = 0;
    for (int i = 0; i < clip->parameters.n; i++)
        n_checked += check_way(file, name, &clip->parameters.items[i], &before->parameters.items[i], arena);
    assert_true(n_checked >= 5);
    contrastive_trainer_free(trainer);
    trainable_clip_free(clip);
    trainable_clip_free(before);
    tensors_close(file);
    pool_free(pool);
    arena_free(arena);
}

static void test_vit(void **state) {
    (void)state;
    check_steps("vit", FOLDER "vit.json", 8, 1, 1e-3);
}

static void test_accum(void **state) {
    (void)state;
    check_steps("accum", FOLDER "vit.json", 3, 4, 1e-3);
}

static void test_resnet(void **state) {
    (void)state;
    check_steps("rn", FOLDER "rn.json", 8, 1, 1e-4);
}

/* --- against itself --- */

/* All gradients of a model, one after the other; owned by the arena. */
static const float *all_gradients(const TrainableClip *clip, Arena *arena, size_t *n) {
    float *out = arena_floats(arena, parameters_count(&clip->parameters, true), 1);
    *n = 0;
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *p = &clip->parameters.items[i];
        if (p->gradient)
            memcpy(out + *n, p->gradient, p->count * sizeof *out);
        *n += p->gradient ? p->count : 0;
    }
    return out;
}

static const float *gradients_with(int threads, int n, int parts, size_t budget, double *loss, Arena *arena,
                                   size_t *count) {
    Pool *pool = pool_create(threads);
    TrainableClip *clip = model_of(FOLDER "vit.json");
    PairBatch batches[4], whole = batch_of(clip, 3, n, arena);
    const size_t size = (size_t)clip->image.image_size * (size_t)clip->image.image_size * 3;
    parameters_train(&clip->parameters, NULL, NULL);
    for (int i = 0; i < parts; i++) {
        const int first = n / parts * i;
        batches[i] = (PairBatch){n / parts, whole.images + (size_t)first * size, whole.captions + first,
                                 whole.lengths + first};
    }
    ContrastiveTrainer *trainer = trainer_of(clip, pool, n / parts, parts, budget);
    *loss = gradients_of(trainer, batches, parts);
    const float *out = all_gradients(clip, arena, count);
    contrastive_trainer_free(trainer);
    trainable_clip_free(clip);
    pool_free(pool);
    return out;
}

/* The gradient of a large batch is that of its parts (and of logit_scale once); threads and memory change no
 * bit. */
static void test_parts(void **state) {
    (void)state;
    Arena *arena = arena_create();
    double loss[4];
    size_t n;
    const float *whole = gradients_with(1, 12, 1, 0, &loss[0], arena, &n);
    const float *parts = gradients_with(1, 12, 4, 0, &loss[1], arena, &n);
    const float *threads = gradients_with(3, 12, 4, 0, &loss[2], arena, &n);
    const float *budget = gradients_with(1, 12, 4, 400 << 10, &loss[3], arena, &n);
    assert_true(fabs(loss[0] - loss[1]) < 1e-6 && loss[1] == loss[2] && loss[1] == loss[3]);
    assert_close("parts", parts, whole, n, 1e-5);
    assert_memory_equal(threads, parts, n * sizeof *parts);
    assert_memory_equal(budget, parts, n * sizeof *parts);
    arena_free(arena);
}

static bool of_text(const Parameter *p, void *context) {
    (void)context;
    return strncmp(p->name, "visual.", 7) != 0;
}

/* A locked tower gets no gradient; the other gets the same as before. */
static void test_lock(void **state) {
    (void)state;
    Arena *arena = arena_create();
    TrainableClip *all = model_of(FOLDER "vit.json"), *text = model_of(FOLDER "vit.json");
    parameters_train(&all->parameters, NULL, NULL);
    parameters_train(&text->parameters, of_text, NULL);
    ContrastiveTrainer *trainers[] = {trainer_of(all, NULL, 4, 2, 0), trainer_of(text, NULL, 4, 2, 0)};
    const PairBatch batches[] = {batch_of(all, 0, 4, arena), batch_of(all, 1, 3, arena)};
    assert_true(gradients_of(trainers[0], batches, 2) == gradients_of(trainers[1], batches, 2));
    for (int i = 0; i < all->parameters.n; i++) {
        const Parameter *a = &all->parameters.items[i], *b = &text->parameters.items[i];
        assert_true(a->gradient && !b->gradient == !of_text(b, NULL));
        if (b->gradient)
            assert_memory_equal(a->gradient, b->gradient, a->count * sizeof *a->gradient);
    }
    contrastive_trainer_free(trainers[0]);
    contrastive_trainer_free(trainers[1]);
    trainable_clip_free(all);
    trainable_clip_free(text);
    arena_free(arena);
}

/* Features for evaluation do not depend on the batch. */
static void test_features(void **state) {
    (void)state;
    enum { N = 7 };
    Arena *arena = arena_create();
    Error err = {0};
    TrainableClip *clip = model_of(FOLDER "vit.json");
    const size_t E = (size_t)clip->embed_dim;
    ContrastiveTrainer *small = trainer_of(clip, NULL, 3, 1, 0), *large = trainer_of(clip, NULL, 20, 1, 0);
    const PairBatch batch = batch_of(clip, 5, N, arena);
    float *a = arena_floats(arena, N, E), *b = arena_floats(arena, N, E);
    assert_int_equal(contrastive_trainer_images(small, a, batch.images, N, &err), 0);
    assert_int_equal(contrastive_trainer_images(large, b, batch.images, N, &err), 0);
    assert_close("images", a, b, N * E, 1e-6);
    assert_int_equal(contrastive_trainer_texts(small, a, batch.captions, batch.lengths, N, &err), 0);
    assert_int_equal(contrastive_trainer_texts(large, b, batch.captions, batch.lengths, N, &err), 0);
    assert_close("texts", a, b, N * E, 1e-6);
    contrastive_trainer_free(small);
    contrastive_trainer_free(large);
    trainable_clip_free(clip);
    arena_free(arena);
}

/* --- what goes wrong --- */

static void test_not_finite(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Error err = {0};
    double loss;
    TrainableClip *clip = model_of(FOLDER "vit.json");
    const PairBatch batch = batch_of(clip, 0, 4, arena);
    parameters_train(&clip->parameters, NULL, NULL);
    ContrastiveTrainer *trainer = trainer_of(clip, NULL, 4, 1, 0);
    Parameter *bias = parameters_find(&clip->parameters, "visual.ln_post.bias");
    bias->value[3] = INFINITY;
    assert_int_equal(contrastive_trainer_gradients(trainer, &loss, &batch, 1, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_non_null(strstr(err.text, "the loss is"));
    contrastive_trainer_free(trainer);
    trainable_clip_free(clip);
    arena_free(arena);
}

static atomic_int asked;

static int stop_at_third(void *context, Error *err) {
    (void)context;
    if (atomic_fetch_add(&asked, 1) < 2)
        return 0;
    *err = (Error){.kind = ERROR_SIGNAL};
    return -1;
}

static void test_stop(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    Error err = {0};
    double loss;
    TrainableClip *clip = model_of(FOLDER "vit.json");
    parameters_train(&clip->parameters, NULL, NULL);
    ContrastiveTrainer *trainer = trainer_of(clip, pool, 4, 2, 0);
    const PairBatch batches[] = {batch_of(clip, 0, 4, arena), batch_of(clip, 1, 4, arena)};
    pool_set_stop(pool, stop_at_third, NULL);
    assert_int_equal(contrastive_trainer_gradients(trainer, &loss, batches, 2, &err), -1);
    assert_int_equal(err.kind, ERROR_SIGNAL);
    assert_int_equal(atomic_load(&asked), 3);
    contrastive_trainer_free(trainer);
    trainable_clip_free(clip);
    pool_free(pool);
    arena_free(arena);
}

static void test_budget(void **state) {
    (void)state;
    Error err = {0};
    TrainableClip *clip = model_of(FOLDER "vit.json");
    parameters_train(&clip->parameters, NULL, NULL);
    assert_null(contrastive_trainer_create(clip, NULL, (ContrastiveOptions){64, 1, 1000}, &err));
    assert_non_null(strstr(err.text, "memory_budget"));
    trainable_clip_free(clip);
}

static void test_clamp(void **state) {
    (void)state;
    TrainableClip *clip = model_of(FOLDER "vit.json");
    float *s = parameters_find(&clip->parameters, "logit_scale")->value;
    const float values[][2] = {{-1, 0}, {0, 0}, {3, 3}, {5, 4.605170185988092f}};
    for (int i = 0; i < 4; i++) {
        *s = values[i][0];
        contrastive_clamp_scale(clip);
        assert_true(*s == values[i][1]);
    }
    trainable_clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vit),        cmocka_unit_test(test_accum), cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_lock),  cmocka_unit_test(test_features),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_stop),  cmocka_unit_test(test_budget),
        cmocka_unit_test(test_clamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
