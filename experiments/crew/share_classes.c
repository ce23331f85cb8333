/* share_classes.c: see share_classes.h. A signal that came to one of the ranks is for all: rank 0 stops after
 * the step, and saves the state. */
#include "experiments/crew/share_classes.h"

#include "experiments/crew/crew.h"
#include "experiments/terminal/interrupt.h"

#include <signal.h>
#include <stdlib.h>

enum { EXCHANGE = 1 };

static void start(void *context, int n) {
    const ClassLink *link = context;
    Buffer out = {0};
    parcel_int(&out, link->stage->number);
    parcel_text(&out, clip_digest(link->stage->session.model.clip));
    parcel_send(link->ranks, 1, n, CREW_CLASSES, &out);
}

static void pass_signal(ClassLink *link) {
    RankMessage message;
    if (ranks_index(link->ranks) == 0) {
        if (ranks_receive(link->ranks, &message, RANKS_ANY, CREW_STOP, 0)) {
            free(message.data);
            interrupt_ask(SIGTERM);
        }
    } else if (interrupt_signal() && !link->told) {
        ranks_send(link->ranks, 0, CREW_STOP, NULL, 0);
        link->told = true;
    }
}

static void exchange(void *context, const PartBlock *sends, int n_sends, const PartBlock *receives,
                     int n_receives) {
    ClassLink *link = context;
    const int n = n_sends + n_receives;
    RankBlock *blocks = calloc((size_t)n + 1, sizeof *blocks);
    if (!blocks)
        ranks_abort(link->ranks, "out of memory");
    for (int i = 0; i < n; i++) {
        const PartBlock *block = i < n_sends ? &sends[i] : &receives[i - n_sends];
        blocks[i] = (RankBlock){block->peer, block->data, block->size};
    }
    ranks_exchange(link->ranks, EXCHANGE, blocks, n_sends, blocks + n_sends, n_receives);
    free(blocks);
    pass_signal(link);
}

void class_link(ClassLink *link, RankGroup *ranks, const Stage *stage) {
    *link = (ClassLink){.link = {.count = ranks_count(ranks),
                                 .exchange = exchange,
                                 .start = stage ? start : NULL,
                                 .context = link},
                        .ranks = ranks,
                        .stage = stage};
}
