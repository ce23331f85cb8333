/* handles.h: what the handles of coop.h hold, and how calls of several threads share a model. */
#ifndef COOP_LIBRARY_HANDLES_H
#define COOP_LIBRARY_HANDLES_H

#include "coop/classifier.h"
#include "coop/coop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The caller's function; once it has said stop, it is not asked again until the call has returned. */
typedef struct {
    int (*ask)(void *context); /* or NULL */
    void *context;
    atomic_bool said;
} Stop;

int stop_asked(void *context, Error *err); /* a StopFn for a pool; context is the Stop */

struct coop_model {
    LoadedModel own;     /* zeroed when it is a classifier's */
    LoadedModel *loaded; /* own, or that of a classifier */
    ClipTowers towers;
    Stop stop;            /* of loaded->pool */
    pthread_mutex_t turn; /* held by who works with loaded->pool */
};

struct coop_classifier {
    Classifier *classifier;
    coop_model own;    /* around the classifier's model; unused when that is borrowed */
    coop_model *model; /* own, or borrowed */
};

int handle_prepare(coop_model *model, const coop_options *options, Error *err);
void handle_finish(coop_model *model);

/* A call that computes. With one thread each call has a pool of its own, and no call waits for another; but
 * what was fine-tuned has activations that belong to the model. */
typedef struct {
    coop_model *model;
    Pool *pool;
    Stop stop;
    bool waited; /* the turn of the model's pool */
} Turn;

int turn_begin(Turn *turn, coop_model *model, Error *err);
void turn_begin_alone(Turn *turn, coop_model *model); /* always with the model's pool */
void turn_end(Turn *turn);

#endif
