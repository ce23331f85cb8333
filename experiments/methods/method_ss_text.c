/* method_ss_text.c: SS-Text and SS-Text+ (coop/heads/ss_text.h), from the centre crop. */
#include "coop/heads/ss_text.h"

#include "clip/base/clock.h"
#include "coop/heads/head.h"
#include "experiments/methods/heads.h"

#define FIXED_LAMBDA 0.1f

typedef enum { ADAPTIVE_SHOTS, ADAPTIVE_PERF, FIXED } TextLambda;

typedef struct {
    MethodOptions common;
    IntList text_lambda;                /* of TextLambda */
    IntList balanced_importance, repel; /* 0 and 1 */
} Options;

static const KeySpec keys[] = {
    {"text_lambda", KEY_CHOICE, KEY_LIST, offsetof(Options, text_lambda),
     .choices = "adaptive_shots|adaptive_perf|fixed", .fallback = "adaptive_shots",
     .help = "of the texts: 1 / images; how sure zero-shot\n"
             "CLIP is of the class, as in clap; 0.1"},
    {"balanced_importance", KEY_BOOL, KEY_LIST, offsetof(Options, balanced_importance), .fallback = "true",
     .help = "images: all, or those of the class"},
    {"repel", KEY_BOOL, KEY_LIST, offsetof(Options, repel), .fallback = "false",
     .help = "classes push each other away; with\nbalanced_importance false it is SS-Text+"},
};
static const KeyGroup group = KEY_GROUP(keys);
static const HeadViews centre = {.validation = VALIDATION_NONE};

static int prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    HeadImages images;
    return heads_load(&images, session, point, &centre, arena, err);
}

static SsTextConfig config_of(const Session *session, const Point *point, const float *text, float *lambda) {
    const Options *options = (const Options *)point->options;
    const bool by_shots = options->text_lambda.values[0] == ADAPTIVE_SHOTS;
    for (int k = 0; k < session->dataset.n_classes; k++)
        lambda[k] = FIXED_LAMBDA;
    return (SsTextConfig){.n_classes = session->dataset.n_classes,
                          .embed_dim = session->model.clip->embed_dim,
                          .text = text,
                          .logit_scale = session->model.clip->logit_scale,
                          .kind = !by_shots                                ? SS_TEXT_GIVEN
                                  : options->balanced_importance.values[0] ? SS_TEXT_ALL
                                                                           : SS_TEXT_PER_CLASS,
                          .lambda = lambda,
                          .repel = options->repel.values[0]};
}

static int fit(LinearClassifier *classifier, Session *session, const Point *point, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)progress;
    const Options *options = (const Options *)point->options;
    HeadImages images;
    float *lambda = arena_floats(arena, (size_t)classifier->n_classes, 1);
    const float *text = session_texts(session, &point->options->templates, arena, err);
    if (!text || heads_load(&images, session, point, &centre, arena, err) < 0)
        return -1;
    if (arena_failed(arena))
        return error_memory(err);
    const double start = clock_seconds();
    const TrainData *train = &images.train;
    const SsTextConfig config = config_of(session, point, text, lambda);
    const HeadConfig head = {.n_classes = config.n_classes,
                             .embed_dim = config.embed_dim,
                             .text = text,
                             .logit_scale = config.logit_scale};
    if (options->text_lambda.values[0] == ADAPTIVE_PERF &&
        head_zero_shot_lambda(lambda, &head, train->features, train->labels, train->n, session->model.pool,
                              err) < 0)
        return -1;
    if (ss_text_fit(classifier, &config, train->features, train->labels, train->n, err) < 0)
        return -1;
    if (result) {
        result->train_seconds = clock_seconds() - start;
        result->trained_parameters = (double)classifier->n_classes * classifier->embed_dim;
        result->n_train = images.n_images;
    }
    return 0;
}

const Method method_ss_text = {
    .spec = {.section = {"ss_text",
                         "a method: texts and mean images, in closed form; every list is a dimension",
                         {&method_name_key, &group, &method_templates_key}},
             .options_size = sizeof(Options),
             .title = "SS-Text",
             .uses = USES_TRAINING | USES_TEXT},
    .check = training_check_texts,
    .prepare = prepare,
    .fit = fit,
    .run = heads_run_fit,
    .transfer = heads_transfer_fit,
};
