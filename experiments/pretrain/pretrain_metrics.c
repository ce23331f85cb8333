/* pretrain_metrics.c: see pretrain_metrics.h */
#include "experiments/pretrain/pretrain_metrics.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/base/json.h"
#include "experiments/results/checked_line.h"
#include "experiments/results/metrics.h"
#include "experiments/results/tensorboard.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define MAX_METRICS_FILE ((size_t)4 << 30)

/* The numbers of an evaluation by name: both files and the reader follow this table. */
typedef struct {
    const char *name;
    bool zeroshot;
    size_t offset; /* of a double in Evaluation */
} EvaluationField;

#define AT(field) offsetof(Evaluation, field)
static const EvaluationField fields[] = {
    {"clip_val_loss", false, AT(val_loss)},
    {"image_to_text_mean_rank", false, AT(to_text.mean_rank)},
    {"image_to_text_median_rank", false, AT(to_text.median_rank)},
    {"image_to_text_R@1", false, AT(to_text.within[0])},
    {"image_to_text_R@5", false, AT(to_text.within[1])},
    {"image_to_text_R@10", false, AT(to_text.within[2])},
    {"text_to_image_mean_rank", false, AT(to_image.mean_rank)},
    {"text_to_image_median_rank", false, AT(to_image.median_rank)},
    {"text_to_image_R@1", false, AT(to_image.within[0])},
    {"text_to_image_R@5", false, AT(to_image.within[1])},
    {"text_to_image_R@10", false, AT(to_image.within[2])},
    {"zeroshot_top1", true, AT(top1)},
    {"zeroshot_top5", true, AT(top5)},
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

static bool has_field(const Evaluation *evaluation, const EvaluationField *field) {
    return field->zeroshot ? evaluation->n_zeroshot > 0 : evaluation->n_val > 0;
}

static double *field_of(Evaluation *evaluation, const EvaluationField *field) {
    return (double *)(void *)((char *)evaluation + field->offset);
}

/* --- reading --- */

typedef enum { LINE_IS_BAD, LINE_IS_STEP, LINE_IS_EVALUATION } LineKind;

static LineKind read_object(StepMetrics *step, Evaluation *evaluation, json_t *json) {
    json_int_t number;
    int epoch;
    if (json_unpack(json, "{s:I, s:i}", "step", &number, "epoch", &epoch) != 0 || number < 0 || epoch < 1)
        return LINE_IS_BAD;
    if (json_object_get(json, "loss")) {
        *step = (StepMetrics){.step = (long)number, .epoch = epoch};
        return json_unpack(json, "{s:F, s:F, s:F, s:F}", "loss", &step->loss, "lr", &step->lr, "logit_scale",
                           &step->logit_scale, "pairs_per_second", &step->pairs_per_second) == 0
                   ? LINE_IS_STEP
                   : LINE_IS_BAD;
    }
    *evaluation = (Evaluation){.step = (long)number, .epoch = epoch};
    if (json_unpack(json, "{s?i, s?i}", "num_samples", &evaluation->n_val, "zeroshot_num_samples",
                    &evaluation->n_zeroshot) != 0)
        return LINE_IS_BAD;
    for (int i = 0; i < N_FIELDS; i++)
        if (has_field(evaluation, &fields[i]) &&
            json_unpack(json, "{s:F}", fields[i].name, field_of(evaluation, &fields[i])) != 0)
            return LINE_IS_BAD;
    return evaluation->n_val + evaluation->n_zeroshot > 0 ? LINE_IS_EVALUATION : LINE_IS_BAD;
}

static LineKind read_line(StepMetrics *step, Evaluation *evaluation, const char *line, size_t size) {
    json_error_t why;
    json_begin();
    if (line_state(line, size) == LINE_DAMAGED)
        return LINE_IS_BAD;
    json_t *json = json_read(line, size, &why);
    const LineKind kind = json ? read_object(step, evaluation, json) : LINE_IS_BAD;
    json_decref(json);
    return kind;
}

/* Whole lines; *end is where they do. A bad one is an error, unless damage is asked for: then it is left out,
 * and the first named there. */
static int read_lines(MetricsHistory *history, size_t *end, const char *path, const char *text, size_t size,
                      const char **damage, Arena *arena, Error *err) {
    size_t n_lines = 0;
    for (size_t i = 0; i < size; i++)
        n_lines += text[i] == '\n';
    if (n_lines > INT_MAX)
        return error_set(err, "%s: too many lines", path);
    *history = (MetricsHistory){.steps = ARENA_NEW(arena, StepMetrics, n_lines),
                                .evaluations = ARENA_NEW(arena, Evaluation, n_lines)};
    if (arena_failed(arena))
        return error_memory(err);
    const char *at = text, *newline;
    for (int i = 0; (newline = memchr(at, '\n', size - (size_t)(at - text))); i++, at = newline + 1) {
        Error bad = {0};
        const LineKind kind =
            read_line(&history->steps[history->n_steps], &history->evaluations[history->n_evaluations], at,
                      (size_t)(newline - at));
        if (kind == LINE_IS_BAD)
            json_refuse(&bad, "%s: line %d: damaged, or not the numbers of a step", path, i + 1);
        if (bad.kind && (!damage || bad.is_memory)) {
            *err = bad;
            return -1;
        }
        if (bad.kind && !*damage && !(*damage = arena_strdup(arena, bad.text)))
            return error_memory(err);
        history->n_steps += kind == LINE_IS_STEP;
        history->n_evaluations += kind == LINE_IS_EVALUATION;
    }
    *end = (size_t)(at - text);
    return 0;
}

int pretrain_metrics_read(MetricsHistory *history, const char *path, long size, Arena *arena, Error *err) {
    size_t n, end;
    const char *text = file_read(path, MAX_METRICS_FILE, arena, &n, err);
    if (!text)
        return -1;
    if ((size_t)size > n)
        return error_set(err, "%s: ends too early: %zu bytes where the state has %ld", path, n, size);
    if (read_lines(history, &end, path, text, (size_t)size, NULL, arena, err) < 0)
        return -1;
    return end == (size_t)size
               ? 0
               : error_set(err, "%s: does not go with the state: byte %ld is within a line", path, size);
}

int pretrain_metrics_salvage(MetricsHistory *history, const char *path, const char **damage, Arena *arena,
                             Error *err) {
    Error why = {0};
    size_t size, end;
    const char *text = file_read(path, MAX_METRICS_FILE, arena, &size, &why);
    *history = (MetricsHistory){0};
    *damage = NULL;
    if (text)
        return read_lines(history, &end, path, text, size, damage, arena, err);
    *damage = arena_strdup(arena, why.text);
    if (*damage && why.kind == ERROR_INPUT)
        return 0;
    *err = why;
    return -1;
}

/* --- writing --- */

static void write_step_events(FILE *events, const StepMetrics *step) {
    tensorboard_scalar(events, "train/loss", (int)step->step, step->loss);
    tensorboard_scalar(events, "train/lr", (int)step->step, step->lr);
    tensorboard_scalar(events, "train/scale", (int)step->step, step->logit_scale);
}

static void write_evaluation_events(FILE *events, Evaluation *evaluation) {
    for (int i = 0; i < N_FIELDS; i++) {
        char tag[64];
        snprintf(tag, sizeof tag, "val/%s", fields[i].name);
        if (has_field(evaluation, &fields[i]))
            tensorboard_scalar(events, tag, (int)evaluation->step, *field_of(evaluation, &fields[i]));
    }
}

/* In the order of the lines: an evaluation follows its step. */
static void write_history_events(FILE *events, const MetricsHistory *history) {
    int e = 0;
    for (int i = 0; i < history->n_steps; i++) {
        for (; e < history->n_evaluations && history->evaluations[e].step < history->steps[i].step; e++)
            write_evaluation_events(events, &history->evaluations[e]);
        write_step_events(events, &history->steps[i]);
    }
    for (; e < history->n_evaluations; e++)
        write_evaluation_events(events, &history->evaluations[e]);
}

int pretrain_metrics_open(MetricsWriter *metrics, const char *folder, long size, Arena *arena, Error *err) {
    MetricsHistory history = {0};
    if (metrics_name(metrics, folder, arena, err) < 0)
        return -1;
    if (size > 0 && pretrain_metrics_read(&history, metrics->path, size, arena, err) < 0)
        return -1;
    if (file_exists(metrics->path) && truncate(metrics->path, (off_t)size) < 0)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot cut", metrics->path);
    if (metrics_begin(metrics, err) < 0)
        return -1;
    write_history_events(metrics->events, &history);
    return 0;
}

/* The object with its check, and its numbers as a resumed run will find them. */
static void add_object(MetricsWriter *metrics, Buffer *object) {
    char tail[LINE_TAIL];
    StepMetrics step;
    Evaluation evaluation;
    const char *text = buffer_text(object);
    const LineKind kind = text ? read_line(&step, &evaluation, text, object->size) : LINE_IS_BAD;
    if (text)
        fprintf(metrics->lines, "%.*s%s\n", (int)object->size - 1, text, line_tail(tail, text));
    if (kind == LINE_IS_STEP && !metrics->failed)
        write_step_events(metrics->events, &step);
    else if (kind == LINE_IS_EVALUATION && !metrics->failed)
        write_evaluation_events(metrics->events, &evaluation);
    else
        metrics->failed = true;
    buffer_free(object);
}

void pretrain_metrics_step(MetricsWriter *metrics, const StepMetrics *step) {
    Buffer object = {0};
    buffer_printf(&object,
                  "{\"step\": %ld, \"epoch\": %d, \"loss\": %.9g, \"lr\": %.9g, \"logit_scale\": %.9g, "
                  "\"pairs_per_second\": %.4g}",
                  step->step, step->epoch, step->loss, step->lr, step->logit_scale, step->pairs_per_second);
    add_object(metrics, &object);
}

void pretrain_metrics_evaluation(MetricsWriter *metrics, const Evaluation *evaluation) {
    Buffer object = {0};
    Evaluation copy = *evaluation;
    buffer_printf(&object, "{\"step\": %ld, \"epoch\": %d", copy.step, copy.epoch);
    for (int i = 0; i < N_FIELDS; i++)
        if (has_field(&copy, &fields[i]))
            buffer_printf(&object, ", \"%s\": %.9g", fields[i].name, *field_of(&copy, &fields[i]));
    if (copy.n_val > 0)
        buffer_printf(&object, ", \"num_samples\": %d", copy.n_val);
    if (copy.n_zeroshot > 0)
        buffer_printf(&object, ", \"zeroshot_num_samples\": %d", copy.n_zeroshot);
    buffer_puts(&object, "}");
    add_object(metrics, &object);
}

int pretrain_metrics_sync(MetricsWriter *metrics, long *size, Error *err) {
    if (metrics_sync(metrics, err) < 0)
        return -1;
    const off_t end = lseek(fileno(metrics->lines), 0, SEEK_END);
    if (end < 0)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot read", metrics->path);
    *size = (long)end;
    return 0;
}
