/* model_slot.h: the model of the experiment that is at work; neighbours that share a checkpoint open it once.
 */
#ifndef EXPERIMENTS_STAGE_MODEL_SLOT_H
#define EXPERIMENTS_STAGE_MODEL_SLOT_H

#include "coop/loaded_model.h"
#include "experiments/config/experiment.h"

/* A zeroed slot is empty. */
typedef struct {
    LoadedModel model;
    const Experiment *opened; /* whose model it is */
} ModelSlot;

int model_slot_use(ModelSlot *slot, const Experiment *experiment, int n_threads, Error *err);
void model_slot_close(ModelSlot *slot);

#endif
