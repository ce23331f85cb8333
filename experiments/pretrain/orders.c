/* orders.c: see orders.h */
#include "experiments/pretrain/orders.h"

#include "experiments/shares/exchange_kinds.h"

#include <string.h>

/* To all others. */
static void send(RankGroup *ranks, Buffer *out) {
    parcel_send(ranks, 1, ranks_count(ranks) - 1, SEND_ORDER, out);
}

void order_start(RankGroup *ranks, const char *identity, long n_steps) {
    Buffer out = {0};
    parcel_int(&out, ORDER_START);
    parcel_text(&out, identity);
    parcel_int(&out, n_steps);
    send(ranks, &out);
}

void order_begin(RankGroup *ranks, const PretrainState *state) {
    Buffer out = {0};
    parcel_int(&out, ORDER_BEGIN);
    parcel_int(&out, state->epoch);
    for (int i = 0; i < state->n_parts; i++)
        parcel_int(&out, state->positions[i]);
    send(ranks, &out);
}

void order_step(RankGroup *ranks, double lr) {
    Buffer out = {0};
    int64_t bits;
    memcpy(&bits, &lr, sizeof bits);
    parcel_int(&out, ORDER_STEP);
    parcel_int(&out, bits);
    send(ranks, &out);
}

double order_read_rate(Parcel *in) {
    const int64_t bits = parcel_read_int(in);
    double lr;
    memcpy(&lr, &bits, sizeof lr);
    return lr;
}

void order_collect(RankGroup *ranks) {
    Buffer out = {0};
    parcel_int(&out, ORDER_COLLECT);
    send(ranks, &out);
}
