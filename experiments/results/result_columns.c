/* result_columns.c: see result_columns.h */
#include "experiments/results/result_columns.h"

#include "clip/base/json.h"
#include "datasets/lists/csv_fields.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum {
    COLUMN_TEXT,
    COLUMN_INT,
    COLUMN_COUNT, /* an int of which 0 is none */
    COLUMN_REAL,  /* NaN is none */
    COLUMN_WHOLE, /* the same, without a fraction */
    COLUMN_SHOTS,
    COLUMN_SETTING /* of the methods that have it */
} ColumnKind;

typedef struct {
    const char *name;
    ColumnKind kind;
    size_t offset;       /* in Result */
    const char *format;  /* of a real number in the CSV */
    SettingKind setting; /* of COLUMN_SETTING */
} Column;

#define AT(field) offsetof(Result, field)

/* In the order of the JSON, where per_class, config and files follow. */
static const Column columns[] = {
    {"key", COLUMN_TEXT, .offset = AT(key)},
    {"dataset", COLUMN_TEXT, .offset = AT(dataset)},
    {"source", COLUMN_TEXT, .offset = AT(source)},
    {"method", COLUMN_TEXT, .offset = AT(method)},
    {"label", COLUMN_TEXT, .offset = AT(label)},
    {"num_shots", COLUMN_SHOTS, .offset = AT(num_shots)},
    {"seed", COLUMN_INT, .offset = AT(seed)},
    {"n_ctx", COLUMN_SETTING, .setting = SETTING_INT},
    {"csc", COLUMN_SETTING, .setting = SETTING_BOOL},
    {"class_token_position", COLUMN_SETTING, .setting = SETTING_TEXT},
    {"ctx_init", COLUMN_SETTING, .setting = SETTING_TEXT},
    {"accuracy", COLUMN_REAL, .offset = AT(accuracy), .format = "%.4f"},
    {"macro_f1", COLUMN_REAL, .offset = AT(macro_f1), .format = "%.4f"},
    {"val_accuracy", COLUMN_REAL, .offset = AT(val_accuracy), .format = "%.4f"},
    {"n_classes", COLUMN_INT, .offset = AT(n_classes)},
    {"n_train", COLUMN_INT, .offset = AT(n_train)},
    {"n_test", COLUMN_INT, .offset = AT(n_test)},
    {"split_train", COLUMN_COUNT, .offset = AT(split_train)},
    {"split_val", COLUMN_COUNT, .offset = AT(split_val)},
    {"epochs", COLUMN_COUNT, .offset = AT(epochs)},
    {"final_loss", COLUMN_REAL, .offset = AT(final_loss), .format = "%.6g"},
    {"C", COLUMN_SETTING, .setting = SETTING_REAL, .format = "%.6g"},
    {"train_seconds", COLUMN_REAL, .offset = AT(train_seconds), .format = "%.3f"},
    {"total_seconds", COLUMN_REAL, .offset = AT(total_seconds), .format = "%.3f"},
    {"trained_parameters", COLUMN_WHOLE, .offset = AT(trained_parameters), .format = "%.0f"},
    {"found", COLUMN_SETTING, .setting = SETTING_TEXT},
    {"validation", COLUMN_SETTING, .setting = SETTING_TEXT},
    {"mean_rank", COLUMN_SETTING, .setting = SETTING_REAL, .format = "%.4f"},
    {"median_rank", COLUMN_SETTING, .setting = SETTING_REAL, .format = "%.1f"},
    {"folder", COLUMN_TEXT, .offset = AT(folder)},
    {"backbone", COLUMN_TEXT, .offset = AT(backbone)},
    {"activation", COLUMN_TEXT, .offset = AT(activation)},
    {"model_digest", COLUMN_TEXT, .offset = AT(model_digest)},
    {"vocab_digest", COLUMN_TEXT, .offset = AT(vocab_digest)},
    {"split_digest", COLUMN_TEXT, .offset = AT(split_digest)},
    {"program", COLUMN_TEXT, .offset = AT(program)},
    {"finished", COLUMN_TEXT, .offset = AT(finished)},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static const Column *column_find(const char *name) {
    for (int i = 0; i < N_COLUMNS; i++)
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}

/* --- to JSON --- */

static const void *field_at(const Result *result, const Column *column) {
    return (const char *)result + column->offset;
}

static json_t *real_json(double number) {
    return isfinite(number) ? json_real(number) : json_null();
}

static json_t *whole_json(double number) {
    return isfinite(number) ? json_integer((json_int_t)number) : json_null();
}

static json_t *text_json(const char *text) {
    return text ? json_string(text) : json_null();
}

static json_t *setting_json(const ResultSetting *setting) {
    if (!setting)
        return json_null();
    switch (setting->kind) {
    case SETTING_INT:
        return json_integer(setting->integer);
    case SETTING_BOOL:
        return json_boolean(setting->integer);
    case SETTING_REAL:
        return real_json(setting->real);
    default:
        return text_json(setting->text);
    }
}

static json_t *column_json(const Result *result, const Column *column) {
    const void *field = field_at(result, column);
    switch (column->kind) {
    case COLUMN_TEXT:
        return text_json(*(const char *const *)field);
    case COLUMN_INT:
        return json_integer(*(const int *)field);
    case COLUMN_COUNT:
        return *(const int *)field > 0 ? json_integer(*(const int *)field) : json_null();
    case COLUMN_REAL:
        return real_json(*(const double *)field);
    case COLUMN_WHOLE:
        return whole_json(*(const double *)field);
    case COLUMN_SHOTS:
        return result->num_shots == SHOTS_ALL
                   ? json_string("all")
                   : json_integer(result->num_shots == SHOTS_NONE ? 0 : result->num_shots);
    default:
        return setting_json(result_setting(result, column->name));
    }
}

static json_t *per_class_json(const Result *result) {
    json_t *list = json_array();
    int failed = !list;
    for (int k = 0; result->per_class && k < result->n_classes; k++)
        failed |= json_array_append_new(list, real_json(result->per_class[k]));
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *files_json(const Result *result) {
    json_t *files = json_object();
    int failed = !files;
    for (int i = 0; i < result->n_files; i++)
        failed |= json_object_set_new(files, result->files[i].name, json_string(result->files[i].checksum));
    if (!failed)
        return files;
    json_decref(files);
    return NULL;
}

json_t *result_json(const Result *result) {
    json_error_t why;
    json_t *json = json_object();
    int failed = !json;
    for (int i = 0; i < result->n_settings; i++) {
        const Column *column = column_find(result->settings[i].name);
        assert(column && column->kind == COLUMN_SETTING && column->setting == result->settings[i].kind);
    }
    for (int i = 0; i < N_COLUMNS; i++)
        failed |= json_object_set_new(json, columns[i].name, column_json(result, &columns[i]));
    failed |= json_object_set_new(json, "per_class", per_class_json(result));
    failed |= json_object_set_new(json, "config",
                                  result->config ? json_read(result->config, strlen(result->config), &why)
                                                 : json_null());
    failed |= json_object_set_new(json, "files", files_json(result));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

/* --- from JSON --- */

static const char *get_text(const json_t *json, const char *key, Arena *arena) {
    const char *text = json_string_value(json_object_get(json, key));
    return text ? arena_strdup(arena, text) : NULL;
}

static double get_real(const json_t *json, const char *key) {
    const json_t *value = json_object_get(json, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int get_int(const json_t *json, const char *key) {
    json_int_t value = json_integer_value(json_object_get(json, key));
    return value >= 0 && value <= INT32_MAX ? (int)value : 0;
}

static void read_per_class(Result *result, const json_t *list, Arena *arena) {
    size_t n = json_array_size(list);
    double *values = ARENA_NEW(arena, double, n);
    for (size_t k = 0; values && k < n; k++) {
        const json_t *value = json_array_get(list, k);
        values[k] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    if (n > 0 && (int)n == result->n_classes)
        result->per_class = values;
}

static void read_files(Result *result, json_t *json, Arena *arena) {
    ResultFile *files = ARENA_NEW(arena, ResultFile, json_object_size(json));
    const char *name;
    json_t *value;
    result->files = files;
    json_object_foreach(json, name, value) {
        const char *digits = json_string_value(value);
        if (!files || !digits)
            continue;
        ResultFile *file = &files[result->n_files++];
        file->name = arena_strdup(arena, name);
        snprintf(file->checksum, sizeof file->checksum, "%s", digits);
    }
}

/* A value of another type than the column's is as good as none. */
static void read_setting(Result *result, const Column *column, const json_t *json, Arena *arena) {
    const json_t *value = json_object_get(json, column->name);
    if (column->setting == SETTING_INT && json_is_integer(value))
        result_set_int(result, column->name, get_int(json, column->name));
    else if (column->setting == SETTING_BOOL && json_is_boolean(value))
        result_set_bool(result, column->name, json_is_true(value));
    else if (column->setting == SETTING_REAL && json_is_number(value))
        result_set_real(result, column->name, json_number_value(value));
    else if (column->setting == SETTING_TEXT && json_is_string(value))
        result_set_text(result, column->name, get_text(json, column->name, arena));
}

static void read_column(Result *result, const Column *column, const json_t *json, Arena *arena) {
    void *field = (char *)result + column->offset;
    const json_t *value = json_object_get(json, column->name);
    switch (column->kind) {
    case COLUMN_TEXT:
        *(const char **)field = get_text(json, column->name, arena);
        break;
    case COLUMN_INT:
    case COLUMN_COUNT:
        *(int *)field = get_int(json, column->name);
        break;
    case COLUMN_REAL:
    case COLUMN_WHOLE:
        *(double *)field = get_real(json, column->name);
        break;
    case COLUMN_SHOTS:
        result->num_shots = json_is_string(value) ? SHOTS_ALL : get_int(json, column->name);
        if (json_is_integer(value) && result->num_shots == 0)
            result->num_shots = SHOTS_NONE;
        break;
    default:
        read_setting(result, column, json, arena);
    }
}

int result_from_json(Result *result, const json_t *json, Arena *arena) {
    *result = (Result){0};
    for (int i = 0; i < N_COLUMNS; i++)
        read_column(result, &columns[i], json, arena);
    read_per_class(result, json_object_get(json, "per_class"), arena);
    read_files(result, json_object_get(json, "files"), arena);
    const json_t *value = json_object_get(json, "config");
    char *config = json_write(value, JSON_COMPACT | JSON_SORT_KEYS);
    const bool lost = !config && (json_is_object(value) || json_is_array(value));
    result->config = config ? arena_strdup(arena, config) : NULL;
    free(config);
    bool whole = result->key && result->dataset && result->method && result->label &&
                 json_object_get(json, "num_shots");
    return whole && !lost && strlen(result->key) == 64 ? 0 : -1;
}

/* --- CSV --- */

/* The columns by name; the JSON has its own order. New ones come last: tables made elsewhere count them. */
static const char *const csv_columns[] = {"dataset",
                                          "source",
                                          "method",
                                          "label",
                                          "num_shots",
                                          "seed",
                                          "n_ctx",
                                          "csc",
                                          "class_token_position",
                                          "ctx_init",
                                          "accuracy",
                                          "macro_f1",
                                          "n_classes",
                                          "n_train",
                                          "n_test",
                                          "epochs",
                                          "final_loss",
                                          "C",
                                          "found",
                                          "train_seconds",
                                          "total_seconds",
                                          "folder",
                                          "backbone",
                                          "model_digest",
                                          "vocab_digest",
                                          "split_digest",
                                          "finished",
                                          "key",
                                          "activation",
                                          "split_train",
                                          "split_val",
                                          "program",
                                          "val_accuracy",
                                          "validation",
                                          "trained_parameters",
                                          "mean_rank",
                                          "median_rank"};
enum { N_CSV_COLUMNS = sizeof csv_columns / sizeof *csv_columns };

static void csv_real(FileWriter *writer, const char *format, double number) {
    char text[64] = "";
    if (isfinite(number))
        snprintf(text, sizeof text, format, number);
    file_printf(writer, "%s", text);
}

static void csv_setting(FileWriter *writer, const Column *column, const ResultSetting *setting) {
    if (!setting)
        return;
    if (setting->kind == SETTING_INT)
        file_printf(writer, "%d", setting->integer);
    else if (setting->kind == SETTING_BOOL)
        file_printf(writer, "%s", setting->integer ? "true" : "false");
    else if (setting->kind == SETTING_REAL)
        csv_real(writer, column->format, setting->real);
    else
        csv_put(writer, setting->text);
}

static void csv_value(FileWriter *writer, const Result *result, const Column *column) {
    const void *field = field_at(result, column);
    switch (column->kind) {
    case COLUMN_TEXT:
        csv_put(writer, *(const char *const *)field);
        break;
    case COLUMN_INT:
        file_printf(writer, "%d", *(const int *)field);
        break;
    case COLUMN_COUNT:
        if (*(const int *)field > 0)
            file_printf(writer, "%d", *(const int *)field);
        break;
    case COLUMN_REAL:
    case COLUMN_WHOLE:
        csv_real(writer, column->format, *(const double *)field);
        break;
    case COLUMN_SHOTS:
        if (result->num_shots == SHOTS_ALL)
            file_printf(writer, "all");
        else
            file_printf(writer, "%d", result->num_shots == SHOTS_NONE ? 0 : result->num_shots);
        break;
    default:
        csv_setting(writer, column, result_setting(result, column->name));
    }
}

void result_csv(FileWriter *writer, const Result *result) {
    for (int i = 0; i < N_CSV_COLUMNS; i++) {
        csv_value(writer, result, column_find(csv_columns[i]));
        file_append(writer, i == N_CSV_COLUMNS - 1 ? "\n" : ",", 1);
    }
}

void result_csv_names(FileWriter *writer) {
    for (int i = 0; i < N_CSV_COLUMNS; i++)
        file_printf(writer, "%s%s", csv_columns[i], i == N_CSV_COLUMNS - 1 ? "\n" : ",");
}
