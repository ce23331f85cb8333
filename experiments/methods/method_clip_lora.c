/* method_clip_lora.c: low-rank matrices beside queries, keys and values of both towers (Zanella and Ben Ayed
 * 2024; coop/low_rank.h), with their recipe: AdamW, n_iters iterations per shot, a cosine down to 1e-6. Where
 * this differs from the authors' program: products are float where theirs are half precision under autocast,
 * and the scale is the checkpoint's (theirs: 100, which is that of OpenAI's models).
 */
#include "experiments/methods/method.h"
#include "experiments/methods/tuning.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

typedef enum { ENCODER_BOTH, ENCODER_TEXT, ENCODER_VISION } Encoder;

typedef struct {
    MethodOptions common;
    IntList rank;
    RealList alpha, dropout;
    IntList scaling;  /* 0: by the root of the rank */
    IntList encoder;  /* of Encoder */
    IntList position; /* as positions[] */
    IntList params;   /* as projections[] */
    RealList weight_decay;
    IntList batch_size, n_iters;
    IntList crops; /* 0 and 1 */
} Options;

#define LR_MIN 1e-6

static const KeySpec keys[] = {
    {"rank", KEY_INT, KEY_LIST, offsetof(Options, rank), .low = 1, .high = 4096, .fallback = "2",
     .help = "r, of the matrices"},
    {"alpha", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, alpha), .low = 0, .high = 1e6,
     .fallback = "1", .help = "their weight, before it is divided"},
    {"scaling", KEY_CHOICE, KEY_LIST, offsetof(Options, scaling), .choices = "root|rank", .fallback = "root",
     .help = "alpha is divided by the root of r, or by r"},
    {"dropout", KEY_REAL, KEY_LIST | KEY_BELOW, offsetof(Options, dropout), .low = 0, .high = 1,
     .fallback = "0.25", .help = "of the input of the low-rank path"},
    {"encoder", KEY_CHOICE, KEY_LIST, offsetof(Options, encoder), .choices = "both|text|vision",
     .fallback = "both", .help = "where the matrices are; of a ResNet: text"},
    {"position", KEY_CHOICE, KEY_LIST, offsetof(Options, position),
     .choices = "all|bottom|mid|up|half-bottom|half-up|top1|top2|top3", .fallback = "all",
     .help = "blocks: thirds, halves, or so many of the last"},
    {"params", KEY_CHOICE, KEY_LIST, offsetof(Options, params), .choices = "qkv|q|k|v|qk|qv|kv",
     .fallback = "qkv", .help = "queries, keys, values"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, common.lr), .low = 0, .high = 1e3,
     .fallback = "0.0002", .help = "learning rate of AdamW"},
    {"weight_decay", KEY_REAL, KEY_LIST, offsetof(Options, weight_decay), .low = 0, .high = 1e3,
     .fallback = "0.01", .help = "of AdamW"},
    {"batch_size", KEY_INT, KEY_LIST, offsetof(Options, batch_size), .low = 1, .high = 1e6, .fallback = "32",
     .help = "images per iteration; the last batch may be less"},
    {"n_iters", KEY_INT, KEY_LIST, offsetof(Options, n_iters), .low = 1, .high = 1e6, .fallback = "500",
     .help = "iterations, times shots"},
    {"crops", KEY_BOOL, KEY_LIST, offsetof(Options, crops), .fallback = "true",
     .help = "a fresh random crop each epoch, or the centre"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

/* --- which blocks --- */

typedef struct {
    int from, to, parts; /* blocks [from L / parts, to L / parts) */
    int last;            /* or so many of the last */
} Position;
static const Position positions[] = {{0, 1, 1, 0}, {0, 1, 3, 0}, {1, 2, 3, 0}, {2, 3, 3, 0}, {0, 1, 2, 0},
                                     {1, 2, 2, 0}, {.last = 1},  {.last = 2},  {.last = 3}};
static const char *const projections[] = {"qkv", "q", "k", "v", "qk", "qv", "kv"};

static LowRankConfig tower_config(const Options *options, int n_layers) {
    const Position *at = &positions[options->position.values[0]];
    const char *params = projections[options->params.values[0]];
    const int last = at->last < n_layers ? at->last : n_layers;
    return (LowRankConfig){.rank = options->rank.values[0],
                           .alpha = options->alpha.values[0],
                           .by_root = options->scaling.values[0] == 0,
                           .dropout = options->dropout.values[0],
                           .q = strchr(params, 'q'),
                           .k = strchr(params, 'k'),
                           .v = strchr(params, 'v'),
                           .first = last ? n_layers - last : at->from * n_layers / at->parts,
                           .end = last ? n_layers : at->to * n_layers / at->parts};
}

static TunerConfig config_of(const Session *session, const Point *point) {
    const Options *options = options_of(point);
    const Clip *clip = session->model.clip;
    const Encoder encoder = (Encoder)options->encoder.values[0];
    TunerConfig config = {.part = TUNE_LOW_RANK};
    if (encoder != ENCODER_VISION)
        config.text = tower_config(options, clip->text.n_layers);
    if (encoder != ENCODER_TEXT && clip->image == IMAGE_TOWER_VIT)
        config.image = tower_config(options, clip->vit.n_layers);
    return config;
}

/* --- how it is trained --- */

static OptimConfig optim_of(const Point *point, const ItemList *train, int n_classes) {
    const Options *options = options_of(point);
    const int shots = point->num_shots > 0 ? point->num_shots : (train->n + n_classes - 1) / n_classes;
    OptimConfig optim = {.optimizer = OPTIMIZER_ADAMW,
                         .lr = options->common.lr.values[0],
                         .lr_min = LR_MIN,
                         .weight_decay = options->weight_decay.values[0],
                         .beta1 = 0.9,
                         .beta2 = 0.999,
                         .epsilon = 1e-8,
                         .batch_size = options->batch_size.values[0],
                         .max_steps = (long)options->n_iters.values[0] * shots,
                         .lr_by_step = true,
                         .shuffle = true,
                         .keep_last = true};
    const TrainData data = {.n = train->n};
    const long n_steps = trainer_steps(&data, &optim);
    optim.max_epoch = (int)((optim.max_steps + n_steps - 1) / n_steps);
    return optim;
}

static int optim_for(OptimConfig *optim, Session *session, const Point *point, Arena *arena, Error *err) {
    ItemList train, val;
    if (session_lists(session, &train, &val, point->num_shots, point->seed, arena, err) < 0)
        return -1;
    *optim = optim_of(point, &train, session->dataset.n_classes);
    return 0;
}

/* --- the method --- */

static int check(Session *session, const Point *point, Error *err) {
    const TunerConfig config = config_of(session, point);
    const Encoder encoder = (Encoder)options_of(point)->encoder.values[0];
    const bool is_resnet = session->model.clip->image == IMAGE_TOWER_RESNET;
    if (is_resnet && encoder == ENCODER_VISION)
        return error_set(err, "%s: %.80s: encoder: vision, where a ResNet has no transformer blocks",
                         session->experiment->path, point->label);
    if (is_resnet && encoder == ENCODER_BOTH && !session->quiet)
        print_line(stderr,
                   "%s: a ResNet has no transformer blocks: the matrices are in the text encoder alone",
                   point->label);
    if (config.text.first == config.text.end && config.image.first == config.image.end)
        return error_set(err, "%s: %.80s: position: no blocks there", session->experiment->path,
                         point->label);
    return training_check_texts(session, point, err);
}

static int flops(double *flops, Session *session, const Point *point, Error *err) {
    const TunerConfig config = config_of(session, point);
    OptimConfig optim;
    Arena *arena = arena_create();
    int status = arena ? optim_for(&optim, session, point, arena, err) : error_memory(err);
    if (status == 0)
        status = tuning_flops(flops, session, point, &config, &optim, err);
    arena_free(arena);
    return status;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    OptimConfig optim;
    if (optim_for(&optim, session, point, arena, err) < 0)
        return -1;
    return tuning_run(session, point, config_of(session, point), &optim, options_of(point)->crops.values[0],
                      folder, logits, result, progress, arena, err);
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session;
    return tuning_transfer(learned, true, folder, target, logits, arena, err);
}

const Method method_clip_lora = {
    .spec = {.section = {"clip_lora",
                         "a method: low-rank matrices in both towers; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "CLIP-LoRA",
             .uses = USES_TRAINING | USES_TEXT},
    .check = check,
    .flops = flops,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
