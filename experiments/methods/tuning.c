/* tuning.c: see tuning.h. */
#include "experiments/methods/tuning.h"

#include "clip/base/files.h"
#include "clip/image/image_tower.h"
#include "clip/tensors/tensors_open.h"
#include "clip/text/text_encoder.h"
#include "coop/image_crops.h"
#include "coop/zeroshot.h"
#include "experiments/methods/learned.h"
#include "experiments/session/tuned_logits.h"

#include <stdio.h>

/* --- before the run --- */

/* The towers that are trained, as the frozen model tells it: a ResNet has layer norms in its text tower
 * alone. */
static void towers_of(const Clip *clip, const TunerConfig *config, bool *image, bool *text) {
    const TunedPart part = config->part;
    const bool low_rank = part == TUNE_LOW_RANK;
    *image = low_rank ? config->image.rank > 0
                      : part != TUNE_TEXT_ENCODER &&
                            !(part == TUNE_LAYER_NORM && clip->image == IMAGE_TOWER_RESNET);
    *text = low_rank ? config->text.rank > 0
                     : part == TUNE_TEXT_ENCODER || part == TUNE_ALL || part == TUNE_BIAS ||
                           part == TUNE_LAYER_NORM;
}

int tuning_flops(double *flops, Session *session, const Point *point, const TunerConfig *config,
                 const OptimConfig *optim, Error *err) {
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    const TextList *templates = &point->options->templates;
    bool image, text;
    ItemList train, val;
    TokenTree tree;
    Arena *arena = arena_create();
    int status = arena ? session_lists(session, &train, &val, point->num_shots, point->seed, arena, err)
                       : error_memory(err);
    towers_of(clip, config, &image, &text);
    if (status == 0)
        status =
            zeroshot_tree(&tree, clip, session->model.tokenizer, templates->values, templates->n,
                          dataset->class_names, dataset->n_classes, config->text.dropout > 0, arena, err);
    if (status == 0) {
        const TrainData data = {.n = train.n};
        const double batch = train.n < optim->batch_size ? train.n : optim->batch_size;
        *flops = batch * image_tower_flops(clip) * (image ? 3 : 1);
        if (text)
            *flops += 3 * text_encoder_flops(&clip->text, &tree, false);
        *flops *= (double)trainer_total_steps(&data, optim);
    }
    arena_free(arena);
    return status;
}

/* --- the run --- */

typedef struct {
    Session *session;
    const Point *point;
    TunerConfig config;
    TrainableClip *clip;
    Tuner *tuner;
    ImageCrops crops;
    int n_steps; /* per epoch */
} Tuning;

static int load(void *context, float *images, const int *items, int B, int epoch, int step, Error *err) {
    Tuning *t = context;
    tuner_begin_step(t->tuner, (long)(epoch - 1) * t->n_steps + step);
    return image_crops_load(&t->crops, images, items, B, epoch, err);
}

static void prepare(void *context, const int *items, int B, int epoch) {
    Tuning *t = context;
    image_crops_prepare(&t->crops, items, B, epoch);
}

/* The texts of the classes: as prompts, or as features where these stay. Where dropout draws a mask for each
 * row, prompts share none, as they do not in the reference. */
static int open_texts(const Tuning *t, TunedTexts *texts, Arena *arena, Error *err) {
    const Session *session = t->session;
    const Dataset *dataset = &session->dataset;
    const TextList *templates = &t->point->options->templates;
    *texts = (TunedTexts){.n_templates = templates->n, .n_classes = dataset->n_classes};
    if (!tuner_trains_text(t->clip, &t->config)) {
        texts->features = session_texts(session, templates, arena, err);
        return texts->features ? 0 : -1;
    }
    TokenTree *tree = ARENA_NEW(arena, TokenTree, 1);
    if (!tree)
        return error_memory(err);
    texts->tree = tree;
    return zeroshot_tree(tree, session->model.clip, session->model.tokenizer, templates->values, templates->n,
                         dataset->class_names, dataset->n_classes, t->config.text.dropout > 0, arena, err);
}

static int open_tuner(Tuning *t, Arena *arena, Error *err) {
    const Experiment *experiment = t->session->experiment;
    LoadedModel *model = &t->session->model;
    TunedTexts texts;
    t->clip = trainable_clip_open(experiment_weights(experiment), experiment->model.activation,
                                  experiment->model.heads, model->clip->precision, model->pool, err);
    if (!t->clip || open_texts(t, &texts, arena, err) < 0)
        return -1;
    t->config.seed = (uint32_t)t->point->seed;
    t->config.memory_budget = experiment_memory_budget(experiment);
    t->tuner = tuner_create(t->clip, model->clip, &t->config, &texts, model->pool, err);
    return t->tuner ? 0 : -1;
}

static const char *file_of(bool is_low_rank, const char *folder, Arena *arena) {
    return path_join(arena, folder, is_low_rank ? TUNED_LOW_RANK_FILE : TUNED_WEIGHTS_FILE);
}

static int write_tuned(const Tuning *t, const char *path, Arena *arena, Error *err) {
    Session *session = t->session;
    const Dataset *dataset = &session->dataset;
    const TextList *templates = &t->point->options->templates;
    const size_t K = (size_t)dataset->n_classes, E = (size_t)session->model.clip->embed_dim;
    float *text = arena_floats(arena, K, E);
    Tuned tuned = {.templates = templates->values, .n_templates = templates->n};
    if (!text)
        return error_memory(err);
    if (tuner_texts(t->tuner, text, err) < 0 ||
        learned_head(&tuned.head, session, t->point, text, NULL, NULL, arena, err) < 0)
        return -1;
    return tuned_write(path, &tuned, t->clip, &t->config, t->tuner, err);
}

static int train(Tuning *t, const OptimConfig *optim, const char *folder, Result *result, Progress *progress,
                 Arena *arena, Error *err) {
    Session *session = t->session;
    ItemList items, val;
    Point point = *t->point;
    point.optim = *optim;
    if (session_lists(session, &items, &val, point.num_shots, point.seed, arena, err) < 0)
        return -1;
    t->crops.items = &items;
    TrainData data = {.load = load,
                      .prepare = prepare,
                      .context = t,
                      .labels = list_labels(&items, arena),
                      .n = items.n,
                      .n_views = 1,
                      .embed_dim = image_crops_size(&t->crops)};
    char detail[64];
    snprintf(detail, sizeof detail, "%zu parameters", tuner_trainee(t->tuner)->n_parameters);
    if (!data.labels)
        return error_memory(err);
    t->n_steps = trainer_steps(&data, optim);
    return training_run(session, &point, folder, tuner_trainee(t->tuner), &data, detail, result, progress,
                        arena, err);
}

static int learn(Tuning *t, const OptimConfig *optim, const char *folder, const char *path, Result *result,
                 Progress *progress, Arena *arena, Error *err) {
    int status = -1;
    if (open_tuner(t, arena, err) == 0 && train(t, optim, folder, result, progress, arena, err) == 0)
        status = write_tuned(t, path, arena, err);
    image_crops_close(&t->crops);
    tuner_free(t->tuner);
    trainable_clip_free(t->clip);
    return status;
}

/* val (n_val, K) may be NULL. */
static int logits_of_file(float *logits, float *val, const char *path, const Session *session,
                          const TextList *templates, Progress *progress, Arena *arena, Error *err) {
    Tuned tuned;
    TensorFile *file = tensors_open(path, err);
    int status = file ? tuned_read(&tuned, file, arena, err) : -1;
    if (status == 0)
        status = tuned_logits(logits, val, &tuned, file, session, templates, progress, arena, err);
    tensors_close(file);
    return status;
}

int tuning_run(Session *session, const Point *point, TunerConfig config, const OptimConfig *optim,
               bool random_crops, const char *folder, float *logits, Result *result, Progress *progress,
               Arena *arena, Error *err) {
    const char *path = file_of(config.part == TUNE_LOW_RANK, folder, arena);
    config.batch_size = optim->batch_size;
    Tuning t = {.session = session,
                .point = point,
                .config = config,
                .crops = {.model = &session->model,
                          .root = session->dataset.root,
                          .seed = (uint32_t)point->seed,
                          .random = random_crops}};
    float *val = arena_floats(arena, (size_t)session->val.n, (size_t)session->dataset.n_classes);
    if (arena_failed(arena))
        return error_memory(err);
    if (learn(&t, optim, folder, path, result, progress, arena, err) < 0 ||
        logits_of_file(logits, val, path, session, &point->options->templates, progress, arena, err) < 0)
        return -1;
    result->val_accuracy = learned_val_accuracy(session, val);
    const Provenance made = learned_provenance(session, point, logits, result);
    return provenance_put(path, &made, err);
}

int tuning_transfer(const Point *learned, bool is_low_rank, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    const char *path = file_of(is_low_rank, folder, arena);
    if (!path)
        return error_memory(err);
    return logits_of_file(logits, NULL, path, target, &learned->options->templates, NULL, arena, err);
}
