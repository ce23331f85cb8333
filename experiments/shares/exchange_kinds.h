/* exchange_kinds.h: the kinds of blocks that the ranks of a pretraining send each other (ranks.h). */
#ifndef EXPERIMENTS_SHARES_EXCHANGE_KINDS_H
#define EXPERIMENTS_SHARES_EXCHANGE_KINDS_H

/* Of unknown size. */
enum { SEND_ORDER = 1, SEND_TALK };

enum {
    EXCHANGE_REPORTS = 1,
    EXCHANGE_BATCHES,
    EXCHANGE_GRADIENTS, /* and one more: for each group of shares.h */
    EXCHANGE_SQUARES = EXCHANGE_GRADIENTS + 2,
    EXCHANGE_VALUES,
    EXCHANGE_ROWS,
    EXCHANGE_SENT
};

#endif
