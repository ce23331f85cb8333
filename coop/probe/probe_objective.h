/* probe_objective.h: what a linear probe minimises, f(W) = mean_i CE(W x_i, y_i) + ||W||^2 / (2 C n), along
 * the lines that lbfgs.h asks for.
 *
 * Scores are linear in W: those of a direction are multiplied once, and each trial along it costs a pass over
 * scores; where the descent moves, another product gives the gradient. Descents begin at W = 0, where neither
 * the gradient nor, therefore, the first direction depends on C: their products serve all fits of a search,
 * and so does what lies at the end of a first step that is as long as another fit's.
 *
 * Layout, with R rows of parameters and width V = E + 1:
 *   parameters (R, V) = [w_1 b_1; w_2 b_2; ...]
 *   R = K for a softmax, 1 for a sigmoid (K = 2), 0 for one class
 */
#ifndef COOP_PROBE_PROBE_OBJECTIVE_H
#define COOP_PROBE_PROBE_OBJECTIVE_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "coop/probe/lbfgs.h"

/* Items in the form that the products want. */
typedef struct {
    double *x; /* (n, V), the last column is ones */
    int *rows; /* (n) the label as a row of the parameters (0 or 1 for a sigmoid); -1: none */
    int n;
} ProbeItems;

enum { PROBE_FIRST_STEPS = 2 /* that are remembered */ };

typedef struct {
    const ProbeItems *items; /* each of a row */
    int n_rows, width;       /* R, V */
    double penalty;          /* 1 / (C n) */
    Pool *pool;
    double *scores;         /* (n, R) at W */
    double *change;         /* (n, R) of them along the direction; after a move dCE/dscores / n at W */
    double *pieces;         /* (n_pieces, R, V) the gradient of each piece of the items */
    double *start_gradient; /* (R, V) at 0 */
    double *start_change;   /* (n, R) along -start_gradient */
    struct {
        double length;                /* 0: none yet */
        double *gradient;             /* (R, V) of the mean at its end */
    } first_steps[PROBE_FIRST_STEPS]; /* along -start_gradient, the newest first */
    bool has_start_gradient, has_start_change;
    int n_pieces;
    double *tile_loss, *tile_slope; /* (n_tiles) */
    double *row_squares;            /* (R) of ||W||^2 */
    /* the line under way */
    bool at_start;               /* W = 0 */
    const double *along;         /* change or start_change */
    double step;                 /* of the last trial */
    double square, cross, reach; /* ||W||^2, W . direction and ||direction||^2, without biases */
} ProbeObjective;

/* Buffers are owned by the arena; check arena_failed. Items are borrowed. */
void probe_objective_make(ProbeObjective *objective, const ProbeItems *items, int n_rows, int width,
                          Pool *pool, Arena *arena);

/* f at C, to be minimised from 0. Its error is that of the stopped pool. */
LbfgsFunction probe_objective_at(ProbeObjective *objective, double C);

/* out (count, R) = the scores of items first .. first + count - 1 at parameters. May be called from tiles. */
void probe_scores(double *out, const ProbeItems *items, int first, int count, const double *parameters,
                  int n_rows, int width);

#endif
