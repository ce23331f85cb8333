/* experiment.c: what follows from an experiment (experiment.h). */
#include "experiments/config/experiment.h"

#include "clip/base/files.h"
#include "clip/base/machine.h"
#include "clip/checkpoint/locate.h"
#include "datasets/lists/catalog.h"
#include "experiments/config/names.h"

#include <string.h>

/* What lies beyond is recomputed: 1,000 classes with contexts of their own stay below 4 GiB in all, at 1.1
 * times the time (coop bench). */
#define MAX_AUTO_BUDGET ((size_t)3 << 30)

const char *default_template(const DatasetSpec *dataset) {
    return dataset->template ? dataset->template : dataset_template(dataset->name);
}

int auto_epochs(const char *dataset_name, int num_shots) {
    if (dataset_name && strcmp(dataset_name, "imagenet") == 0)
        return 50;
    if (num_shots == SHOTS_ALL || num_shots > 4)
        return 200;
    return num_shots == 1 ? 50 : 100;
}

static size_t auto_budget(void) {
    const size_t memory = machine_memory(""), quarter = memory > 0 ? memory / 4 : (size_t)1 << 30;
    return quarter < MAX_AUTO_BUDGET ? quarter : MAX_AUTO_BUDGET;
}

const char *experiment_weights(const Experiment *experiment) {
    return experiment->model.weights_here ? experiment->model.weights_here : experiment->model.weights;
}

size_t experiment_memory_budget(const Experiment *experiment) {
    size_t all = experiment->memory_budget > 0 ? experiment->memory_budget : auto_budget();
    return experiment->n_sharing > 1 ? all / (size_t)experiment->n_sharing : all;
}

/* --- names --- */

/* The folder above the last part of a path, when that part is just "train" or "test". */
static const char *above_part(const char *path, Arena *arena) {
    char *stem = path_stem(path, arena);
    if (!stem || (strcmp(stem, "train") != 0 && strcmp(stem, "test") != 0))
        return path;
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    char *trimmed = arena_printf(arena, "%.*s", (int)n, path);
    char *folder = trimmed ? path_folder(arena, trimmed) : NULL;
    return folder && strcmp(folder, ".") != 0 && strcmp(folder, "/") != 0 ? folder : path;
}

char *experiment_dataset_name(const Experiment *experiment, Arena *arena) {
    const DatasetSpec *spec = &experiment->dataset;
    const char *name = spec->name;
    if (!name) {
        const char *folder = spec->images ? spec->images : spec->train ? spec->train : spec->test;
        const char *path = spec->split ? spec->split : spec->csv ? spec->csv : above_part(folder, arena);
        name = path ? path_stem(path, arena) : NULL;
        static const char prefix[] = "split_zhou_";
        if (name && strncmp(name, prefix, strlen(prefix)) == 0 && name[strlen(prefix)])
            name += strlen(prefix);
    }
    char *safe = name ? safe_name(name, arena) : NULL;
    const char *part = spec->subsample_classes;
    if (!safe || !part || strcmp(part, "all") == 0)
        return safe;
    return arena_printf(arena, "%s_%s", safe, part);
}

char *experiment_backbone_name(const Experiment *experiment, Arena *arena) {
    const char *weights = experiment->model.weights;
    char *stem = locate_is_name(weights) ? arena_strdup(arena, weights) : path_stem(weights, arena);
    for (char *at = stem; at && *at; at++) /* of a name: ViT-B/32 is in the file ViT-B-32.pt */
        *at = *at == '/' ? '-' : *at;
    return stem ? safe_name(stem, arena) : NULL;
}
