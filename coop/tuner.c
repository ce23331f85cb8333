/* tuner.c: see tuner.h. All that is trained lies in one array, as the training loop wants it: the parameters
 * of the clip point into it. */
#include "coop/tuner.h"

#include "clip/base/text_ends.h"
#include "clip/image/image_tower.h"
#include "clip/math/gemm.h"
#include "clip/math/ops.h"
#include "coop/cosine_classifier.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct Tuner {
    TrainableClip *clip;
    const Clip *frozen;
    TunerConfig config;
    Pool *pool;
    Arena *arena;
    float *values, *gradients; /* (trainee.n_parameters) */
    LowRank *low_image, *low_text;
    ImageTrainer *images; /* NULL: not trained */
    TextTrainer *text;    /* the same */
    const TokenTree *tree;
    int n_templates;
    CosineClassifier classifier;
    float *each, *d_each, *norms;                /* (n_templates, K, E) twice, (n_templates, K) */
    float *raw, *d_raw, *unit, *d_unit, *norm_b; /* (B, E) four times, (B) */
    Rng generator;
    Trainee trainee;
};

/* --- what is trained --- */

static bool is_image(const char *name) {
    return starts_with(name, "visual.");
}

/* "ln_pre.weight", "transformer.resblocks.0.ln_1.bias" */
static bool is_layer_norm(const char *name) {
    const char *dot = strrchr(name, '.'), *start = dot;
    while (start && start > name && start[-1] != '.')
        start--;
    return start && starts_with(start, "ln_");
}

static bool wants(const Parameter *parameter, void *context) {
    const char *name = parameter->name;
    switch (*(const TunedPart *)context) {
    case TUNE_IMAGE_ENCODER:
        return is_image(name);
    case TUNE_TEXT_ENCODER:
        return !is_image(name) && strcmp(name, "logit_scale") != 0;
    case TUNE_ALL:
        return strcmp(name, "logit_scale") != 0;
    case TUNE_IMAGE_PROJECTION:
        return strcmp(name, "visual.proj") == 0 || starts_with(name, "visual.attnpool.c_proj.");
    case TUNE_BIAS:
        return ends_with(name, ".bias") || ends_with(name, ".in_proj_bias");
    case TUNE_LAYER_NORM:
        return is_layer_norm(name);
    case TUNE_LOW_RANK:
        break;
    }
    return false;
}

static bool trains(const TrainableClip *clip, const TunerConfig *config, bool image) {
    if (config->part == TUNE_LOW_RANK)
        return (image ? &config->image : &config->text)->rank > 0;
    TunedPart part = config->part;
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *p = &clip->parameters.items[i];
        if (!p->is_buffer && is_image(p->name) == image && wants(p, &part))
            return true;
    }
    return false;
}

bool tuner_trains_image(const TrainableClip *clip, const TunerConfig *config) {
    return trains(clip, config, true);
}

bool tuner_trains_text(const TrainableClip *clip, const TunerConfig *config) {
    return trains(clip, config, false);
}

/* --- one array --- */

static size_t low_rank_size(const LowRank *l) {
    return l ? low_rank_count(&l->config, l->width) : 0;
}

/* Moves all trained values into one array, and their gradients into another, before the towers ask where they
 * are. The values outlive the tuner. */
static int gather_values(Tuner *t, Error *err) {
    Parameters *all = &t->clip->parameters;
    TunedPart part = t->config.part;
    size_t n = low_rank_size(t->low_image) + low_rank_size(t->low_text), at = 0;
    for (int i = 0; i < all->n; i++)
        if (!all->items[i].is_buffer && wants(&all->items[i], &part))
            n += all->items[i].count;
    t->trainee.n_parameters = n;
    t->values = arena_floats(t->clip->arena, n, 1);
    t->gradients = arena_floats(t->arena, n, 1);
    if (!t->values || !t->gradients)
        return error_memory(err);
    for (int i = 0; i < all->n; i++) {
        Parameter *p = &all->items[i];
        p->gradient = NULL;
        if (p->is_buffer || !wants(p, &part))
            continue;
        memcpy(t->values + at, p->value, p->count * sizeof *p->value);
        p->value = t->values + at;
        p->gradient = t->gradients + at;
        at += p->count;
    }
    LowRank *both[] = {t->low_image, t->low_text};
    for (int i = 0; i < 2; i++)
        if (both[i]) {
            both[i]->values = t->values + at;
            both[i]->gradients = t->gradients + at;
            low_rank_draw(both[i], &t->generator);
            at += low_rank_size(both[i]);
        }
    return 0;
}

/* --- a step --- */

/* The features of a class are the sum of its prompts' unit features, which the classifier normalises. */
static int text_forward(Tuner *t, Pass pass, Error *err) {
    CosineClassifier *c = &t->classifier;
    const size_t size = (size_t)c->n_classes * (size_t)c->embed_dim;
    if (!t->text)
        return 0;
    if (text_trainer_forward(t->text, t->each, t->tree, pass, err) < 0)
        return -1;
    unit_rows_forward(t->each, t->norms, t->each, t->n_templates * c->n_classes, c->embed_dim);
    memset(c->features, 0, size * sizeof *c->features);
    for (int i = 0; i < t->n_templates; i++)
        add_rows(c->features, t->each + (size_t)i * size, size);
    return 0;
}

static void text_backward(Tuner *t) {
    const CosineClassifier *c = &t->classifier;
    const size_t K = (size_t)c->n_classes, E = (size_t)c->embed_dim, P = K * (size_t)t->n_templates;
    memset(t->d_each, 0, P * E * sizeof *t->d_each);
    for (size_t p = 0; p < P; p += K)
        unit_rows_backward(t->d_each + p * E, c->d_features, t->each + p * E, t->norms + p, (int)K, (int)E);
    text_trainer_backward(t->text, t->d_each);
}

/* logits hold their gradient */
static void image_backward(Tuner *t, const float *logits, int B) {
    const CosineClassifier *c = &t->classifier;
    const int K = c->n_classes, E = c->embed_dim;
    gemm(false, false, B, E, K, c->scale, logits, K, c->unit, E, 0, t->d_unit, E);
    memset(t->d_raw, 0, (size_t)B * (size_t)E * sizeof *t->d_raw);
    unit_rows_backward(t->d_raw, t->d_unit, t->unit, t->norm_b, B, E);
    image_trainer_backward(t->images, t->d_raw);
}

static void set_dropping(Tuner *t, bool dropping) {
    if (t->low_image)
        t->low_image->dropping = dropping;
    if (t->low_text)
        t->low_text->dropping = dropping;
}

static int image_forward(Tuner *t, const float *images, int B, Error *err) {
    if (!t->images)
        return image_tower_forward(t->frozen, t->pool, images, B, t->raw, err);
    image_trainer_forward(t->images, t->raw, images, B, PASS_TRAIN);
    return 0;
}

/* Not a number when memory is out. */
static double loss(void *model, const float *images, const int *labels, int B, float *logits, float *gradient,
                   int *n_correct) {
    Tuner *t = model;
    CosineClassifier *c = &t->classifier;
    Error ignored = {0};
    assert(gradient == t->gradients);
    memset(gradient, 0, t->trainee.n_parameters * sizeof *gradient);
    set_dropping(t, true);
    if (text_forward(t, PASS_TRAIN, &ignored) < 0 || image_forward(t, images, B, &ignored) < 0)
        return NAN;
    unit_rows_forward(t->unit, t->norm_b, t->raw, B, c->embed_dim);
    const double mean = cosine_classifier_loss(c, t->unit, labels, B, logits, t->text != NULL, n_correct);
    if (t->images)
        image_backward(t, logits, B);
    if (t->text)
        text_backward(t);
    return mean;
}

void tuner_begin_step(Tuner *tuner, long step) {
    if (tuner->low_image)
        tuner->low_image->key = low_rank_key(tuner->config.seed, step, true);
    if (tuner->low_text)
        tuner->low_text->key = low_rank_key(tuner->config.seed, step, false);
}

/* --- making one --- */

static int make_low_rank(Tuner *t, const TunedTexts *texts, Error *err) {
    TrainableClip *clip = t->clip;
    const LowRankConfig *image = &t->config.image, *text = &t->config.text;
    if (t->config.part != TUNE_LOW_RANK)
        return 0;
    if (image->rank > 0) {
        const int grid = clip->image.image_size / clip->image.patch_size, rows = grid * grid + 1;
        t->low_image =
            low_rank_create(image, clip->image.width, t->config.batch_size * rows, t->pool, t->arena, err);
        if (!t->low_image)
            return -1;
        clip->add_image = &t->low_image->additions;
    }
    if (text->rank > 0) {
        t->low_text = low_rank_create(text, clip->text.width, texts->tree->n_nodes, t->pool, t->arena, err);
        if (!t->low_text)
            return -1;
        clip->add_text = &t->low_text->additions;
    }
    return 0;
}

static int make_towers(Tuner *t, Error *err) {
    const bool image = tuner_trains_image(t->clip, &t->config), text = tuner_trains_text(t->clip, &t->config);
    const size_t budget = t->config.memory_budget / (image && text ? 2 : 1);
    if (image) {
        t->images = image_trainer_create(t->clip, t->pool, t->config.batch_size, budget, err);
        if (!t->images)
            return -1;
    }
    if (!text)
        return 0;
    t->text = text_trainer_create(t->clip, t->pool, budget, err);
    return t->text ? text_forward(t, PASS_TRAIN, err) : -1; /* takes its memory */
}

static int make_room(Tuner *t, const TunedTexts *texts, Error *err) {
    const size_t E = (size_t)t->clip->embed_dim, B = (size_t)t->config.batch_size;
    const size_t K = (size_t)texts->n_classes, P = texts->tree ? K * (size_t)texts->n_templates : 0;
    const float scale = *parameters_find(&t->clip->parameters, "logit_scale")->value;
    t->classifier = cosine_classifier(texts->n_classes, (int)E, scale, t->arena);
    t->tree = texts->tree;
    t->n_templates = texts->n_templates;
    t->each = arena_floats(t->arena, P, E);
    t->d_each = arena_floats(t->arena, P, E);
    t->norms = arena_floats(t->arena, P, 1);
    t->raw = arena_floats(t->arena, B, E);
    t->d_raw = arena_floats(t->arena, B, E);
    t->unit = arena_floats(t->arena, B, E);
    t->d_unit = arena_floats(t->arena, B, E);
    t->norm_b = arena_floats(t->arena, B, 1);
    if (arena_failed(t->arena))
        return error_memory(err);
    if (texts->features)
        memcpy(t->classifier.features, texts->features, K * E * sizeof(float));
    return 0;
}

Tuner *tuner_create(TrainableClip *clip, const Clip *frozen, const TunerConfig *config,
                    const TunedTexts *texts, Pool *pool, Error *err) {
    Arena *arena = arena_create();
    Tuner *t = ARENA_NEW(arena, Tuner, 1);
    if (!t) {
        arena_free(arena);
        error_memory(err);
        return NULL;
    }
    *t = (Tuner){.clip = clip, .frozen = frozen, .config = *config, .pool = pool, .arena = arena};
    clip->frozen_norms = true;
    rng_torch_seed(&t->generator, config->seed);
    if (make_room(t, texts, err) < 0 || make_low_rank(t, texts, err) < 0 || gather_values(t, err) < 0 ||
        make_towers(t, err) < 0) {
        tuner_free(t);
        return NULL;
    }
    t->trainee = (Trainee){.name = config->part == TUNE_LOW_RANK ? "low_rank" : "weights",
                           .parameters = t->values,
                           .n_parameters = t->trainee.n_parameters,
                           .n_classes = texts->n_classes,
                           .gradient = t->gradients,
                           .pool = pool,
                           .generator = &t->generator,
                           .loss = loss,
                           .model = t};
    return t;
}

void tuner_free(Tuner *tuner) {
    if (!tuner)
        return;
    image_trainer_free(tuner->images);
    text_trainer_free(tuner->text);
    tuner->clip->add_image = tuner->clip->add_text = NULL;
    tuner->clip->frozen_norms = false;
    for (int i = 0; i < tuner->clip->parameters.n; i++)
        tuner->clip->parameters.items[i].gradient = NULL;
    arena_free(tuner->arena);
}

const Trainee *tuner_trainee(Tuner *tuner) {
    return &tuner->trainee;
}

const LowRank *tuner_low_rank(const Tuner *tuner, bool image) {
    return image ? tuner->low_image : tuner->low_text;
}

int tuner_texts(Tuner *tuner, float *features, Error *err) {
    CosineClassifier *c = &tuner->classifier;
    set_dropping(tuner, false);
    if (text_forward(tuner, PASS_TEST, err) < 0)
        return -1;
    cosine_classifier_normalise(c);
    memcpy(features, c->unit, (size_t)c->n_classes * (size_t)c->embed_dim * sizeof *features);
    return 0;
}
