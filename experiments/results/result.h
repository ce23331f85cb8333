/* result.h: what came out of one point.
 *
 * Accuracies are in percent. Numbers that a method does not have are NaN. num_shots is as in Point.
 */
#ifndef EXPERIMENTS_RESULTS_RESULT_H
#define EXPERIMENTS_RESULTS_RESULT_H

#include "clip/base/arena.h"
#include "clip/base/checksum.h"
#include "experiments/grid/point.h"

#include <stdbool.h>

/* A setting with a column of its own: one of the method's, such as n_ctx as it was trained, or the outcome of
 * a search, such as C of a linear probe or "alpha=1.17 beta=5.5". (`config` has all settings.) */
typedef enum { SETTING_INT, SETTING_BOOL, SETTING_REAL, SETTING_TEXT } SettingKind;

typedef struct {
    const char *name;
    SettingKind kind; /* a column has one: result_columns.c */
    union {
        int integer; /* SETTING_INT, SETTING_BOOL */
        double real;
        const char *text; /* borrowed */
    };
} ResultSetting;

enum { RESULT_MAX_SETTINGS = 12 };

/* A file in the folder of the point (result_files.h). */
typedef struct {
    const char *name;
    char checksum[CHECKSUM_TEXT];
} ResultFile;

/* Strings may be NULL (null in the JSON) except key, dataset, method and label. */
typedef struct {
    const char *key, *dataset, *method, *label, *folder;
    const char *source;  /* the dataset it was learned on when that is not `dataset`, else NULL */
    const char *config;  /* Point.config: the resolved configuration as one line of JSON */
    int num_shots, seed; /* as in Point */
    ResultSetting settings[RESULT_MAX_SETTINGS]; /* (n_settings) */
    int n_settings;
    double accuracy, macro_f1; /* percent */
    double val_accuracy;       /* percent of the images of session_encode_val */
    const double *per_class;   /* (n_classes) accuracy in percent; NaN for a class without test images */
    int n_classes, n_train, n_test;
    int split_train, split_val; /* images of the whole lists that few are drawn from; 0: none, or not known */
    int epochs;                 /* 0 for methods without epochs */
    double final_loss;          /* mean of the last epoch */
    double train_seconds;       /* from encoded images and texts to what is learned, its searches included */
    double total_seconds;       /* with encoding, testing and files */
    double trained_parameters;  /* numbers that training determines; 0: it keeps what it is given */
    const char *backbone;       /* LoadedModel.name: "RN50" */
    const char *activation;     /* Clip.activation: "gelu", "quick_gelu (assumed)" */
    const char *model_digest, *vocab_digest, *split_digest;
    const ResultFile *files; /* (n_files) */
    int n_files;
    const char *program;  /* "coop " COOP_VERSION of the run */
    const char *finished; /* "2024-05-01T12:00:00Z"; result_append fills it in when NULL */
    bool aside;       /* of other images, classes or parts than the last result of its dataset (results.h) */
    const char *line; /* the line of the file that it was read from; else NULL */
} Result;

/* Sets what the point alone determines: key, method, label, folder, config, num_shots, seed, epochs, the
 * settings of keys that are columns (KEY_COLUMN), and NaN for the numbers still to come. Strings are borrowed
 * from the point, or owned by the arena. */
void result_start(Result *result, const Point *point, const char *dataset, Arena *arena);

/* Adds a setting, or gives it another value. Its name is that of a column of result_columns.c: any other is a
 * programming error. */
void result_set_int(Result *result, const char *name, int value);
void result_set_bool(Result *result, const char *name, bool value);
void result_set_real(Result *result, const char *name, double value);
void result_set_text(Result *result, const char *name, const char *value);
const ResultSetting *result_setting(const Result *result, const char *name); /* NULL when absent */

#endif
