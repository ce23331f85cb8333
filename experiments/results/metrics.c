/* metrics.c: see metrics.h */
#include "experiments/results/metrics.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "experiments/results/checked_line.h"
#include "experiments/results/tensorboard.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define MAX_METRICS_FILE ((size_t)1 << 30)

/* --- reading --- */

static int read_line(EpochMetrics *epoch, const char *line, size_t size) {
    json_error_t why;
    json_begin();
    if (line_state(line, size) == LINE_DAMAGED)
        return -1;
    json_t *json = json_read(line, size, &why);
    int failed = json_unpack(json, "{s:i, s:F, s:F, s:F}", "epoch", &epoch->epoch, "lr", &epoch->lr, "loss",
                             &epoch->loss, "accuracy", &epoch->accuracy);
    json_decref(json);
    return failed || epoch->epoch < 1 ? -1 : 0;
}

/* At most n_most epochs; *end is where they do. */
static int read_epochs(MetricsList *list, const char *path, int n_most, size_t *end, Arena *arena,
                       Error *err) {
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
    char *at = text, *newline;
    for (; list->n < n_most && (newline = memchr(at, '\n', size - (size_t)(at - text))); at = newline + 1) {
        if (read_line(&list->epochs[list->n], at, (size_t)(newline - at)) < 0)
            return json_refuse(err, "%s: line %d: damaged, or not the numbers of an epoch", path,
                               list->n + 1);
        list->n++;
    }
    *end = (size_t)(at - text);
    return 0;
}

int metrics_read(MetricsList *list, const char *path, Arena *arena, Error *err) {
    size_t end;
    return read_epochs(list, path, INT_MAX, &end, arena, err);
}

/* --- writing --- */

static FILE *open_file(const char *path, const char *mode, Error *err) {
    FILE *file = fopen(path, mode);
    if (!file)
        error_errno(err, ERROR_RUN, errno, "%s: cannot write", path);
    return file;
}

/* The epochs behind `first` up to n_epochs, all of which must be there. What came after them is cut off: it
 * is done again. */
static int take_epochs(MetricsList *before, const char *path, int first, int n_epochs, Arena *arena,
                       Error *err) {
    size_t end;
    const int n_lines = n_epochs - first;
    if (n_lines == 0 && !file_exists(path))
        return 0;
    if (read_epochs(before, path, n_lines, &end, arena, err) < 0)
        return -1;
    for (int i = 0; i < n_lines; i++)
        if (i >= before->n || before->epochs[i].epoch != first + i + 1)
            return error_set(err, "%s: line %d: not epoch %d", path, i + 1, first + i + 1);
    return truncate(path, (off_t)end) == 0 ? 0 : error_errno(err, ERROR_RUN, errno, "%s: cannot cut", path);
}

static void write_events(FILE *events, const EpochMetrics *epoch) {
    tensorboard_scalar(events, "loss", epoch->epoch, epoch->loss);
    tensorboard_scalar(events, "accuracy", epoch->epoch, epoch->accuracy);
    tensorboard_scalar(events, "lr", epoch->epoch, epoch->lr);
}

int metrics_name(MetricsWriter *writer, const char *folder, Arena *arena, Error *err) {
    writer->path = path_join(arena, folder, METRICS_FILE);
    writer->events_path = path_join(arena, folder, TENSORBOARD_FILE);
    return writer->path && writer->events_path ? 0 : error_memory(err);
}

int metrics_begin(MetricsWriter *writer, Error *err) {
    writer->lines = open_file(writer->path, "a", err);
    writer->events = writer->lines ? open_file(writer->events_path, "w", err) : NULL;
    if (!writer->events)
        return -1;
    tensorboard_begin(writer->events);
    return 0;
}

int metrics_open(MetricsWriter *writer, const char *folder, int n_elsewhere, int n_epochs, Arena *arena,
                 Error *err) {
    MetricsList before = {0};
    if (metrics_name(writer, folder, arena, err) < 0 ||
        take_epochs(&before, writer->path, n_elsewhere, n_epochs, arena, err) < 0 ||
        metrics_begin(writer, err) < 0)
        return -1;
    for (int i = 0; i < before.n; i++)
        write_events(writer->events, &before.epochs[i]);
    return 0;
}

void metrics_add(MetricsWriter *writer, const EpochReport *report) {
    char object[160], tail[LINE_TAIL];
    EpochMetrics epoch;
    int n =
        snprintf(object, sizeof object, "{\"epoch\": %d, \"lr\": %.9g, \"loss\": %.9g, \"accuracy\": %.9g}",
                 report->epoch, report->lr, report->loss, 100 * report->accuracy);
    fprintf(writer->lines, "%.*s%s\n", n - 1, object, line_tail(tail, object));
    if (writer->failed) /* no events behind a gap */
        return;
    if (read_line(&epoch, object, (size_t)n) == 0) /* as a resumed training will find them */
        write_events(writer->events, &epoch);
    else if (isfinite(report->loss) && isfinite(report->accuracy))
        writer->failed = true;
}

int metrics_sync(MetricsWriter *writer, Error *err) {
    if (writer->failed)
        return error_memory(err);
    if (fflush(writer->lines) != 0 || fsync(fileno(writer->lines)) != 0)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot write", writer->path);
    if (fflush(writer->events) != 0 || ferror(writer->events))
        return error_errno(err, ERROR_RUN, errno, "%s: cannot write", writer->events_path);
    return 0;
}

void metrics_close(MetricsWriter *writer) {
    if (writer->lines)
        fclose(writer->lines);
    if (writer->events)
        fclose(writer->events);
    *writer = (MetricsWriter){0};
}
