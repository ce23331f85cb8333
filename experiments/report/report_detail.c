/* report_detail.c: see report_detail.h */
#include "experiments/report/report_detail.h"

#include "clip/base/files.h"

#include <math.h>

int detail_read(Detail *detail, Error *err) {
    Arena *arena = detail->report->html.arena;
    const Result *result = detail->score->last;
    const char *path = path_join(arena, detail->score->folder, PREDICTIONS_FILE);
    Predictions *predictions = &detail->predictions;
    int K = result->n_classes, n_right = 0;
    if (!path)
        return error_memory(err);
    if (!file_exists(path))
        return error_set(err, "%s is not there: the run was made before runs kept it", path);
    if (predictions_read(predictions, path, K, arena, err) < 0)
        return -1;
    for (int i = 0; i < predictions->n; i++)
        n_right += predictions->items[i].label == predictions->items[i].predicted;
    if (predictions->n == 0 || predictions->n != result->n_test ||
        fabs(100.0 * n_right / predictions->n - result->accuracy) > 1e-6)
        return error_set(err, "%s does not belong to its result", path);
    detail->confusion = K <= 5000 ? ARENA_NEW(arena, int, (size_t)K *(size_t)K) : NULL;
    for (int i = 0; detail->confusion && i < predictions->n; i++)
        detail->confusion[predictions->items[i].label * K + predictions->items[i].predicted]++;
    return arena_failed(arena) ? error_memory(err) : 0;
}
