/* crew.c: see crew.h */
#include "experiments/crew/crew.h"

#include "clip/base/clock.h"
#include "experiments/terminal/interrupt.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE 25.0 /* seconds for saving a state; Slurm waits 30 by default before it kills */
#define LOOK_AGAIN 0.05

typedef struct {
    RankGroup *ranks;
    const CrewWork *work;
    bool *busy; /* (ranks_count) */
    int n_busy;
    double give_up; /* when those must have stopped who were told; 0: nobody was */
} Crew;

static void hand_out(Crew *crew) {
    for (int to = 1; to < ranks_count(crew->ranks); to++) {
        Buffer out = {0};
        if (crew->busy[to])
            continue;
        if (interrupt_signal() || !crew->work->next(crew->work->context, to, &out)) {
            buffer_free(&out);
            return;
        }
        parcel_send(crew->ranks, to, to, crew->work->kind, &out);
        crew->busy[to] = true;
        crew->n_busy++;
    }
}

static void answer(Crew *crew, const RankMessage *message) {
    Parcel in = parcel_open(message->data, message->size);
    if (message->kind == crew->work->kind + 1) {
        crew->busy[message->from] = false;
        crew->n_busy--;
        crew->work->take(crew->work->context, message->from, &in);
    } else if (message->kind == CREW_WANT && crew->work->give) {
        Buffer out = {0};
        crew->work->give(crew->work->context, &in, &out);
        parcel_send(crew->ranks, message->from, message->from, CREW_GIVE, &out);
    }
}

static void tell_to_stop(Crew *crew) {
    for (int to = 1; to < ranks_count(crew->ranks); to++)
        if (crew->busy[to])
            ranks_send(crew->ranks, to, CREW_STOP, NULL, 0);
    crew->give_up = clock_seconds() + PATIENCE;
}

static void give_up(const Crew *crew) {
    char reason[128];
    int late = 1;
    while (!crew->busy[late])
        late++;
    snprintf(reason, sizeof reason, "rank %d has not stopped in %.0f s; what is finished is kept", late,
             PATIENCE);
    ranks_abort(crew->ranks, reason);
}

void crew_serve(RankGroup *ranks, const CrewWork *work) {
    Crew crew = {.ranks = ranks, .work = work, .busy = calloc((size_t)ranks_count(ranks), sizeof(bool))};
    RankMessage message;
    if (!crew.busy)
        ranks_abort(ranks, "out of memory");
    for (;;) {
        hand_out(&crew);
        if (crew.n_busy == 0)
            break;
        if (ranks_receive(ranks, &message, RANKS_ANY, RANKS_ANY, LOOK_AGAIN)) {
            answer(&crew, &message);
            free(message.data);
        }
        if (interrupt_signal() && crew.give_up == 0)
            tell_to_stop(&crew);
        if (crew.give_up > 0 && crew.n_busy > 0 && clock_seconds() > crew.give_up)
            give_up(&crew);
    }
    free(crew.busy);
}

/* --- images --- */

void crew_pack_items(Buffer *out, const ItemList *items, FeatureView view) {
    parcel_bytes(out, &view, sizeof view);
    parcel_int(out, items->n);
    for (int i = 0; i < items->n; i++)
        parcel_text(out, items->items[i].path);
}

int crew_read_items(Parcel *in, ItemList *items, FeatureView *view, Arena *arena, Error *err) {
    parcel_read_into(in, view, sizeof *view);
    const int64_t n = parcel_read_int(in);
    if (n < 0 || n > in->end - in->at)
        return error_run(err, "a rank has sent a list that ends too early");
    *items = (ItemList){.items = ARENA_NEW(arena, Item, n), .n = (int)n};
    if (!items->items)
        return error_memory(err);
    for (int i = 0; i < items->n; i++)
        items->items[i].path = parcel_read_text(in);
    return in->failed ? error_run(err, "a rank has sent a list that ends too early") : 0;
}
