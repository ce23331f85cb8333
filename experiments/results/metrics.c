/* metrics.c: see metrics.h */
#include "experiments/results/metrics.h"

#include "clip/base/files.h"
#include "experiments/results/tensorboard.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MAX_METRICS_FILE ((size_t)1 << 30)

/* --- reading --- */

static int read_line(EpochMetrics *epoch, const char *line, size_t size) {
    json_t *json = json_loadb(line, size, 0, NULL);
    int failed = json_unpack(json, "{s:i, s:F, s:F, s:F}", "epoch", &epoch->epoch, "lr", &epoch->lr, "loss",
                             &epoch->loss, "accuracy", &epoch->accuracy);
    json_decref(json);
    return failed || epoch->epoch < 1 ? -1 : 0;
}

int metrics_read(MetricsList *list, const char *path, Arena *arena, Error *err) {
    size_t size, n_lines = 0;
    char *text = file_read(path, MAX_METRICS_FILE, arena, &size, err);
    if (!text)
        return -1;
    for (size_t i = 0; i < size; i++)
        n_lines += text[i] == '\n';
    if (n_lines > INT_MAX)
        return error_set(err, "%s: too many lines", path);
    *list = (MetricsList){.epochs = ARENA_NEW(arena, EpochMetrics, n_lines)};
    if (!list->epochs)
        return error_memory(err);
    for (char *at = text, *end; (end = memchr(at, '\n', size - (size_t)(at - text))); at = end + 1) {
        if (read_line(&list->epochs[list->n], at, (size_t)(end - at)) < 0)
            return error_set(err, "%s: line %d: not the numbers of an epoch", path, list->n + 1);
        list->n++;
    }
    return 0;
}

/* --- writing --- */

static FILE *open_file(const char *path, const char *mode, Error *err) {
    FILE *file = fopen(path, mode);
    if (!file)
        error_run(err, "%s: cannot write: %s", path, strerror(errno));
    return file;
}

/* Cuts metrics.jsonl behind the epochs that the state knows: what came after them is done again. */
static int cut_lines(const char *path, int n_epochs, Arena *arena, Error *err) {
    size_t size, end = 0;
    char *text = file_read(path, MAX_METRICS_FILE, arena, &size, err);
    if (!text)
        return -1;
    for (int line = 0; line < n_epochs && end < size; line++) {
        const char *newline = memchr(text + end, '\n', size - end);
        end = newline ? (size_t)(newline - text) + 1 : size;
    }
    return truncate(path, (off_t)end) == 0 ? 0 : error_run(err, "%s: cannot cut: %s", path, strerror(errno));
}

static void write_events(FILE *events, const EpochMetrics *epoch) {
    tensorboard_scalar(events, "loss", epoch->epoch, epoch->loss);
    tensorboard_scalar(events, "accuracy", epoch->epoch, epoch->accuracy);
    tensorboard_scalar(events, "lr", epoch->epoch, epoch->lr);
}

int metrics_open(MetricsWriter *writer, const char *folder, int n_epochs, Arena *arena, Error *err) {
    MetricsList before = {0};
    writer->path = path_join(arena, folder, METRICS_FILE);
    writer->events_path = path_join(arena, folder, TENSORBOARD_FILE);
    if (!writer->path || !writer->events_path)
        return error_memory(err);
    if (file_exists(writer->path) && (cut_lines(writer->path, n_epochs, arena, err) < 0 ||
                                      metrics_read(&before, writer->path, arena, err) < 0))
        return -1;
    writer->lines = open_file(writer->path, "a", err);
    writer->events = writer->lines ? open_file(writer->events_path, "w", err) : NULL;
    if (!writer->events)
        return -1;
    tensorboard_begin(writer->events);
    for (int i = 0; i < before.n; i++)
        write_events(writer->events, &before.epochs[i]);
    return 0;
}

void metrics_add(MetricsWriter *writer, const EpochReport *report) {
    char line[160];
    EpochMetrics epoch;
    int n = snprintf(line, sizeof line, "{\"epoch\": %d, \"lr\": %.9g, \"loss\": %.9g, \"accuracy\": %.9g}\n",
                     report->epoch, report->lr, report->loss, 100 * report->accuracy);
    fputs(line, writer->lines);
    if (read_line(&epoch, line, (size_t)n) == 0) /* as a resumed training will find them */
        write_events(writer->events, &epoch);
}

int metrics_sync(MetricsWriter *writer, Error *err) {
    if (fflush(writer->lines) != 0 || fsync(fileno(writer->lines)) != 0)
        return error_run(err, "%s: cannot write: %s", writer->path, strerror(errno));
    if (fflush(writer->events) != 0 || ferror(writer->events))
        return error_run(err, "%s: cannot write: %s", writer->events_path, strerror(errno));
    return 0;
}

void metrics_close(MetricsWriter *writer) {
    if (writer->lines)
        fclose(writer->lines);
    if (writer->events)
        fclose(writer->events);
    *writer = (MetricsWriter){0};
}
