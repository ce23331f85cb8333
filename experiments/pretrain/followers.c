/* followers.c: see followers.h */
#include "experiments/pretrain/followers.h"

#include "experiments/pretrain/orders.h"
#include "experiments/ranks/gather.h"
#include "experiments/shares/exchange_kinds.h"

#include <stdlib.h>
#include <string.h>

/* --- rank 0 --- */

static bool is_alone(const PretrainStepper *stepper) {
    return ranks_count(stepper->session->ranks) == 1;
}

void followers_start(PretrainStepper *stepper) {
    if (is_alone(stepper))
        return;
    order_start(stepper->session->ranks, stepper->session->identity, stepper->optimizer.n_steps);
    shares_deal(&stepper->shared.shares, &stepper->optimizer);
}

/* Every rank's own, added. */
static double sum_sent(const PretrainStepper *stepper) {
    RankGroup *ranks = stepper->session->ranks;
    const size_t n = (size_t)ranks_count(ranks);
    size_t *offsets = ranks_malloc(ranks, n + 1, sizeof *offsets);
    double *sent = ranks_malloc(ranks, n, sizeof *sent), sum = 0;
    for (size_t i = 0; i <= n; i++)
        offsets[i] = i * sizeof *sent;
    sent[ranks_index(ranks)] = (double)stepper->sent;
    ranks_gather(ranks, EXCHANGE_SENT, sent, offsets);
    for (size_t i = 0; i < n; i++)
        sum += sent[i];
    free(offsets);
    free(sent);
    return sum;
}

static void collect(PretrainStepper *stepper, double *sent) {
    shares_collect(&stepper->shared.shares, &stepper->optimizer);
    *sent = sum_sent(stepper);
}

void followers_collect(PretrainStepper *stepper, double *sent) {
    if (is_alone(stepper))
        return;
    order_collect(stepper->session->ranks);
    collect(stepper, sent);
}

/* --- the others --- */

typedef struct {
    PretrainStepper *stepper;
    const PretrainSession *session;
    PretrainState state; /* of which the positions alone mean something here */
} Follower;

/* The first line of one text that the other has not. */
static const char *find_difference(const char *mine, const char *theirs) {
    while (*mine) {
        const size_t n = strcspn(mine, "\n");
        if (strncmp(mine, theirs, n + 1) != 0)
            return mine;
        mine += n + (mine[n] == '\n');
        theirs += n + (theirs[n] == '\n');
    }
    return theirs;
}

static int start(Follower *follower, Parcel *in, Error *err) {
    PretrainStepper *stepper = follower->stepper;
    const char *theirs = parcel_read_text(in), *mine = follower->session->identity;
    if (!theirs || strcmp(theirs, mine) != 0) {
        const char *line = find_difference(mine, theirs ? theirs : "");
        return error_run(err, "%.*s: rank 0 finds something else", (int)strcspn(line, ":"), line);
    }
    stepper->optimizer.n_steps = parcel_read_int(in);
    shares_deal(&stepper->shared.shares, &stepper->optimizer);
    return 0;
}

static int begin(Follower *follower, Parcel *in, Error *err) {
    PretrainState *state = &follower->state;
    state->epoch = (int)parcel_read_int(in);
    for (int i = 0; i < state->n_parts; i++)
        state->positions[i] = (int)parcel_read_int(in);
    return stepper_begin(follower->stepper, state, err);
}

/* Why a step is not taken, rank 0 says. */
static void step(Follower *follower, Parcel *in) {
    StepMetrics metrics;
    bool ended;
    Error told = {0};
    stepper_step(follower->stepper, &follower->state, &metrics, order_read_rate(in), &ended, &told);
}

static int obey(Follower *follower, Parcel *in, Error *err) {
    double sent;
    switch ((Order)parcel_read_int(in)) {
    case ORDER_START:
        return start(follower, in, err);
    case ORDER_BEGIN:
        return begin(follower, in, err);
    case ORDER_STEP:
        step(follower, in);
        return 0;
    case ORDER_COLLECT:
        collect(follower->stepper, &sent);
        return 0;
    }
    return error_run(err, "an order of another version of coop");
}

void follow(PretrainStepper *stepper, const PretrainSession *session, int status, Error *err) {
    static const int kinds[] = {SEND_ORDER, 0};
    RankGroup *ranks = session->ranks;
    Follower follower = {stepper, session, {.n_parts = session->optim.parts}}; /* 0: not opened */
    RankMessage message;
    while (!ranks_ended(ranks))
        for (int i = 0; i < 2; i++)
            if (ranks_receive(ranks, &message, 0, kinds[i], i == 0 ? 0.005 : 0)) {
                Parcel in = parcel_open(message.data, message.size);
                if (kinds[i] == SEND_ORDER && (status < 0 || obey(&follower, &in, err) < 0))
                    ranks_abort(ranks, err->text);
                free(message.data);
            }
}
