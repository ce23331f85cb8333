/* method_zeroshot.c: hand-written prompts, one or an ensemble. */
#include "experiments/config/names.h"
#include "experiments/methods/learned.h"
#include "experiments/methods/method.h"

#include <string.h>

static const TextList *templates_of(const Point *point) {
    return &point->options->templates;
}

static const char *label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                         Arena *arena) {
    const TextList *templates = templates_of(variant);
    if (entry->options->name)
        return entry->options->name;
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
    return session_check_texts(session, templates_of(point), point->label, err);
}

static int run(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err) {
    (void)progress;
    result->trained_parameters = 0;
    const float *text = session_texts(session, templates_of(point), arena, err);
    return text ? learned_write_texts(session, point, text, folder, logits, result, arena, err) : -1;
}

static const PointRules rules = {.label = label, .leaf = leaf};

const Method method_zeroshot = {
    .spec = {.section = {"zeroshot",
                         "a method: hand-written prompts",
                         {&method_name_key, &method_templates_key}},
             .options_size = sizeof(MethodOptions),
             .title = "zero-shot",
             .uses = USES_TEXT,
             .rules = &rules},
    .check = check,
    .run = run,
};
