/* result_files.c: see result_files.h */
#include "experiments/results/result_files.h"

#include "clip/base/files.h"
#include "coop/classifier_file.h"
#include "coop/train_state.h"
#include "coop/tuned_file.h"
#include "experiments/grid/point_yaml.h"
#include "experiments/results/logits.h"
#include "experiments/results/metrics.h"
#include "experiments/results/predictions.h"
#include "experiments/results/tensorboard.h"

#include <string.h>

static const char *const names[] = {PREDICTIONS_FILE,    PROMPT_FILE, CLASSIFIER_FILE, TUNED_WEIGHTS_FILE,
                                    TUNED_LOW_RANK_FILE, STATE_FILE,  POINT_YAML_FILE, METRICS_FILE,
                                    TENSORBOARD_FILE,    LOGITS_FILE, "log.txt",       NULL};
enum { N_NAMES = sizeof names / sizeof *names - 2 }; /* log.txt is for people, and grows */

const char *const *result_file_names(void) {
    return names;
}

int result_files_note(Result *result, const char *folder, Arena *arena, Error *err) {
    ResultFile *files = ARENA_NEW(arena, ResultFile, N_NAMES);
    int n = 0;
    for (int i = 0; files && i < N_NAMES; i++) {
        const char *path = path_join(arena, folder, names[i]);
        if (!path || !file_exists(path))
            continue;
        if (checksum_file(files[n].checksum, path, err) < 0)
            return -1;
        files[n++].name = names[i];
    }
    result->files = files;
    result->n_files = n;
    return arena_failed(arena) ? error_memory(err) : 0;
}

static int find_fault(const char **fault, const ResultFile *file, const char *path, Arena *arena,
                      Error *err) {
    char found[CHECKSUM_TEXT];
    Error why = {0};
    *fault = NULL;
    if (!file_exists(path))
        *fault = arena_printf(arena, "%s: missing", path);
    else if (checksum_file(found, path, &why) < 0)
        *fault = arena_strdup(arena, why.text);
    else if (strcmp(found, file->checksum) != 0)
        *fault = arena_printf(arena, "%s: damaged or changed: its checksum is %s where its result says %s",
                              path, found, file->checksum);
    return why.is_memory || arena_failed(arena) ? error_memory(err) : 0;
}

int result_files_fault(const char **fault, const Result *result, const char *output, Arena *arena,
                       Error *err) {
    *fault = NULL;
    for (int i = 0; i < result->n_files && !*fault && result->folder; i++) {
        const char *path = arena_printf(arena, "%s/%s/%s", output, result->folder, result->files[i].name);
        if (!path)
            return error_memory(err);
        if (find_fault(fault, &result->files[i], path, arena, err) < 0)
            return -1;
    }
    return 0;
}
