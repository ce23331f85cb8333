/* checkpoints.c: see checkpoints.h */
#include "experiments/retrieve/checkpoints.h"

#include "experiments/session/cli_model.h"

#include <string.h>

/* Checkpoints of one architecture are told apart by their files. */
static int name_all(const char **names, const Checkpoints *all, Arena *arena, Error *err) {
    const int n = all->weights.n;
    const char **full = ARENA_NEW(arena, const char *, n);
    for (int i = 0; full && i < n; i++) {
        bool alone = true;
        for (int j = 0; j < n; j++)
            alone &= i == j || strcmp(names[i], names[j]) != 0;
        full[i] = alone ? names[i] : arena_printf(arena, "%s (%s)", names[i], all->weights.values[i]);
    }
    if (arena_failed(arena))
        return error_memory(err);
    memcpy(names, full, (size_t)n * sizeof *names);
    return 0;
}

int checkpoints_each(const char **names, const Checkpoints *all, int n_threads, bool quiet, CheckpointFn use,
                     void *context, Arena *arena, Error *err) {
    for (int i = 0; i < all->weights.n; i++) {
        const Experiment experiment = {.model = {.weights = all->weights.values[i],
                                                 .vocab = all->vocab,
                                                 .activation = all->activation,
                                                 .heads = all->heads,
                                                 .precision = all->precision}};
        LoadedModel model;
        int status = cli_model_open_for(&model, &experiment, n_threads, err);
        if (status == 0) {
            cli_model_print_note(&model, quiet);
            names[i] = arena_strdup(arena, model.name);
            status = names[i] ? use(context, &model, i, err) : error_memory(err);
        }
        loaded_model_close(&model);
        if (status < 0)
            return -1;
    }
    return name_all(names, all, arena, err);
}
