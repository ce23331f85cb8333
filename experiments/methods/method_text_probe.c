/* method_text_probe.c: a linear probe that starts at the text features, as CLAP's authors train it without
 * their constraint (ZS-LP; coop/heads/head.h), and with it (CLAP).
 */
#include "experiments/methods/heads.h"

extern const Method method_text_probe, method_clap;

typedef struct {
    HeadOptions head;
    IntList views;
} Options;

static const KeySpec keys[] = {
    {"recipe", KEY_CHOICE, KEY_LIST, offsetof(Options, head.recipe), .choices = RECIPES, .fallback = "paper",
     .help = "paper: a warm-up epoch at 1e-5; an epoch is as\n"
             "many of all views as there are images, and\n"
             "leaves out an incomplete batch. plain: no\n"
             "warm-up, a view per epoch, all images"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, offsetof(Options, head.common.lr), .low = 0, .high = 1e3,
     .fallback = "0.1", .help = "learning rate of SGD"},
    {"weight_decay", KEY_REAL, KEY_LIST, offsetof(Options, head.weight_decay), .low = 0, .high = 1e3,
     .fallback = "0", .help = "L2 term of the gradient"},
    {"batch_size", KEY_INT, KEY_LIST, offsetof(Options, head.batch_size), .low = 1, .high = 1e6,
     .fallback = "256", .help = "images per step"},
    {"max_epoch", KEY_INT, KEY_LIST, offsetof(Options, head.common.max_epoch), .low = 1, .high = 1e6,
     .fallback = "300", .help = "epochs"},
    {"views", KEY_INT, KEY_LIST, offsetof(Options, views), .low = 0, .high = 1e5, .fallback = "20",
     .help = "random crops per image; 0: the centre crop"},
};
static const KeyGroup group = KEY_GROUP(keys);

static HeadPlan plan_of(const Point *point) {
    const Options *options = (const Options *)point->options;
    return (HeadPlan){.optim = heads_optim(&options->head, OPTIMIZER_SGD, options->head.common.lr.values[0],
                                           options->head.common.max_epoch.values[0]),
                      .constrained = point->method == &method_clap.spec,
                      .views = {.n = options->views.values[0],
                                .kind = VIEW_CROP,
                                .as_rows = options->head.recipe.values[0] == RECIPE_PAPER,
                                .validation = VALIDATION_NONE}};
}

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    const HeadPlan plan = plan_of(point);
    return heads_prepare(&plan, session, point, arena, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    const HeadPlan plan = plan_of(point);
    return heads_run(&plan, session, point, folder, logits, result, progress, arena, err);
}

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    const HeadPlan plan = plan_of(learned);
    return heads_transfer(&plan, session, learned, folder, target, logits, arena, err);
}

const Method method_text_probe = {
    .spec = {.section = {"text_probe",
                         "a method: a probe from the text features; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "text-initialised probe",
             .uses = USES_TRAINING | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .run = run,
    .transfer = transfer,
};

const Method method_clap = {
    .spec = {.section = {"clap",
                         "a method: text_probe, held near the text features; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "CLAP",
             .uses = USES_TRAINING | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .run = run,
    .transfer = transfer,
};
