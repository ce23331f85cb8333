/* outcome.c: see outcome.h */
#include "experiments/retrieve/outcome.h"

#include "clip/base/files.h"
#include "coop/coop.h"
#include "experiments/results/results.h"
#include "experiments/run/lock.h"

#include <math.h>
#include <string.h>

static int append(const char *folder, const Subject *subject, LoadedModel *model, const Measure *measure,
                  Arena *arena, Error *err) {
    Result result = {.dataset = subject->dataset,
                     .method = subject->method,
                     .label = measure->label,
                     .num_shots = SHOTS_NONE,
                     .accuracy = measure->percent,
                     .macro_f1 = NAN,
                     .val_accuracy = NAN,
                     .n_test = measure->n,
                     .final_loss = NAN,
                     .train_seconds = NAN,
                     .total_seconds = NAN,
                     .backbone = model->name,
                     .activation = model->clip->activation,
                     .model_digest = loaded_model_tower_digest(model),
                     .vocab_digest = tokenizer_digest(model->tokenizer),
                     .split_digest = subject->digest,
                     .program = "coop " COOP_VERSION};
    char key[65];
    const char *text =
        arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s\n%s", subject->method, subject->dataset, subject->digest,
                     measure->label, result.model_digest, result.activation, result.vocab_digest);
    if (!text)
        return error_memory(err);
    digest_bytes(key, text, strlen(text));
    result.key = key;
    if (isfinite(measure->mean_rank)) {
        result_set_real(&result, "mean_rank", measure->mean_rank);
        result_set_real(&result, "median_rank", measure->median_rank);
    }
    return result_append(folder, &result, err);
}

/* Drops replaced lines. */
static int tidy(const char *folder, Arena *arena, Error *err) {
    ResultList list;
    if (results_read(&list, folder, arena, err) < 0)
        return -1;
    if (list.n_replaced > 0 && results_rewrite(folder, &list, err) < 0)
        return -1;
    return results_write_csv(folder, &list, err);
}

int outcome_write(const char *folder, const Subject *subject, LoadedModel *model, const Measure *measures,
                  int n, Error *err) {
    Lock *lock = NULL;
    Arena *arena = arena_create();
    int status = arena ? make_folders(folder, err) : error_memory(err);
    if (status == 0)
        status = lock_take(&lock, folder, true, err);
    for (int i = 0; i < n && status == 0; i++)
        if (isfinite(measures[i].percent) && !measures[i].is_detail)
            status = append(folder, subject, model, &measures[i], arena, err);
    if (status == 0)
        status = tidy(folder, arena, err);
    lock_release(lock);
    arena_free(arena);
    return status;
}

int outcome_check(const char *folder, Error *err) {
    Lock *lock = NULL;
    if (!folder)
        return 0;
    if (make_folders(folder, err) < 0 || lock_take(&lock, folder, true, err) < 0)
        return -1;
    lock_release(lock);
    return 0;
}
