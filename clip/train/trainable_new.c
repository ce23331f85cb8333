/* trainable_new.c: a model with new weights (trainable_clip.h), drawn as OpenCLIP's modules draw theirs.
 *
 * Source: TextTransformer.init_parameters, VisionTransformer, ModifiedResNet.init_parameters of OpenCLIP, and
 * PyTorch's defaults for what these leave alone: uniform within 1 / sqrt(fan in) for linear layers and
 * convolutions (kaiming_uniform with a = sqrt 5), Xavier's for the queries, keys and values of
 * MultiheadAttention.
 */
#include "clip/base/random.h"
#include "clip/checkpoint/config_training.h"
#include "clip/train/clip_parameters.h"
#include "clip/train/trainable_clip.h"

#include <math.h>
#include <string.h>

/* How the numbers of a parameter are drawn. Sizes: those of the parameter itself (rows, columns); L is that
 * of the text tower's layers. */
typedef enum {
    DRAW_CONSTANT,      /* `scale` */
    DRAW_NORMAL,        /* of standard deviation `scale` */
    DRAW_BY_ROWS,       /* normal, rows^-1/2 */
    DRAW_BY_COLUMNS,    /* normal, columns^-1/2 */
    DRAW_PROJECTION,    /* normal, width^-1/2 (2 L)^-1/2 */
    DRAW_WIDENING,      /* normal, (2 width)^-1/2 */
    DRAW_XAVIER,        /* uniform within (6 / (rows + columns))^1/2 */
    DRAW_FAN_IN,        /* uniform within fan_in^-1/2, of the weight itself */
    DRAW_WEIGHT_FAN_IN, /* the same, of the weight to which this bias belongs */
    DRAW_LAYER_SCALE    /* the config's */
} Draw;

typedef struct {
    const char *begin, *end; /* of the name */
    Draw draw;
    double scale;
} DrawRule;

/* The first that fits. */
static const DrawRule rules[] = {
    {"visual.", ".running_var", DRAW_CONSTANT, 1},
    {"visual.", ".running_mean", DRAW_CONSTANT, 0},
    {"visual.", ".num_batches_tracked", DRAW_CONSTANT, 0},
    {"visual.layer", ".bn3.weight", DRAW_CONSTANT, 0}, /* blocks begin as nothing but their shortcut */
    {"", ".gamma", DRAW_LAYER_SCALE, 0},
    {"", "in_proj_bias", DRAW_CONSTANT, 0},
    {"", "out_proj.bias", DRAW_CONSTANT, 0},
    {"visual.attnpool.", ".weight", DRAW_BY_COLUMNS, 0},
    {"visual.attnpool.", "positional_embedding", DRAW_BY_COLUMNS, 0},
    {"visual.", "positional_embedding", DRAW_BY_COLUMNS, 0},
    {"visual.", "class_embedding", DRAW_BY_ROWS, 0},
    {"visual.", ".proj", DRAW_BY_ROWS, 0},
    {"visual.", "in_proj_weight", DRAW_XAVIER, 0},
    {"token_embedding.", ".weight", DRAW_NORMAL, 0.02},
    {"positional_embedding", "", DRAW_NORMAL, 0.01},
    {"text_projection", "", DRAW_BY_ROWS, 0},
    {"transformer.", "in_proj_weight", DRAW_BY_COLUMNS, 0},
    {"transformer.", "out_proj.weight", DRAW_PROJECTION, 0},
    {"transformer.", "c_proj.weight", DRAW_PROJECTION, 0},
    {"transformer.", "c_fc.weight", DRAW_WIDENING, 0},
    {"", ".bias", DRAW_WEIGHT_FAN_IN, 0},
    {"", "", DRAW_FAN_IN, 0},
};

static bool fits(const DrawRule *rule, const char *name) {
    const size_t n = strlen(name), n_end = strlen(rule->end);
    return strncmp(name, rule->begin, strlen(rule->begin)) == 0 && n >= n_end &&
           strcmp(name + n - n_end, rule->end) == 0;
}

/* --- drawing --- */

static void constant(Parameter *p, double value) {
    for (size_t i = 0; i < p->count; i++)
        p->value[i] = (float)value;
}

static void uniform(Rng *rng, Parameter *p, double bound) {
    for (size_t i = 0; i < p->count; i++)
        p->value[i] = (float)rng_uniform(rng, -bound, bound);
}

static void normal(Rng *rng, Parameter *p, double deviation) {
    rng_torch_normal(rng, p->value, p->count, deviation);
}

static double fan_in(const Parameter *weight) {
    return (double)(weight->count / (size_t)weight->shape[0]);
}

/* The gain of a norm is the only weight with one dimension. */
static bool is_gain(const Parameter *p) {
    return p->n_dims == 1 && fits(&(DrawRule){"", ".weight", DRAW_CONSTANT, 0}, p->name);
}

/* A bias: that of a norm is zero. */
static void draw_bias(Rng *rng, const Parameters *parameters, Parameter *p) {
    const int stem = (int)(strlen(p->name) - strlen("bias"));
    const Parameter *weight = parameters_find(parameters, "%.*sweight", stem, p->name);
    if (is_gain(weight))
        constant(p, 0);
    else
        uniform(rng, p, 1 / sqrt(fan_in(weight)));
}

static void draw(Rng *rng, const TrainableClip *clip, Parameter *p, double layer_scale) {
    const DrawRule *rule = rules;
    while (!fits(rule, p->name))
        rule++;
    const double rows = (double)p->shape[0], columns = (double)p->shape[1];
    const double text_width = clip->text.width;
    switch (rule->draw) {
    case DRAW_CONSTANT:
        constant(p, rule->scale);
        break;
    case DRAW_NORMAL:
        normal(rng, p, rule->scale);
        break;
    case DRAW_BY_ROWS:
        normal(rng, p, 1 / sqrt(rows));
        break;
    case DRAW_BY_COLUMNS:
        normal(rng, p, 1 / sqrt(columns));
        break;
    case DRAW_PROJECTION:
        normal(rng, p, 1 / sqrt(text_width * 2 * clip->text.n_layers));
        break;
    case DRAW_WIDENING:
        normal(rng, p, 1 / sqrt(2 * text_width));
        break;
    case DRAW_XAVIER:
        uniform(rng, p, sqrt(6 / (rows + columns)));
        break;
    case DRAW_FAN_IN:
        if (is_gain(p))
            constant(p, 1);
        else
            uniform(rng, p, 1 / sqrt(fan_in(p)));
        break;
    case DRAW_WEIGHT_FAN_IN:
        draw_bias(rng, &clip->parameters, p);
        break;
    case DRAW_LAYER_SCALE:
        constant(p, layer_scale);
        break;
    }
}

static void draw_all(TrainableClip *clip, const NewModel *model, uint32_t seed) {
    Rng rng = {.index = 0};
    rng_torch_seed(&rng, seed);
    for (int i = 0; i < clip->parameters.n; i++) {
        Parameter *p = &clip->parameters.items[i];
        const bool visual = strncmp(p->name, "visual.", strlen("visual.")) == 0;
        if (strcmp(p->name, "logit_scale") == 0)
            *p->value = (float)model->logit_scale;
        else
            draw(&rng, clip, p, visual ? model->image.layer_scale : model->text.layer_scale);
    }
}

/* --- the model --- */

static BlockShape block_shape(const NewTower *tower) {
    return (BlockShape){tower->mlp_width, tower->layer_scale > 0};
}

static void take_config(TrainableClip *clip, const ModelConfig *config) {
    clip->text = config->text;
    clip->image = config->image;
    clip->text.norm_eps = config->text.norm_eps > 0 ? config->text.norm_eps : LAYER_NORM_EPS;
    clip->image.norm_eps = config->image.norm_eps > 0 ? config->image.norm_eps : LAYER_NORM_EPS;
    clip->embed_dim = config->embed_dim;
    clip->is_resnet = config->image.n_layers == 0;
    memcpy(clip->mean, config->mean, sizeof clip->mean);
    memcpy(clip->std, config->std, sizeof clip->std);
    clip->images = config->images;
}

TrainableClip *trainable_clip_create(const char *config, uint32_t seed, Precision precision, Error *err) {
    TrainableClip *clip = trainable_clip_empty(precision);
    NewModel model;
    int result = clip ? config_read_new(&model, config, clip->arena, err) : error_memory(err);
    if (result == 0) {
        take_config(clip, &model.model);
        clip_parameters_add(&clip->parameters, &clip->text, &clip->image, clip->embed_dim,
                            block_shape(&model.text), block_shape(&model.image));
        result = arena_failed(clip->arena) ? error_memory(err) : 0;
    }
    if (result == 0) {
        draw_all(clip, &model, seed);
        return clip;
    }
    trainable_clip_free(clip);
    return NULL;
}
