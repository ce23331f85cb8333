/* crew.c: see crew.h */
#include "experiments/crew/crew.h"

#include "clip/base/clock.h"
#include "experiments/terminal/interrupt.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE 25.0 /* seconds for saving a state; Slurm waits 30 by default before it kills */
#define LOOK_AGAIN 0.25

typedef struct {
    RankGroup *ranks;
    const CrewWork *work;
    int *has;       /* (ranks_count): how much */
    int n_out;      /* all of it */
    double give_up; /* when those must have stopped who were told; 0: nobody was */
} Crew;

/* False when there is no more to hand out. */
static bool give_work(Crew *crew, int to) {
    Buffer out = {0};
    if (interrupt_signal() || !crew->work->next(crew->work->context, &out)) {
        buffer_free(&out);
        return false;
    }
    parcel_send(crew->ranks, to, to, crew->work->kind, &out);
    crew->has[to]++;
    crew->n_out++;
    return true;
}

/* Nobody gets a second piece while another has none. */
static void hand_out(Crew *crew) {
    for (int has = 0; has < crew->work->ahead; has++)
        for (int to = 1; to < ranks_count(crew->ranks); to++)
            if (crew->has[to] == has && !give_work(crew, to))
                return;
}

/* Who has sent back what he had gets more before that is looked at, which may have to wait for the disk. */
static void answer(Crew *crew, const RankMessage *message) {
    Parcel in = parcel_open(message->data, message->size);
    if (message->kind == crew->work->kind + 1) {
        crew->has[message->from]--;
        crew->n_out--;
        hand_out(crew);
        crew->work->take(crew->work->context, &in);
    } else if (message->kind == CREW_WANT && crew->work->give) {
        Buffer out = {0};
        crew->work->give(crew->work->context, &in, &out);
        parcel_send(crew->ranks, message->from, message->from, CREW_GIVE, &out);
    }
}

static void tell_to_stop(Crew *crew) {
    for (int to = 1; to < ranks_count(crew->ranks); to++)
        if (crew->has[to] > 0)
            ranks_send(crew->ranks, to, CREW_STOP, NULL, 0);
    crew->give_up = clock_seconds() + PATIENCE;
}

static void give_up(const Crew *crew) {
    char reason[128];
    int late = 1;
    while (crew->has[late] == 0)
        late++;
    snprintf(reason, sizeof reason, "rank %d has not stopped in %.0f s; what is finished is kept", late,
             PATIENCE);
    ranks_abort(crew->ranks, reason);
}

void crew_serve(RankGroup *ranks, const CrewWork *work) {
    Crew crew = {.ranks = ranks, .work = work, .has = calloc((size_t)ranks_count(ranks), sizeof(int))};
    RankMessage message;
    if (!crew.has)
        ranks_abort(ranks, "out of memory");
    for (hand_out(&crew); crew.n_out > 0;) {
        if (ranks_receive(ranks, &message, RANKS_ANY, RANKS_ANY, LOOK_AGAIN)) {
            answer(&crew, &message);
            free(message.data);
        }
        if (interrupt_signal() && crew.give_up == 0)
            tell_to_stop(&crew);
        if (crew.give_up > 0 && crew.n_out > 0 && clock_seconds() > crew.give_up)
            give_up(&crew);
    }
    free(crew.has);
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
