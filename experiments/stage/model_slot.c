/* model_slot.c: see model_slot.h */
#include "experiments/stage/model_slot.h"

#include "experiments/session/cli_model.h"

#include <string.h>

static bool same_model(const Experiment *a, const Experiment *b) {
    return strcmp(a->model.weights, b->model.weights) == 0 && a->model.activation == b->model.activation &&
           a->model.heads == b->model.heads && a->model.precision == b->model.precision;
}

int model_slot_use(ModelSlot *slot, const Experiment *experiment, int n_threads, Error *err) {
    if (slot->opened && same_model(slot->opened, experiment))
        return 0;
    loaded_model_close(&slot->model);
    slot->opened = experiment;
    return cli_model_open_for(&slot->model, experiment, n_threads, err);
}

void model_slot_close(ModelSlot *slot) {
    loaded_model_close(&slot->model);
    slot->opened = NULL;
}
