/* method_finetune.c: some or all of CLIP's own weights, trained on the few-shot images (coop/tuner.h says
 * what each part is). Zhou et al. 2022 compare fine-tuning the image encoder with learned prompts and do not
 * say how it is trained; here the recipe is that of the prompts, with crops that are new in each epoch.
 */
#include "experiments/methods/method.h"
#include "experiments/methods/tuning.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>

typedef struct {
    MethodOptions common;
    IntList part;      /* of TunedPart */
    IntList optimizer; /* of OptimizerKind */
    IntList crops;     /* 0 and 1 */
} Options;

static const KeySpec keys[] = {
    {"part", KEY_CHOICE, KEY_LIST, offsetof(Options, part), .choices = TUNED_PARTS,
     .fallback = "image_encoder", .help = "what is trained: an encoder, or a part of both"},
    {"optimizer", KEY_CHOICE, KEY_LIST, offsetof(Options, optimizer), .choices = "sgd|adamw",
     .fallback = "sgd", .help = "with lr, momentum and weight_decay of optim"},
    {"crops", KEY_BOOL, KEY_LIST, offsetof(Options, crops), .fallback = "true",
     .help = "a fresh random crop each epoch, or the centre"},
};
static const KeyGroup group = KEY_GROUP(keys);

static const Options *options_of(const Point *point) {
    return (const Options *)point->options;
}

static TunerConfig config_of(const Point *point) {
    return (TunerConfig){.part = (TunedPart)options_of(point)->part.values[0]};
}

static OptimConfig optim_of(const Point *point) {
    OptimConfig optim = point->optim;
    optim.optimizer = (OptimizerKind)options_of(point)->optimizer.values[0];
    optim.beta1 = 0.9;
    optim.beta2 = 0.999;
    optim.epsilon = 1e-8;
    return optim;
}

static const char *label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                         Arena *arena) {
    (void)context;
    static const char *const names[] = {"fine-tuned image encoder", "fine-tuned text encoder",
                                        "fine-tuned CLIP",          "fine-tuned image projection",
                                        "fine-tuned biases",        "fine-tuned layer norms"};
    return options_label(names[options_of(variant)->part.values[0]], "part", variant, entry, arena);
}

static int check(Session *session, const Point *point, Error *err) {
    const bool is_resnet = session->model.clip->image == IMAGE_TOWER_RESNET;
    if (is_resnet && config_of(point).part == TUNE_LAYER_NORM && !session->quiet)
        print_line(stderr, "%s: a ResNet has no layer norms: those of the text encoder alone are trained",
                   point->label);
    return training_check_texts(session, point, err);
}

static int flops(double *flops, Session *session, const Point *point, Error *err) {
    const TunerConfig config = config_of(point);
    const OptimConfig optim = optim_of(point);
    return tuning_flops(flops, session, point, &config, &optim, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const OptimConfig optim = optim_of(point);
    return tuning_run(session, point, config_of(point), &optim, options_of(point)->crops.values[0], folder,
                      logits, result, progress, arena, err);
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session;
    return tuning_transfer(learned, false, folder, target, logits, arena, err);
}

static const PointRules rules = {.label = label};

const Method method_finetune = {
    .spec = {.section = {"finetune",
                         "a method: CLIP's own weights; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key, &method_optim_keys}},
             .options_size = sizeof(Options),
             .title = "fine-tuning",
             .uses = USES_TRAINING | USES_OPTIM | USES_TEXT,
             .rules = &rules},
    .check = check,
    .flops = flops,
    .run = run,
    .transfer = transfer,
    .serves_new_classes = method_serves_new_classes,
};
