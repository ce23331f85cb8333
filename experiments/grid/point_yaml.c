/* point_yaml.c: the experiment file of one point (point_yaml.h). */
#include "experiments/grid/point_yaml.h"

#include "clip/base/buffer.h"
#include "experiments/config/config_keys.h"
#include "experiments/config/config_values.h"
#include "experiments/config/yaml_tree.h"

/* "KEY: TEXT" with a separator in front; nothing when there is no text. */
static void write_pair(Buffer *out, const char *before, const char *key, const char *text) {
    if (!text)
        return;
    buffer_printf(out, "%s%s: ", before, key);
    yaml_write_text(out, text);
}

static void write_real(Buffer *out, const char *before, const char *key, double number) {
    char text[40];
    real_text(text, number);
    buffer_printf(out, "%s%s: %s", before, key, text);
}

static void write_dataset(Buffer *out, const DatasetSpec *spec) {
    const struct {
        const char *key, *text;
    } pairs[] = {{"name", spec->name},         {"root", spec->root},
                 {"format", spec->format},     {"train", spec->train},
                 {"val", spec->val},           {"test", spec->test},
                 {"images", spec->images},     {"split", spec->split},
                 {"csv", spec->csv},           {"class_names", spec->class_names},
                 {"template", spec->template}, {"features", spec->features}};
    buffer_printf(out, "dataset: {subsample_classes: %s",
                  spec->subsample_classes ? spec->subsample_classes : "all");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        write_pair(out, ", ", pairs[i].key, pairs[i].text);
    if (spec->draw_asked) {
        write_real(out, ", ", "p_trn", spec->p_trn);
        write_real(out, ", ", "p_val", spec->p_val);
        buffer_printf(out, ", split_seed: %d", spec->split_seed);
    }
    if (spec->original_caches)
        buffer_puts(out, ", original_caches: true");
    if (spec->exif == EXIF_ROTATE)
        buffer_puts(out, ", exif: rotate");
    buffer_printf(out, "}\n");
}

static void write_key(Buffer *out, const KeySpec *key, const void *value, Arena *arena) {
    const char *text = key_value_text(key, value, arena);
    if (!text)
        return; /* the arena tells */
    if (key->type == KEY_TEXT || key->type == KEY_PATH)
        yaml_write_text(out, text);
    else
        buffer_puts(out, text);
}

/* What a key of optim says is written there, but for a method with a recipe of its own, which stands in its
 * place. */
static void write_method(Buffer *out, const Point *point, Arena *arena) {
    const SectionSpec *section = &point->method->section, *optim = section_find("optim");
    const PointRules *rules = point->method->rules;
    buffer_printf(out, "methods:\n  - %s:", section->name);
    write_pair(out, "\n      ", "name", point->label);
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        if (key->flags & KEY_OPTIM && rules && rules->recipe) {
            buffer_printf(out, "\n      %s: ", key->name);
            write_key(out, key, optim_field(section_key(optim, key->name), &point->optim), arena);
        }
        if (!(key->flags & KEY_LIST) || key->flags & KEY_OPTIM || key_count(key, point->options) == 0)
            continue;
        buffer_printf(out, "\n      %s:", key->name);
        for (int v = 0; v < key_count(key, point->options); v++) {
            buffer_puts(out, key->flags & KEY_TEMPLATES ? "\n        - " : " ");
            write_key(out, key, key_value(key, point->options, v), arena);
        }
    }
    buffer_printf(out, "\n");
}

static void write_optim(Buffer *out, const OptimConfig *optim, Arena *arena) {
    const SectionSpec *section = section_find("optim");
    const KeySpec *key;
    buffer_printf(out, "optim:");
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        if (!optim_tells(key, optim, arena))
            continue;
        buffer_printf(out, "\n  %s: ", key->name);
        write_key(out, key, optim_field(key, optim), arena);
    }
    buffer_printf(out, "\n");
}

static void write_point(Buffer *out, const Experiment *experiment, const Point *point, Arena *arena) {
    buffer_printf(
        out, "# One point of an experiment, everything resolved. `coop run` on this file finds it in the "
             "output.\n");
    write_pair(out, "", "name", experiment->name);
    write_pair(out, "\n", "output", experiment->output);
    write_pair(out, "\nmodel: {", "weights", experiment->model.weights);
    buffer_printf(out, experiment->model.vocab ? "" : ", vocab: auto");
    write_pair(out, ", ", "vocab", experiment->model.vocab);
    if (experiment->model.activation != CLIP_ACTIVATION_AUTO)
        buffer_printf(out, ", activation: %s", clip_activation_name(experiment->model.activation));
    if (experiment->model.heads)
        buffer_printf(out, ", heads: %d", experiment->model.heads);
    if (experiment->model.precision != PRECISION_FLOAT32)
        buffer_printf(out, ", precision: %s", precision_name(experiment->model.precision));
    buffer_printf(out, "}\n");
    write_dataset(out, &experiment->dataset);
    if (point->num_shots > 0)
        buffer_printf(out, "grid: {num_shots: %d, seed: %d}\n", point->num_shots, point->seed);
    else if (point->num_shots == SHOTS_ALL)
        buffer_printf(out, "grid: {num_shots: all, seed: %d}\n", point->seed);
    write_method(out, point, arena);
    if (point->method->uses & USES_OPTIM)
        write_optim(out, &point->optim, arena);
    if (point->method->uses & USES_VIEWS)
        buffer_printf(out, "augment: {views: %d}\n", point->views);
    buffer_printf(out, "outputs: {logits: %s, report: %s}\n", point->logits ? "true" : "false",
                  experiment->outputs.report ? "true" : "false");
    if (experiment->memory_budget > 0)
        buffer_printf(out, "memory_budget: %zu\n", experiment->memory_budget);
    write_pair(out, "", "cache", experiment->cache);
    buffer_printf(out, "\n");
}

char *point_yaml(const Experiment *experiment, const Point *point, Arena *arena) {
    Buffer out = {0};
    write_point(&out, experiment, point, arena);
    return buffer_take(&out, arena);
}
