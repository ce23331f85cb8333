/* text_part.h: how the ranks of text_parts.h reach each other, what rank 0 tells the others, and what these
 * do. All ranks run the same program on machines of the same kind: structures travel as they are. */
#ifndef COOP_STEPS_TEXT_PART_H
#define COOP_STEPS_TEXT_PART_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"
#include "coop/steps/optimizer.h"

#include <stddef.h>

/* What goes to a rank, or where to put what comes from it. */
typedef struct {
    int peer;
    void *data;
    size_t size; /* bytes; blocks of none are left out */
} PartBlock;

/* How ranks reach each other: sends and receives all of these, and returns when that is done; two ranks name
 * the blocks between them in the same order. */
typedef struct {
    int count; /* ranks */
    void (*exchange)(void *context, const PartBlock *sends, int n_sends, const PartBlock *receives,
                     int n_receives);
    /* For rank 0: makes ranks 1 .. n call text_part_serve. */
    void (*start)(void *context, int n);
    void *context;
} PartLink;

/* For rank `index`: has its part until rank 0 lets it go. */
int text_part_serve(const PartLink *link, int index, Clip *clip, Pool *pool, size_t memory_budget,
                    Error *err);

/* --- what travels --- */

/* First of all; the lengths of the prompts follow, and their symbols, one prompt after the other. */
typedef struct {
    int n_prompts, n_symbols;
    int n_contexts; /* rows of the table that symbols name */
    int count;      /* of parts */
    int own;        /* contexts of each class */
} PartTree;

typedef enum {
    PART_END,
    PART_FORWARD,   /* contexts follow where they are shared; outputs come back */
    PART_BACKWARD,  /* gradients follow; where contexts are shared, the sums of the rank before */
    PART_BEGIN,     /* contexts and what the optimiser knows of them follow */
    PART_STEP,      /* of these */
    PART_GATHER,    /* these come back */
    PART_IS_FINITE, /* an int comes back */
} PartOperation;

typedef struct {
    PartOperation operation;
    double lr;           /* PART_STEP */
    long t;              /* the same */
    Optimizer optimizer; /* PART_BEGIN; without its buffers */
} PartOrder;

#endif
