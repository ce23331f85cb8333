/* method_zeroshot.c: hand-written prompts, one or an ensemble. */
#include "coop/zeroshot.h"
#include "experiments/method.h"

#include <stddef.h>
#include <string.h>

typedef struct {
    MethodOptions common;
    TextList templates; /* of one ensemble */
} Options;

static const KeySpec keys[] = {METHOD_NAME_KEY, METHOD_TEMPLATES_KEY(Options)};

static const TextList *templates_of(const Point *point) {
    return &((const Options *)point->options)->templates;
}

static const char *label(const Point *variant, const MethodSpec *spec, const PointContext *context,
                         Arena *arena) {
    const TextList *templates = templates_of(variant);
    if (spec->options->name)
        return spec->options->name;
    if (templates->n > 1)
        return arena_printf(arena, "zero-shot ensemble (%d)", templates->n);
    if (strcmp(templates->values[0], default_template(&context->experiment->dataset)) == 0)
        return "zero-shot";
    return arena_printf(arena, "zero-shot \"%s\"", templates->values[0]);
}

static const char *leaf(const Point *point, const PointContext *context, Arena *arena) {
    const TextList *templates = templates_of(point);
    if (is_default_template(templates, context))
        return "default";
    char *start = templates->n == 1 ? safe_name(templates->values[0], arena)
                                    : arena_printf(arena, "ensemble%d", templates->n);
    char *digest = short_digest(point, context, arena);
    return start && digest ? arena_printf(arena, "%s_%s", start, digest) : NULL;
}

static int check(Session *session, const Point *point, Error *err) {
    const Dataset *dataset = &session->dataset;
    if (zeroshot_check(session->model.clip, session->model.tokenizer, templates_of(point)->values,
                       templates_of(point)->n, dataset->class_names, dataset->n_classes, err) < 0)
        return error_prefix(err, "%s: %.80s", session->experiment->path, point->label);
    return 0;
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)folder, (void)result, (void)progress;
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (!text)
        return error_memory(err);
    if (zeroshot_features(text, clip, session->model.tokenizer, session->model.pool,
                          templates_of(point)->values, templates_of(point)->n, dataset->class_names,
                          dataset->n_classes, err) < 0)
        return -1;
    cosine_logits(session->model.pool, logits, session->test_unit, text, dataset->test.n, dataset->n_classes,
                  clip->embed_dim, clip->logit_scale);
    return 0;
}

const Method method_zeroshot = {.section = {"zeroshot", METHOD_KEYS(keys), "a method: hand-written prompts"},
                                .options_size = sizeof(Options),
                                .title = "zero-shot",
                                .uses = USES_TEXT,
                                .label = label,
                                .leaf = leaf,
                                .check = check,
                                .run = run};
