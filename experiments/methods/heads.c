/* heads.c: see heads.h */
#include "experiments/methods/heads.h"

#include "clip/base/clock.h"
#include "clip/image/image_tower.h"
#include "clip/math/ops.h"
#include "experiments/methods/learned.h"
#include "experiments/session/prompt_classes.h"

#include <stdio.h>
#include <string.h>

OptimConfig heads_optim(const HeadOptions *options, OptimizerKind optimizer, double lr, int max_epoch) {
    const bool is_paper = options->recipe.values[0] == RECIPE_PAPER;
    return (OptimConfig){.optimizer = optimizer,
                         .lr = lr,
                         .weight_decay = options->weight_decay.values[0],
                         .momentum = 0.9,
                         .beta1 = 0.9,
                         .beta2 = 0.999,
                         .epsilon = 1e-8,
                         .max_epoch = max_epoch,
                         .batch_size = options->batch_size.values[0],
                         .lr_scheduler = SCHEDULE_COSINE,
                         .warmup_epoch = is_paper ? 1 : 0,
                         .warmup_cons_lr = 1e-5,
                         .shuffle = true,
                         .keep_last = !is_paper};
}

/* --- images --- */

/* The views one behind the other are rows already: only their labels repeat. */
static int views_as_rows(TrainData *train, Arena *arena, Error *err) {
    int *labels = ARENA_NEW(arena, int, (size_t)train->n *(size_t)train->n_views);
    if (!labels)
        return error_memory(err);
    for (int v = 0; v < train->n_views; v++)
        memcpy(labels + (size_t)v * (size_t)train->n, train->labels, (size_t)train->n * sizeof *labels);
    train->labels = labels;
    train->n *= train->n_views;
    train->n_views = 1;
    return 0;
}

static int load_views(HeadImages *images, Session *session, const Point *point, const ItemList *train,
                      const HeadViews *views, Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const size_t E = (size_t)(views->unprojected ? image_tower_width(clip) : clip->embed_dim);
    const size_t n = (size_t)train->n;
    const int n_views = views->n > 0 ? views->n : 1;
    float *features = arena_floats(arena, (size_t)n_views * n, E);
    images->n_images = train->n;
    images->train = (TrainData){.features = features,
                                .labels = list_labels(train, arena),
                                .n = train->n,
                                .n_views = n_views,
                                .embed_dim = (int)E};
    if (arena_failed(arena))
        return error_memory(err);
    const FeatureView first = {.random = views->n > 0 ? views->kind : VIEW_CENTRE,
                               .seed = (uint32_t)point->seed,
                               .unprojected = views->unprojected};
    const int status =
        views->n > 0 ? session_views(session, features, train, first, n_views, err)
                     : session_features(session, features, train, first, "encoding training images", err);
    if (status < 0)
        return -1;
    if (!views->raw)
        unit_rows_forward(features, NULL, features, n_views * train->n, (int)E);
    return views->as_rows ? views_as_rows(&images->train, arena, err) : 0;
}

static int load_validation(HeadImages *images, Session *session, const ItemList *val, const HeadViews *views,
                           Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const int E = views->unprojected ? image_tower_width(clip) : clip->embed_dim;
    const FeatureView centre = {.unprojected = views->unprojected};
    images->n_val = val->n;
    images->val = arena_floats(arena, (size_t)val->n, (size_t)E);
    images->val_labels = list_labels(val, arena);
    if (arena_failed(arena))
        return error_memory(err);
    if (session_features(session, images->val, val, centre, "encoding validation images", err) < 0)
        return -1;
    if (!views->raw)
        unit_rows_forward(images->val, NULL, images->val, val->n, E);
    return 0;
}

int heads_load(HeadImages *images, Session *session, const Point *point, const HeadViews *views, Arena *arena,
               Error *err) {
    ItemList train, val;
    *images = (HeadImages){0};
    if (session_lists_with(session, &train, &val, views->validation, point->num_shots, point->seed, arena,
                           err) < 0 ||
        load_views(images, session, point, &train, views, arena, err) < 0)
        return -1;
    return load_validation(images, session, &val, views, arena, err);
}

void heads_tell_validation(Result *result, const HeadImages *images) {
    if (images->n_val == 0)
        result_set_text(result, "validation", "none");
}

/* --- logits --- */

int heads_classify(const LinearClassifier *classifier, const Session *session, const Session *tested,
                   float *logits, Arena *arena, Error *err) {
    const Dataset *from = &session->dataset, *to = &tested->dataset;
    Pool *pool = tested->model.pool;
    if (session == tested) {
        linear_classifier_logits(classifier, pool, logits, tested->test_unit, to->test.n);
        return 0;
    }
    float *scores = arena_floats(arena, (size_t)to->test.n, (size_t)from->n_classes);
    if (!scores)
        return error_memory(err);
    linear_classifier_logits(classifier, pool, scores, tested->test_unit, to->test.n);
    class_columns(logits, scores, from->class_names, from->n_classes, to);
    return 0;
}

/* --- closed forms --- */

int heads_run_fit(Session *session, const Point *point, const char *folder, float *logits, Result *result,
                  Progress *progress, Arena *arena, Error *err) {
    LinearClassifier classifier =
        linear_classifier(session->dataset.n_classes, session->model.clip->embed_dim, arena);
    if (arena_failed(arena))
        return error_memory(err);
    if (method_of(point)->fit(&classifier, session, point, result, progress, arena, err) < 0 ||
        heads_classify(&classifier, session, session, logits, arena, err) < 0)
        return -1;
    return learned_write_linear(session, point, &classifier, folder, logits, result, arena, err);
}

int heads_transfer_fit(Session *session, const Point *learned, const char *folder, const Session *target,
                       float *logits, Arena *arena, Error *err) {
    (void)folder;
    Progress none = {0};
    LinearClassifier classifier =
        linear_classifier(session->dataset.n_classes, session->model.clip->embed_dim, arena);
    if (arena_failed(arena))
        return error_memory(err);
    if (method_of(learned)->fit(&classifier, session, learned, NULL, &none, arena, err) < 0)
        return -1;
    return heads_classify(&classifier, session, target, logits, arena, err);
}

/* --- trained heads --- */

static int begin(HeadConfig *config, const HeadPlan *plan, const Session *session, const Point *point,
                 Arena *arena, Error *err) {
    *config = (HeadConfig){.n_classes = session->dataset.n_classes,
                           .embed_dim = session->model.clip->embed_dim,
                           .text = session_raw_texts(session, &point->options->templates, arena, err),
                           .logit_scale = session->model.clip->logit_scale,
                           .alpha = plan->alpha,
                           .seed = (uint32_t)point->seed};
    return config->text ? 0 : -1;
}

static int add_constraint(HeadConfig *config, const TrainData *train, Pool *pool, Arena *arena, Error *err) {
    float *lambda = arena_floats(arena, (size_t)config->n_classes, 1);
    if (!lambda)
        return error_memory(err);
    config->lambda = lambda;
    return head_zero_shot_lambda(lambda, config, train->features, train->labels, train->n, pool, err);
}

/* The head of a point, with what it is trained by. */
static Head *head_of(const HeadConfig *config, const Session *session, Arena *arena, Error *err) {
    Head *head = head_create(config, session->model.pool, arena);
    if (!head)
        error_memory(err);
    return head;
}

static int classify(LinearClassifier *classifier, Head *head, const HeadConfig *config,
                    const Session *session, const Session *tested, float *logits, Arena *arena, Error *err) {
    *classifier = linear_classifier(config->n_classes, config->embed_dim, arena);
    if (arena_failed(arena))
        return error_memory(err);
    head_classifier(head, classifier);
    return heads_classify(classifier, session, tested, logits, arena, err);
}

int heads_prepare(const HeadPlan *plan, Session *session, const Point *point, Arena *arena, Error *err) {
    HeadImages images;
    return heads_load(&images, session, point, &plan->views, arena, err);
}

int heads_run(const HeadPlan *plan, Session *session, const Point *point, const char *folder, float *logits,
              Result *result, Progress *progress, Arena *arena, Error *err) {
    HeadImages images;
    HeadConfig config;
    Point trained = *point;
    trained.optim = plan->optim;
    if (heads_load(&images, session, point, &plan->views, arena, err) < 0 ||
        begin(&config, plan, session, point, arena, err) < 0)
        return -1;
    const double start = clock_seconds();
    if (plan->constrained && add_constraint(&config, &images.train, session->model.pool, arena, err) < 0)
        return -1;
    const double before = clock_seconds() - start; /* of learning, like that which follows */
    const int n_steps = images.n_images / trained.optim.batch_size;
    if (plan->views.as_rows)
        trained.optim.epoch_steps = n_steps > 0 ? n_steps : 1;
    Head *head = head_of(&config, session, arena, err);
    if (!head || training_run(session, &trained, folder, head_trainee(head), &images.train, "", result,
                              progress, arena, err) < 0)
        return -1;
    result->train_seconds += before;
    result->epochs = trained.optim.max_epoch;
    result->n_train = images.n_images;
    LinearClassifier classifier;
    if (classify(&classifier, head, &config, session, session, logits, arena, err) < 0)
        return -1;
    return learned_write_linear(session, point, &classifier, folder, logits, result, arena, err);
}

int heads_transfer(const HeadPlan *plan, Session *session, const Point *learned, const char *folder,
                   const Session *target, float *logits, Arena *arena, Error *err) {
    HeadConfig config;
    Head *head = NULL;
    if (begin(&config, plan, session, learned, arena, err) == 0)
        head = head_of(&config, session, arena, err);
    if (!head)
        return -1;
    if (training_read(head_trainee(head), &plan->optim, learned, folder, arena, err) < 0)
        return -1;
    LinearClassifier classifier;
    return classify(&classifier, head, &config, session, target, logits, arena, err);
}
