/* orders.h: what rank 0 of a pretraining asks of the others (followers.h). Alone it asks nobody. */
#ifndef EXPERIMENTS_PRETRAIN_ORDERS_H
#define EXPERIMENTS_PRETRAIN_ORDERS_H

#include "experiments/pretrain/pretrain_state.h"
#include "experiments/ranks/parcel.h"
#include "experiments/ranks/ranks.h"

/* Behind it, in the parcel: the identity and the steps of the optimiser; epoch and positions; the learning
 * rate; nothing. */
typedef enum { ORDER_START, ORDER_BEGIN, ORDER_STEP, ORDER_COLLECT } Order;

void order_start(RankGroup *ranks, const char *identity, long n_steps);
void order_begin(RankGroup *ranks, const PretrainState *state);
void order_step(RankGroup *ranks, double lr);
void order_collect(RankGroup *ranks);

double order_read_rate(Parcel *in);

enum { ORDER_STEP_BYTES = 8 + 2 * 8 }; /* that order_step sends to each */

#endif
