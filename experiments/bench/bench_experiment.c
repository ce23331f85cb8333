/* bench_experiment.c: a whole experiment from photos on disk to a prompt file, and where its time goes.
 *
 * The same functions as in `coop run`: features_get, trainer_run, prompt_write; RN50 with random weights,
 * photos drawn before the clock starts, centre crops (augment.views 0, the default).
 */
#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "clip/checkpoint/model_config.h"
#include "clip/checkpoint/random_clip.h"
#include "clip/image/image_tower.h"
#include "clip/math/ops.h"
#include "coop/loaded_model.h"
#include "coop/train_state.h"
#include "coop/zeroshot.h"
#include "experiments/bench/bench_folder.h"
#include "experiments/bench/bench_loops.h"
#include "experiments/bench/bench_photo.h"
#include "experiments/config/config.h"
#include "experiments/terminal/interrupt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CONTEXTS = 16, PHOTO_BYTES = 64000 };

typedef struct {
    const char *label;
    int n_classes, shots, epochs, n_test;
} Shape;

static const Shape SHAPES[] = {{"small experiment", 10, 4, 5, 24}, {"whole experiment", 100, 16, 50, 2500}};

typedef struct {
    const Shape *shape;
    const char *folder, *cache, *merges; /* paths */
    const char **class_names;
    ItemList train, test;
    LoadedModel model;
    float *train_features, *test_features;              /* (n, E) */
    int *labels;                                        /* of the training images */
    double towers, images, training, evaluation, files; /* seconds; images: towers and decoding */
} Run;

/* --- what is there before --- */

static int write_photos(ItemList *list, const Run *run, const char *kind, int n, Arena *arena, Error *err) {
    *list = (ItemList){.items = ARENA_NEW(arena, Item, n), .n = n};
    for (int i = 0; i < n && !arena_failed(arena); i++) {
        const unsigned char *jpeg;
        size_t size;
        char *path = arena_printf(arena, "%s/%s_%d.jpg", run->folder, kind, i);
        size_t mark = arena_mark(arena);
        if (!path)
            break;
        if (interrupt_check(err) < 0 ||
            photo_draw(&jpeg, &size, i + (list == &run->test ? run->train.n : 0), arena, err) < 0 ||
            file_write(path, jpeg, size, err) < 0)
            return -1;
        arena_reset(arena, mark);
        list->items[i] = (Item){.path = path, .label = i % run->shape->n_classes};
    }
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* Names of two letters, every eighth of three, and a vocabulary in which each letter is a token. */
static int write_names(Run *run, Arena *arena, Error *err) {
    static const char merges[] = "#version: 0.2\nq q\n";
    run->class_names = ARENA_NEW(arena, const char *, run->shape->n_classes);
    run->merges = path_join(arena, run->folder, "merges.txt");
    run->cache = path_join(arena, run->folder, "cache");
    for (int k = 0; k < run->shape->n_classes && !arena_failed(arena); k++)
        run->class_names[k] =
            arena_printf(arena, "%c%c%s", 'a' + k / 26, 'a' + k % 26, k % 8 == 0 ? "z" : "");
    return arena_failed(arena) ? error_memory(err) : file_write(run->merges, merges, strlen(merges), err);
}

/* --- images --- */

static int timed_tower(void *context, const float *pixels, int n, float *features, Error *err) {
    Run *run = context;
    double start = clock_seconds();
    int result = image_tower_forward(run->model.clip, run->model.pool, pixels, n, features, err);
    run->towers += clock_seconds() - start;
    return result;
}

static int stop_encoding(void *context, long done, long total) {
    (void)context, (void)done, (void)total;
    return interrupt_signal();
}

static int encode_images(Run *run, Error *err) {
    FeatureSource source = loaded_model_source(&run->model);
    source.encode = timed_tower;
    source.context = run;
    source.model_digest = "random";
    double start = clock_seconds();
    FeatureCache *cache = features_open(run->cache, &source, run->model.pool, err);
    if (!cache)
        return -1;
    features_hold(cache, INFINITY);
    int result = -1;
    if (features_get(cache, run->train_features, NULL, &run->train, (FeatureView){0}, stop_encoding, NULL,
                     err) == 0 &&
        features_get(cache, run->test_features, NULL, &run->test, (FeatureView){0}, stop_encoding, NULL,
                     err) == 0) {
        double encoded = clock_seconds();
        run->images = encoded - start;
        result = features_save(cache, err);
        run->files += clock_seconds() - encoded;
    }
    features_close(cache);
    if (interrupt_signal())
        interrupt_check(err);
    return result;
}

/* --- training --- */

static int stop_training(void *context, int epoch, int step, double lr, double loss,
                         const TrainState *state) {
    (void)context, (void)epoch, (void)step, (void)lr, (void)loss, (void)state;
    return interrupt_signal();
}

static OptimConfig recipe(const Run *run) {
    return (OptimConfig){.lr = 0.002,
                         .momentum = 0.9,
                         .weight_decay = 5e-4,
                         .max_epoch = run->shape->epochs,
                         .batch_size = 32,
                         .warmup_epoch = 1,
                         .warmup_cons_lr = 1e-5,
                         .shuffle = true};
}

static int train(Run *run, PromptLearner *learner, TrainState *state, Error *err) {
    const OptimConfig optim = recipe(run);
    const TrainData data = {.features = run->train_features,
                            .labels = run->labels,
                            .n = run->train.n,
                            .n_views = 1,
                            .embed_dim = run->model.clip->embed_dim};
    int stopped = trainer_run(learner_trainee(learner), &data, &optim, state, NULL, stop_training, NULL, err);
    return stopped > 0 ? interrupt_check(err) : stopped;
}

static int write_results(const Run *run, PromptLearner *learner, const TrainState *state, const float *text,
                         Arena *arena, Error *err) {
    static const char digest[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const Clip *clip = run->model.clip;
    const Prompt prompt = {.n_classes = run->shape->n_classes,
                           .n_ctx = CONTEXTS,
                           .width = clip->text.width,
                           .embed_dim = clip->embed_dim,
                           .class_names = run->class_names,
                           .ctx = learner_ctx(learner),
                           .text_features = text,
                           .logit_scale = clip->logit_scale,
                           .backbone = clip->name,
                           .backbone_digest = digest,
                           .vocab_digest = tokenizer_digest(run->model.tokenizer),
                           .dataset = "bench",
                           .checkpoint = "random",
                           .image_size = clip->image_size,
                           .mean = CLIP_MEAN,
                           .std = CLIP_STD};
    const char *state_path = path_join(arena, run->cache, "state.safetensors");
    const char *prompt_path = path_join(arena, run->cache, PROMPT_FILE);
    if (arena_failed(arena))
        return error_memory(err);
    if (train_state_write(state_path, learner_trainee(learner), state, "bench", err) < 0)
        return -1;
    return prompt_write(prompt_path, &prompt, err);
}

static int learn(Run *run, PromptLearner *learner, Arena *arena, Error *err) {
    const int K = run->shape->n_classes, E = run->model.clip->embed_dim, n = run->test.n;
    const OptimConfig optim = recipe(run);
    TrainState state = trainer_begin(learner_trainee(learner), &optim, arena);
    float *text = arena_floats(arena, (size_t)K, (size_t)E),
          *logits = arena_floats(arena, (size_t)n, (size_t)K);
    if (arena_failed(arena))
        return error_memory(err);
    unit_rows_forward(run->train_features, NULL, run->train_features, run->train.n, E);
    unit_rows_forward(run->test_features, NULL, run->test_features, n, E);
    double start = clock_seconds();
    if (train(run, learner, &state, err) < 0)
        return -1;
    double trained = clock_seconds();
    learner_text_features(learner, text);
    cosine_logits(run->model.pool, logits, run->test_features, text, n, K, E, run->model.clip->logit_scale);
    double evaluated = clock_seconds();
    run->training = trained - start;
    run->evaluation = evaluated - trained;
    int result = write_results(run, learner, &state, text, arena, err);
    run->files += clock_seconds() - evaluated;
    return result;
}

/* --- the row --- */

static int run_experiment(Run *run, Sample *sample, Arena *arena, Error *err) {
    const LearnerConfig config = {.n_ctx = CONTEXTS, .ctx_init = "", .seed = 1};
    LoadedModel *model = &run->model;
    size_t E = (size_t)model->clip->embed_dim;
    double step_flops, start = clock_seconds();
    run->train_features = arena_floats(arena, (size_t)run->train.n, E);
    run->test_features = arena_floats(arena, (size_t)run->test.n, E);
    run->labels = ARENA_NEW(arena, int, run->train.n);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < run->train.n; i++)
        run->labels[i] = run->train.items[i].label;
    PromptLearner *learner =
        learner_create(model->clip, model->tokenizer, model->pool, run->class_names, run->shape->n_classes,
                       &config, experiment_memory_budget(&(Experiment){0}), err);
    int result = learner && encode_images(run, err) == 0 ? learn(run, learner, arena, err) : -1;
    learner_free(learner);
    sample->seconds = clock_seconds() - start;
    if (result == 0)
        result = learner_step_flops(&step_flops, model->clip, model->tokenizer, run->class_names,
                                    run->shape->n_classes, &config, err);
    if (result == 0)
        sample->flops = step_flops * run->shape->epochs * (run->train.n / 32) +
                        image_tower_flops(model->clip) * (run->train.n + run->test.n);
    return result;
}

static int measure_experiment(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    Run run = *(const Run *)context;
    int result = -1;
    Arena *arena = arena_create();
    run.model.pool = pool;
    run.model.clip = clip_random(architecture_find("RN50"), CLIP_BOTH, bench->precision, 1, err);
    if (run.model.clip)
        run.model.tokenizer = tokenizer_open(run.merges, -1, err);
    if (arena && run.model.tokenizer)
        result = run_experiment(&run, sample, arena, err);
    snprintf(
        sample->note, sizeof sample->note,
        "decoding %.1f s, towers %.1f, training %.1f, evaluation %.2f, files %.2f; %d + %d images, %d steps",
        run.images - run.towers, run.towers, run.training, run.evaluation, run.files, run.train.n, run.test.n,
        run.shape->epochs * (run.train.n / 32));
    tokenizer_free(run.model.tokenizer);
    clip_free(run.model.clip);
    arena_free(arena);
    bench_folder_remove(run.cache);
    return result;
}

static int bench_experiment(Bench *bench, const Shape *shape, Error *err) {
    char folder[BENCH_PATH];
    Run run = {.shape = shape, .folder = folder};
    int n_train = shape->n_classes * shape->shots;
    if (!bench_folder_room(2.0 * PHOTO_BYTES * (n_train + shape->n_test)))
        return error_run(err, "%s: no room for %d photos", shape->label, n_train + shape->n_test);
    if (bench_folder_make(folder, err) < 0)
        return -1;
    Arena *arena = arena_create();
    int result = arena ? 0 : error_memory(err);
    if (result == 0 && (write_names(&run, arena, err) < 0 ||
                        write_photos(&run.train, &run, "train", n_train, arena, err) < 0 ||
                        write_photos(&run.test, &run, "test", shape->n_test, arena, err) < 0))
        result = -1;
    if (result == 0)
        result = bench_row(bench, shape->label, measure_experiment, &run, err);
    arena_free(arena);
    bench_folder_remove(folder);
    return result;
}

int bench_experiments(Bench *bench, Error *err) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof SHAPES / sizeof *SHAPES; i++)
        if (!bench->linear && bench_asked(bench, SHAPES[i].label))
            result = bench_experiment(bench, &SHAPES[i], err);
    return result;
}
