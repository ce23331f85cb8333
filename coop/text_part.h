/* text_part.h: what rank 0 tells the others in text_parts.h. All ranks run the same program on machines of
 * the same kind: structures travel as they are. */
#ifndef COOP_TEXT_PART_H
#define COOP_TEXT_PART_H

#include "coop/optimizer.h"

#include <stdbool.h>

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
