/* result.c: see result.h */
#include "experiments/results/result.h"

#include "experiments/config/config_values.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const ResultSetting *result_setting(const Result *result, const char *name) {
    for (int i = 0; i < result->n_settings; i++)
        if (strcmp(result->settings[i].name, name) == 0)
            return &result->settings[i];
    return NULL;
}

static void set(Result *result, ResultSetting setting) {
    ResultSetting *there = (ResultSetting *)result_setting(result, setting.name);
    if (!there) {
        assert(result->n_settings < RESULT_MAX_SETTINGS);
        there = &result->settings[result->n_settings++];
    }
    *there = setting;
}

void result_set_int(Result *result, const char *name, int value) {
    set(result, (ResultSetting){.name = name, .kind = SETTING_INT, .integer = value});
}

void result_set_bool(Result *result, const char *name, bool value) {
    set(result, (ResultSetting){.name = name, .kind = SETTING_BOOL, .integer = value});
}

void result_set_real(Result *result, const char *name, double value) {
    set(result, (ResultSetting){.name = name, .kind = SETTING_REAL, .real = value});
}

void result_set_text(Result *result, const char *name, const char *value) {
    set(result, (ResultSetting){.name = name, .kind = SETTING_TEXT, .text = value});
}

/* The value of a key of the point's method. The choices of a key are texts of its table. */
static void set_key(Result *result, const KeySpec *key, const void *value, Arena *arena) {
    if (key->type == KEY_INT)
        result_set_int(result, key->name, *(const int *)value);
    else if (key->type == KEY_BOOL)
        result_set_bool(result, key->name, key_truth(key, value));
    else if (key->type == KEY_REAL)
        result_set_real(result, key->name, *(const double *)value);
    else
        result_set_text(result, key->name, key_value_text(key, value, arena));
}

void result_start(Result *result, const Point *point, const char *dataset, Arena *arena) {
    const MethodSpec *method = point->method;
    *result = (Result){.key = point->key,
                       .dataset = dataset,
                       .method = method->section.name,
                       .label = point->label,
                       .folder = point->folder,
                       .config = point->config,
                       .num_shots = point->num_shots,
                       .seed = point->seed,
                       .accuracy = NAN,
                       .macro_f1 = NAN,
                       .val_accuracy = NAN,
                       .final_loss = NAN,
                       .train_seconds = NAN,
                       .total_seconds = NAN,
                       .trained_parameters = NAN};
    if (method->uses & USES_OPTIM)
        result->epochs = point->optim.max_epoch;
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(&method->section, i)); i++)
        if (key->flags & KEY_COLUMN)
            set_key(result, key, key_value(key, point->options, 0), arena);
}
