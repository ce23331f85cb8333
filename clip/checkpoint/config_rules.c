/* config_rules.c: see config_rules.h */
#include "clip/checkpoint/config_rules.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "clip/checkpoint/locate.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_CONFIG ((size_t)256 << 10) /* bytes; jansson needs up to 200 for a value */
#define MAX_SIZE (1 << 24)

json_t *config_load(const char *path, Arena *arena, Error *err) {
    size_t size;
    char *text = file_read(path, MAX_CONFIG, arena, &size, err);
    if (!text)
        return NULL;
    json_error_t where;
    json_t *root = json_read(text, size, &where);
    if (!root)
        json_refuse(err, "%s: line %d: %s", path, where.line, where.text);
    else if (!json_is_object(root))
        error_set(err, "%s: not a JSON object", path);
    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

json_t *config_open(const char **path, const char *weights, const char *name, Arena *arena, Error *err) {
    *path = NULL;
    const char *found = locate_beside(weights, name, arena);
    if (!found) {
        if (arena_failed(arena))
            error_memory(err);
        return NULL;
    }
    *path = found;
    return config_load(found, arena, err);
}

int config_error(const ConfigPlace *place, const char *key, Error *err, const char *format, ...) {
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return error_set(err, "%s: %s%s%.60s: %s", place->path, place->section, *place->section ? "." : "", key,
                     reason);
}

bool config_is_off(const json_t *value) {
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_number(value) && json_number_value(value) == 0) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && !json_array_size(value)) ||
           (json_is_object(value) && !json_object_size(value));
}

/* "'avg'", "0.5", "true"; for messages */
static void value_text(const json_t *value, char out[80]) {
    if (json_is_string(value))
        snprintf(out, 80, "'%.60s'", json_string_value(value));
    else if (json_is_number(value))
        snprintf(out, 80, "%g", json_number_value(value));
    else
        snprintf(out, 80, "%s",
                 json_is_true(value)     ? "true"
                 : json_is_false(value)  ? "false"
                 : json_is_object(value) ? "{...}"
                                         : "[...]");
}

static int apply_size(const ConfigPlace *place, const char *key, const json_t *value, int *out, Error *err) {
    const json_t *number = value;
    if (json_array_size(value) == 2 && json_equal(json_array_get(value, 0), json_array_get(value, 1)))
        number = json_array_get(value, 0);
    if (json_array_size(value) == 2 && number == value)
        return config_error(place, key, err, "two different sizes: only squares are supported");
    if (!json_is_integer(number) || json_integer_value(number) < 1 || json_integer_value(number) > MAX_SIZE)
        return config_error(place, key, err, "not a whole number from 1 to %d", MAX_SIZE);
    *out = (int)json_integer_value(number);
    return 0;
}

static int apply_small(const ConfigPlace *place, const KeyRule *rule, const json_t *value, void *out,
                       Error *err) {
    const double number = json_number_value(value); /* 0 for what is no number */
    const float small = (float)number;
    if (!(number > 1e-30 && number < 1))
        return config_error(place, rule->name, err, "%g where a number above 0 and below 1 is needed",
                            number);
    memcpy(out, &small, sizeof small);
    return 0;
}

static int apply_real(const ConfigPlace *place, const KeyRule *rule, const json_t *value, void *out,
                      Error *err) {
    const double number = json_number_value(value);
    if (!(number > 0 && number <= rule->number))
        return config_error(place, rule->name, err, "%g where a number above 0 and at most %g is needed",
                            number, rule->number);
    memcpy(out, &number, sizeof number);
    return 0;
}

static int apply_rule(const ConfigPlace *place, const KeyRule *rule, const json_t *value, void *target,
                      Error *err) {
    char text[80];
    value_text(value, text);
    switch (rule->kind) {
    case RULE_SIZE:
        return apply_size(place, rule->name, value, (int *)((char *)target + rule->offset), err);
    case RULE_OFF:
        if (!config_is_off(value))
            return config_error(place, rule->name, err, "%s is not supported: %s", text, rule->reason);
        return 0;
    case RULE_WORD:
        if (!json_is_string(value) || strcmp(json_string_value(value), rule->word) != 0)
            return config_error(place, rule->name, err, "%s where '%s' is needed: %s", text, rule->word,
                                rule->reason);
        return 0;
    case RULE_NUMBER:
        if (!json_is_number(value) || !(fabs(json_number_value(value) / rule->number - 1) < 1e-3))
            return config_error(place, rule->name, err, "%s where %g is needed: %s", text, rule->number,
                                rule->reason);
        return 0;
    case RULE_SMALL:
        return apply_small(place, rule, value, (char *)target + rule->offset, err);
    case RULE_REAL:
        return apply_real(place, rule, value, (char *)target + rule->offset, err);
    case RULE_IGNORED:
    case RULE_MORE:
        return 0;
    }
    return 0;
}

static const KeyRule *find_rule(const KeyRule *rule, const char *key) {
    while (rule->kind == RULE_MORE || (rule->name && strcmp(rule->name, key) != 0))
        rule = rule->kind == RULE_MORE ? rule->more : rule + 1;
    return rule->name ? rule : NULL;
}

int config_apply(const ConfigPlace *place, const json_t *object, const KeyRule *rules, void *target,
                 Error *err) {
    const char *key;
    json_t *value;
    if (!object || json_is_null(object))
        return 0;
    if (!json_is_object(object))
        return error_set(err, "%s: %s: not a JSON object", place->path, place->section);
    json_object_foreach((json_t *)object, key, value) {
        const KeyRule *rule = find_rule(rules, key);
        if (!rule && place->strict && !config_is_off(value))
            return config_error(place, key, err,
                                "not a key that is known here; it may change what the model computes");
        if (rule && !json_is_null(value) && apply_rule(place, rule, value, target, err) < 0)
            return -1;
    }
    return 0;
}

int config_triple(const ConfigPlace *place, const json_t *object, const char *key, bool positive,
                  float out[3], Error *err) {
    const json_t *list = json_object_get(object, key);
    if (!list || json_is_null(list))
        return 0;
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_array_get(list, i);
        double number = json_number_value(value);
        if (json_array_size(list) != 3 || !json_is_number(value) || !(fabs(number) < 1e6) ||
            (positive && !(number > 1e-6)))
            return config_error(place, key, err, "not a list of three numbers%s", positive ? " above 0" : "");
        out[i] = (float)number;
    }
    return 0;
}
