/* contrastive_trainer.c: see contrastive_trainer.h
 *
 * The second encoding of a batch gives the features of the first, bit for bit: batch norms use the batch's
 * own statistics, and nothing else is random. So the loss of all pairs is differentiated once, between the
 * passes, and each batch takes its rows of the gradient. (OpenCLIP computes it anew for each batch, to the
 * same rows, and adds the gradient of logit_scale each time: accum_freq times that of the large batch, which
 * AdamW does not see, but clipping and SGD do. Here it is added once.)
 */
#include "clip/train/contrastive_trainer.h"

#include "clip/base/minimum.h"
#include "clip/train/contrastive.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct {
    float *features, *d_features; /* (batch_size accum_freq, E) */
    float *again;                 /* (batch_size, E): features of the second pass, which are known */
    bool trained;
} Side;

struct ContrastiveTrainer {
    Arena *arena, *trees; /* trees: of one batch at a time */
    TrainableClip *clip;
    Pool *pool;
    int batch_size, capacity; /* capacity: pairs of a step */
    size_t budget, text_budget;
    ImageTrainer *image_trainer;
    TextTrainer *text_trainer;
    Side image, text;
    float *pixels;        /* (batch_size, 3, S, S) */
    float levels[3][256]; /* what each value of a byte becomes */
    Parameter *logit_scale;
    TokenTree tree;
};

/* --- creation --- */

static bool is_image(const Parameter *p) {
    return strncmp(p->name, "visual.", strlen("visual.")) == 0;
}

static void find_trained(ContrastiveTrainer *t) {
    const TrainableClip *clip = t->clip;
    t->image.trained = clip->add_image != NULL;
    t->text.trained = clip->add_text != NULL;
    for (int i = 0; i < clip->parameters.n; i++) {
        const Parameter *p = &clip->parameters.items[i];
        if (p->gradient && p != t->logit_scale)
            *(is_image(p) ? &t->image.trained : &t->text.trained) = true;
    }
}

/* About how many floats a block of a transformer keeps of a row, over its width: normalised inputs, queries,
 * keys, values, attention, and the perceptron's two. For the sharing of a budget alone. */
enum { KEPT_OF_BLOCK = 16, KEPT_OF_BOTTLENECK = 24, KEPT_OF_STEM = 6 };

static double transformer_floats(const TowerConfig *tower, double rows) {
    return rows * tower->width * tower->n_layers * KEPT_OF_BLOCK;
}

static double image_floats(const TrainableClip *clip) {
    const TowerConfig *image = &clip->image;
    const double side = image->image_size;
    if (!clip->is_resnet)
        return transformer_floats(image, side * side / image->patch_size / image->patch_size + 1);
    double floats = side / 2 * side / 2 * image->width * KEPT_OF_STEM;
    for (int i = 0; i < 4; i++) {
        const double cells = side / (4 << i) * side / (4 << i);
        floats += cells * image->n_blocks[i] * (image->width << i) * KEPT_OF_BOTTLENECK;
    }
    return floats;
}

/* The text tower's part of the budget. Captions are taken to fill a third of the context: what they take is
 * known with each batch, when the memory for images has long been taken. A tower that is not trained keeps
 * nothing, and neither part is less than an eighth. */
static size_t text_budget(const ContrastiveTrainer *t, size_t budget) {
    const TowerConfig *text = &t->clip->text;
    const double texts = t->text.trained ? transformer_floats(text, text->n_positions / 3.0) : 0;
    const double images = t->image.trained ? image_floats(t->clip) : 0;
    const double share = texts + images > 0 ? texts / (texts + images) : 0.5;
    /* 0 would be no bound */
    return budget ? (size_t)fmax(1, (double)budget * fmin(fmax(share, 0.125), 0.875)) : 0;
}

/* Says how the budget was shared when a part was too small. */
static int explain_budget(const ContrastiveTrainer *t, Error *err) {
    const size_t MiB = 1 << 20;
    return t->budget && err && !err->is_memory
               ? error_prefix(err, "of memory_budget's %zu MiB, images have %zu and texts %zu",
                              t->budget / MiB, (t->budget - t->text_budget) / MiB, t->text_budget / MiB)
               : -1;
}

static int open_towers(ContrastiveTrainer *t, size_t budget, Error *err) {
    const size_t texts = text_budget(t, budget);
    t->budget = budget;
    t->text_budget = texts;
    t->image_trainer = image_trainer_create(t->clip, t->pool, t->batch_size, budget - texts, err);
    t->text_trainer = t->image_trainer ? text_trainer_create(t->clip, t->pool, texts, err) : NULL;
    return t->text_trainer ? 0 : explain_budget(t, err);
}

static void side_alloc(const ContrastiveTrainer *t, Side *side, bool twice) {
    const size_t E = (size_t)t->clip->embed_dim, n = (size_t)t->capacity;
    side->features = arena_floats(t->arena, n, E);
    side->d_features = side->trained ? arena_floats(t->arena, n, E) : NULL;
    side->again = side->trained && twice ? arena_floats(t->arena, (size_t)t->batch_size, E) : NULL;
}

static int trainer_alloc(ContrastiveTrainer *t, int accum_freq, Error *err) {
    const size_t S = (size_t)t->clip->image.image_size;
    side_alloc(t, &t->image, accum_freq > 1);
    side_alloc(t, &t->text, accum_freq > 1);
    t->pixels = arena_floats(t->arena, (size_t)t->batch_size, 3 * S * S);
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            t->levels[c][v] = ((float)v / 255.0f - t->clip->mean[c]) / t->clip->std[c];
    return arena_failed(t->arena) || !t->trees ? error_memory(err) : 0;
}

ContrastiveTrainer *contrastive_trainer_create(TrainableClip *clip, Pool *pool, ContrastiveOptions options,
                                               Error *err) {
    Arena *arena = arena_create();
    ContrastiveTrainer *t = ARENA_NEW(arena, ContrastiveTrainer, 1);
    if (!t) {
        error_memory(err);
        arena_free(arena);
        return NULL;
    }
    assert(options.batch_size > 0 && options.accum_freq > 0);
    *t = (ContrastiveTrainer){.arena = arena,
                              .trees = arena_create(),
                              .clip = clip,
                              .pool = pool,
                              .batch_size = options.batch_size,
                              .capacity = options.batch_size * options.accum_freq,
                              .logit_scale = parameters_find(&clip->parameters, "logit_scale")};
    find_trained(t);
    if (trainer_alloc(t, options.accum_freq, err) == 0 && open_towers(t, options.memory_budget, err) == 0)
        return t;
    contrastive_trainer_free(t);
    return NULL;
}

void contrastive_trainer_free(ContrastiveTrainer *trainer) {
    if (!trainer)
        return;
    image_trainer_free(trainer->image_trainer);
    text_trainer_free(trainer->text_trainer);
    arena_free(trainer->trees);
    arena_free(trainer->arena);
}

/* --- encoding --- */

typedef struct {
    const ContrastiveTrainer *trainer;
    const unsigned char *images;
} Bytes;

/* (S, S, 3) bytes of an image to (3, S, S) numbers */
static void normalise_image(void *context, int image, int worker) {
    (void)worker;
    const Bytes *bytes = context;
    const ContrastiveTrainer *t = bytes->trainer;
    const size_t plane = (size_t)t->clip->image.image_size * (size_t)t->clip->image.image_size;
    const unsigned char *in = bytes->images + (size_t)image * 3 * plane;
    float *out = t->pixels + (size_t)image * 3 * plane;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++)
            out[c * plane + i] = t->levels[c][in[3 * i + c]];
}

static void encode_images(ContrastiveTrainer *t, float *features, const unsigned char *images, int n,
                          Pass pass) {
    Bytes bytes = {t, images};
    pool_run(t->pool, n, normalise_image, &bytes);
    image_trainer_forward(t->image_trainer, features, t->pixels, n, pass);
}

static int encode_texts(ContrastiveTrainer *t, float *features, const int *const *captions,
                        const int *lengths, int n, Pass pass, Error *err) {
    arena_reset(t->trees, 0);
    if (token_tree_build(&t->tree, captions, lengths, n, t->trees, err) < 0)
        return -1;
    return text_trainer_forward(t->text_trainer, features, &t->tree, pass, err) < 0 ? explain_budget(t, err)
                                                                                    : 0;
}

int contrastive_trainer_images(ContrastiveTrainer *trainer, float *features, const unsigned char *images,
                               int n, Error *err) {
    const size_t S = (size_t)trainer->clip->image.image_size, E = (size_t)trainer->clip->embed_dim;
    for (int first = 0; first < n; first += trainer->batch_size) {
        const size_t at = (size_t)first;
        if (pool_stopped(trainer->pool, err) < 0)
            return -1;
        encode_images(trainer, features + at * E, images + at * 3 * S * S,
                      min_int(trainer->batch_size, n - first), PASS_TEST);
    }
    return 0;
}

int contrastive_trainer_texts(ContrastiveTrainer *trainer, float *features, const int *const *captions,
                              const int *lengths, int n, Error *err) {
    const size_t E = (size_t)trainer->clip->embed_dim;
    for (int first = 0; first < n; first += trainer->batch_size)
        if (pool_stopped(trainer->pool, err) < 0 ||
            encode_texts(trainer, features + (size_t)first * E, captions + first, lengths + first,
                         min_int(trainer->batch_size, n - first), PASS_TEST, err) < 0)
            return -1;
    return 0;
}

/* --- a step --- */

static int count_pairs(const ContrastiveTrainer *t, const PairBatch *batches, int n_batches) {
    int n = 0;
    for (int i = 0; i < n_batches; i++) {
        assert(batches[i].n <= t->batch_size);
        n += batches[i].n;
    }
    assert(n <= t->capacity);
    return n;
}

static size_t at_pair(const ContrastiveTrainer *t, int pair) {
    return (size_t)pair * (size_t)t->clip->embed_dim;
}

int contrastive_trainer_encode(ContrastiveTrainer *trainer, const PairBatch *batch, int first, bool is_last,
                               Error *err) {
    ContrastiveTrainer *t = trainer;
    const Pass train = is_last ? PASS_TRAIN : PASS_TRAIN_FORGET;
    const size_t at = at_pair(t, first);
    if (pool_stopped(t->pool, err) < 0)
        return -1;
    encode_images(t, t->image.features + at, batch->images, batch->n, t->image.trained ? train : PASS_TEST);
    return encode_texts(t, t->text.features + at, batch->captions, batch->lengths, batch->n,
                        t->text.trained ? train : PASS_TEST, err);
}

/* The features of all batches; what is trained is kept for the backward pass if there is but one. */
static int encode_all(ContrastiveTrainer *t, const PairBatch *batches, int n_batches, Error *err) {
    for (int i = 0, first = 0; i < n_batches; first += batches[i++].n)
        if (contrastive_trainer_encode(t, &batches[i], first, n_batches == 1, err) < 0)
            return -1;
    return 0;
}

StepFeatures contrastive_trainer_features(ContrastiveTrainer *trainer) {
    return (StepFeatures){trainer->image.features, trainer->text.features, trainer->image.d_features,
                          trainer->text.d_features};
}

static int differentiate_loss(ContrastiveTrainer *t, double *loss, int n, Error *err) {
    double d_s = 0;
    if (contrastive_loss(loss, t->image.d_features, t->text.d_features, &d_s, t->image.features,
                         t->text.features, *t->logit_scale->value, n, t->clip->embed_dim, t->pool, err) < 0)
        return -1;
    if (t->logit_scale->gradient)
        *t->logit_scale->gradient += (float)d_s;
    return isfinite(*loss) ? 0 : error_run(err, "the loss is %g: training has come apart", *loss);
}

int contrastive_trainer_image_gradients(ContrastiveTrainer *trainer, const PairBatch *batch, int first,
                                        bool again, Error *err) {
    ContrastiveTrainer *t = trainer;
    if (!t->image.trained)
        return 0;
    if (again && pool_stopped(t->pool, err) < 0)
        return -1;
    if (again)
        encode_images(t, t->image.again, batch->images, batch->n, PASS_TRAIN);
    image_trainer_backward(t->image_trainer, t->image.d_features + at_pair(t, first));
    return 0;
}

int contrastive_trainer_text_gradients(ContrastiveTrainer *trainer, const PairBatch *batch, int first,
                                       bool again, Error *err) {
    ContrastiveTrainer *t = trainer;
    if (!t->text.trained)
        return 0;
    if (again &&
        encode_texts(t, t->text.again, batch->captions, batch->lengths, batch->n, PASS_TRAIN, err) < 0)
        return -1;
    text_trainer_backward(t->text_trainer, t->text.d_features + at_pair(t, first));
    return 0;
}

static int backward(ContrastiveTrainer *t, const PairBatch *batches, int n_batches, Error *err) {
    const bool again = n_batches > 1;
    for (int i = 0, first = 0; i < n_batches; first += batches[i++].n)
        if (contrastive_trainer_image_gradients(t, &batches[i], first, again, err) < 0 ||
            contrastive_trainer_text_gradients(t, &batches[i], first, again, err) < 0)
            return -1;
    return 0;
}

static int check_gradients(const ContrastiveTrainer *t, Error *err) {
    const Parameters *all = &t->clip->parameters;
    if (isfinite(parameters_gradient_norm(all, t->pool)))
        return 0;
    for (int i = 0; i < all->n; i++) {
        const Parameter *p = &all->items[i];
        for (size_t k = 0; p->gradient && k < p->count; k++)
            if (!isfinite(p->gradient[k]))
                return error_run(err, "the gradient of %s is %g: training has come apart", p->name,
                                 (double)p->gradient[k]);
    }
    return error_run(err, "the gradient is not finite: training has come apart");
}

int contrastive_trainer_gradients(ContrastiveTrainer *trainer, double *loss, const PairBatch *batches,
                                  int n_batches, Error *err) {
    ContrastiveTrainer *t = trainer;
    const int n = count_pairs(t, batches, n_batches);
    parameters_zero_gradients(&t->clip->parameters, t->pool);
    return encode_all(t, batches, n_batches, err) < 0 || differentiate_loss(t, loss, n, err) < 0 ||
                   backward(t, batches, n_batches, err) < 0
               ? -1
               : check_gradients(t, err);
}

void contrastive_clamp_scale(TrainableClip *clip) {
    float *s = parameters_find(&clip->parameters, "logit_scale")->value;
    const float most = (float)log(100);
    *s = *s < 0 ? 0 : *s > most ? most : *s;
}
