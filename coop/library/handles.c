/* handles.c: see handles.h */
#include "coop/library/handles.h"

int stop_asked(void *context, Error *err) {
    Stop *stop = context;
    if (!stop->ask)
        return 0;
    if (!atomic_load(&stop->said) && stop->ask(stop->context) != 0)
        atomic_store(&stop->said, true);
    if (!atomic_load(&stop->said))
        return 0;
    error_run(err, "stopped");
    if (err)
        err->kind = ERROR_SIGNAL;
    return -1;
}

int handle_prepare(coop_model *model, const coop_options *options, Error *err) {
    model->loaded = &model->own;
    model->stop.ask = options->stop;
    model->stop.context = options->stop_context;
    atomic_init(&model->stop.said, false);
    return pthread_mutex_init(&model->turn, NULL) == 0 ? 0 : error_memory(err);
}

void handle_finish(coop_model *model) {
    loaded_model_close(&model->own);
    pthread_mutex_destroy(&model->turn);
}

void turn_begin_alone(Turn *turn, coop_model *model) {
    *turn = (Turn){.model = model, .waited = true};
    pthread_mutex_lock(&model->turn);
    atomic_store(&model->stop.said, false);
    turn->pool = model->loaded->pool;
}

int turn_begin(Turn *turn, coop_model *model, Error *err) {
    if (pool_threads(model->loaded->pool) > 1 || model->loaded->encode) {
        turn_begin_alone(turn, model);
        return 0;
    }
    *turn = (Turn){.model = model, .stop = {.ask = model->stop.ask, .context = model->stop.context}};
    turn->pool = pool_create(1);
    if (!turn->pool)
        return error_memory(err);
    pool_set_stop(turn->pool, stop_asked, &turn->stop);
    return 0;
}

void turn_end(Turn *turn) {
    if (turn->waited)
        pthread_mutex_unlock(&turn->model->turn);
    else
        pool_free(turn->pool);
}
