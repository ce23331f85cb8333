/* shares.h: the trained numbers of a model, shared out among ranks.
 *
 *     rank        0            1            2
 *     part k N    gradient     gradient     gradient      of all numbers, of the N parts of a round
 *                     \    x       \    x       \
 *     owner of  [ third 1 ]  [ third 2 ]  [ third 3 ]     adds what comes, in the order of the parts,
 *                     |            |            |         and steps its own
 *                     '--- every rank has all again
 *
 * Each piece (parameters.h) has one owner. A number's gradient is the sum over the parts of a step in their
 * order, whoever adds it, so its bits do not depend on the number of ranks. What is sent is, for each rank,
 * all gradients but its own and then its weights to all others: as much as a ring would send.
 *
 * Gradients go in two groups, those of the image tower and the others, so that one can be on its way while
 * the other is computed.
 */
#ifndef EXPERIMENTS_SHARES_SHARES_H
#define EXPERIMENTS_SHARES_SHARES_H

#include "clip/train/parameter_optimizer.h"
#include "experiments/ranks/ranks.h"

enum { SHARES_IMAGE, SHARES_REST, SHARES_GROUPS };

/* Adjacent pieces of a parameter, with one owner. */
typedef struct {
    Parameter *parameter;
    size_t first, n;
    int owner, group;
    size_t at; /* in its owner's sums */
} Segment;

typedef struct {
    RankGroup *ranks;
    const Parameters *parameters;
    int n_pieces, n_segments;
    int *pieces;       /* (n_pieces) those of rank 0, then those of rank 1, ... */
    PieceList own;     /* of this rank, among them */
    size_t *at;        /* (own.n) where each begins in the sums */
    Segment *segments; /* (n_segments) */
    size_t n_own;      /* numbers */
    float *sums;       /* (n_own) */
    float *incoming;   /* (ranks - 1, n_own) */
    double *squares;   /* (n_pieces) in the order of `pieces` */
    double *ordered;   /* (n_pieces) in that of the parameters */
    float **values;    /* (parameters) */
    size_t *offsets;   /* (ranks + 1) bytes: where the squares of each rank begin */
} Shares;

/* Owned by the arena; after parameters_train. */
int shares_open(Shares *shares, RankGroup *ranks, const Parameters *parameters, Arena *arena, Error *err);

/* --- a round: the gradients of one part each of ranks 0 .. n_parts - 1 --- */

/* Sends those of a group to their owners. Groups may go at the same time, from several threads. */
void shares_send(Shares *shares, int group, int n_parts);
/* When all groups have gone: adds what has come. */
void shares_add(Shares *shares, int n_parts, bool is_first, Pool *pool);

/* --- after the last round --- */

/* The sums become the gradients of what this rank owns. Returns the length of all gradients; NaN or infinite
 * with *strange, a parameter whose gradient is that. */
double shares_finish(Shares *shares, const Parameter **strange, Pool *pool);
/* Values of what each owns, to all. */
void shares_give_values(Shares *shares);

/* --- between steps --- */

/* What the optimiser remembers, from its owners to rank 0. */
void shares_collect(Shares *shares, const ParameterOptimizer *optimizer);
/* From rank 0: the same to its owners, values and running statistics to all. */
void shares_deal(Shares *shares, const ParameterOptimizer *optimizer);

/* Bytes of gradients, squares and values that all ranks together send in a step of so many parts. */
double shares_bytes(const Shares *shares, int n_parts);

#endif
