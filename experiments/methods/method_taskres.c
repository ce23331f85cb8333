/* method_taskres.c: a residual beside the text features (Yu et al. 2023; coop/heads/head.h). A training image
 * is seen in the views of the section augment (theirs: a new one in every epoch).
 */
#include "experiments/methods/heads.h"

#include <string.h>

typedef struct {
    HeadOptions head;
    RealList residual_scale; /* 0 is auto */
} Options;

static const KeySpec keys[] = {
    {"recipe", KEY_CHOICE, KEY_LIST, offsetof(Options, head.recipe), .choices = RECIPES, .fallback = "paper",
     .help = "paper: a warm-up epoch at 1e-5, and incomplete\nbatches are left out; plain: neither"},
    {"residual_scale", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, residual_scale), .low = 0,
     .high = 1e3, .word = "auto", .fallback = "auto",
     .help = "weight of the residual; auto: 0.5, and\n1 on oxford_flowers"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, head.common.lr), .low = 0, .high = 1e3,
     .word = "auto", .fallback = "auto",
     .help = "learning rate of Adam; auto: 0.002, and\n0.0002 on imagenet"},
    {"weight_decay", KEY_REAL, KEY_LIST, offsetof(Options, head.weight_decay), .low = 0, .high = 1e3,
     .fallback = "0.0005", .help = "L2 term of the gradient, in Adam too"},
    {"batch_size", KEY_INT, KEY_LIST, offsetof(Options, head.batch_size), .low = 1, .high = 1e6,
     .fallback = "256", .help = "images per step"},
    {"max_epoch", KEY_INT, KEY_LIST, offsetof(Options, head.common.max_epoch), .low = 1, .high = 1e6,
     .word = "auto", .fallback = "auto", .help = "auto: 100, 200 from 8 shots"},
};
static const KeyGroup group = KEY_GROUP(keys);

static HeadPlan plan_of(const Session *session, const Point *point) {
    const Options *options = (const Options *)point->options;
    const char *dataset = session->dataset.name;
    double lr = options->head.common.lr.values[0], alpha = options->residual_scale.values[0];
    int max_epoch = options->head.common.max_epoch.values[0];
    if (lr == 0)
        lr = strcmp(dataset, "imagenet") == 0 ? 2e-4 : 2e-3;
    if (alpha == 0)
        alpha = strcmp(dataset, "oxford_flowers") == 0 ? 1 : 0.5;
    if (max_epoch == 0)
        max_epoch = point->num_shots >= 8 || point->num_shots == SHOTS_ALL ? 200 : 100;
    const OptimConfig optim = heads_optim(&options->head, OPTIMIZER_ADAM, lr, max_epoch);
    return (HeadPlan){.optim = optim,
                      .alpha = alpha,
                      .views = {.n = point->views < max_epoch ? point->views : max_epoch,
                                .kind = VIEW_CROP,
                                .validation = VALIDATION_NONE}};
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    const HeadPlan plan = plan_of(session, point);
    return heads_prepare(&plan, session, point, arena, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const HeadPlan plan = plan_of(session, point);
    return heads_run(&plan, session, point, folder, logits, result, progress, arena, err);
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    const HeadPlan plan = plan_of(session, learned);
    return heads_transfer(&plan, session, learned, folder, target, logits, arena, err);
}

const Method method_taskres = {
    .spec = {.section = {"taskres",
                         "a method: a residual on the text features; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "TaskRes",
             .uses = USES_TRAINING | USES_VIEWS | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .run = run,
    .transfer = transfer,
};
