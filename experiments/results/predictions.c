/* predictions.c: see predictions.h */
#include "experiments/results/predictions.h"

#include "datasets/lists/csv_fields.h"
#include "datasets/lists/lists.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PREDICTIONS_FILE ((size_t)1 << 30)

enum { PATH, LABEL, CLASS, PREDICTED, PREDICTED_CLASS, CONFIDENCE, N_COLUMNS };
static const char *const COLUMNS[N_COLUMNS] = {"path",      "label",           "class",
                                               "predicted", "predicted_class", "confidence"};

/* --- writing --- */

/* Softmax of a row (K) at its largest element; 1 where that is infinite. */
static double confidence(const float *row, int n_classes, int predicted) {
    double sum = 0;
    for (int k = 0; k < n_classes; k++)
        sum += exp((double)row[k] - row[predicted]);
    return sum >= 1 ? 1 / sum : 1;
}

int predictions_write(const char *path, const float *logits, const int *predicted, const Dataset *dataset,
                      Arena *arena, Error *err) {
    const ItemList *test = &dataset->test;
    int K = dataset->n_classes;
    FileWriter *writer = file_create(path, err);
    if (!writer)
        return -1;
    for (int column = 0; column < N_COLUMNS; column++)
        file_printf(writer, "%s%s", COLUMNS[column], column + 1 < N_COLUMNS ? "," : "\n");
    for (int i = 0; i < test->n; i++) {
        size_t mark = arena_mark(arena);
        const char *image = path_join(arena, dataset->root, test->items[i].path);
        if (!image) {
            file_discard(writer);
            return error_memory(err);
        }
        csv_put(writer, image);
        file_printf(writer, ",%d,", test->items[i].label);
        csv_put(writer, dataset->class_names[test->items[i].label]);
        file_printf(writer, ",%d,", predicted[i]);
        csv_put(writer, dataset->class_names[predicted[i]]);
        file_printf(writer, ",%.6f\n", confidence(logits + (size_t)i * (size_t)K, K, predicted[i]));
        arena_reset(arena, mark);
    }
    return file_commit(writer, err);
}

/* --- reading --- */

/* The fields of one line; there must be N_COLUMNS of them. */
static int read_fields(CsvText *csv, char *fields[N_COLUMNS], Error *err) {
    int n = 0, line = csv->line;
    for (bool last = false; !last; n++) {
        char *field = csv_field(csv, &last, err);
        if (!field)
            return -1;
        if (n < N_COLUMNS)
            fields[n] = field;
    }
    if (n == N_COLUMNS)
        return 0;
    return error_set(err, "%s: line %d: %d fields where %d are needed", csv->path, line, n, N_COLUMNS);
}

static int read_header(CsvText *csv, Error *err) {
    char *fields[N_COLUMNS];
    if (!csv_next_line(csv))
        return error_set(err, "%s: empty file", csv->path);
    if (read_fields(csv, fields, err) < 0)
        return -1;
    for (int column = 0; column < N_COLUMNS; column++)
        if (strcmp(fields[column], COLUMNS[column]) != 0)
            return error_set(err, "%s: column %d: '%s' where '%s' is needed", csv->path, column + 1,
                             fields[column], COLUMNS[column]);
    return 0;
}

/* A class and its name, which the first row that has it gives. */
static int read_class(Predictions *predictions, const char *digits, const char *name, int *label) {
    char *end;
    long number = strtol(digits, &end, 10);
    if (end == digits || *end || number < 0 || number >= predictions->n_classes)
        return -1;
    *label = (int)number;
    if (!predictions->class_names[number])
        predictions->class_names[number] = name;
    return 0;
}

static int read_row(Predictions *predictions, CsvText *csv, Error *err) {
    Prediction *item = &predictions->items[predictions->n];
    char *fields[N_COLUMNS], *end;
    int line = csv->line;
    if (read_fields(csv, fields, err) < 0)
        return -1;
    item->path = csv_plain(fields[PATH]);
    item->confidence = strtod(fields[CONFIDENCE], &end);
    if (end == fields[CONFIDENCE] || *end || !(item->confidence >= 0 && item->confidence <= 1))
        return error_set(err, "%s: line %d: confidence '%s'", csv->path, line, fields[CONFIDENCE]);
    if (read_class(predictions, fields[LABEL], csv_plain(fields[CLASS]), &item->label) < 0 ||
        read_class(predictions, fields[PREDICTED], csv_plain(fields[PREDICTED_CLASS]), &item->predicted) < 0)
        return error_set(err, "%s: line %d: a label that is not one of %d classes", csv->path, line,
                         predictions->n_classes);
    predictions->n++;
    return 0;
}

static size_t count_lines(const CsvText *csv) {
    size_t n = 1;
    for (const char *at = csv->at; at < csv->end; at++)
        n += *at == '\n' || *at == '\r';
    return n;
}

int predictions_read(Predictions *predictions, const char *path, int n_classes, Arena *arena, Error *err) {
    CsvText csv;
    if (n_classes < 1 || n_classes > MAX_CLASSES)
        return error_set(err, "%s: of %d classes", path, n_classes);
    if (csv_open(&csv, path, MAX_PREDICTIONS_FILE, arena, err) < 0 || read_header(&csv, err) < 0)
        return -1;
    size_t most = count_lines(&csv);
    if (most > INT_MAX)
        return error_set(err, "%s: too many lines", path);
    *predictions = (Predictions){.n_classes = n_classes};
    predictions->items = ARENA_NEW(arena, Prediction, most);
    predictions->class_names = ARENA_NEW(arena, const char *, n_classes);
    if (arena_failed(arena))
        return error_memory(err);
    while (csv_next_line(&csv))
        if (read_row(predictions, &csv, err) < 0)
            return -1;
    for (int k = 0; k < n_classes; k++)
        if (!predictions->class_names[k])
            predictions->class_names[k] = arena_printf(arena, "class %d", k);
    return arena_failed(arena) ? error_memory(err) : 0;
}
