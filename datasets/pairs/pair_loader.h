/* pair_loader.h: decodes pairs on threads of its own, ahead of the training that takes them. */
#ifndef DATASETS_PAIRS_PAIR_LOADER_H
#define DATASETS_PAIRS_PAIR_LOADER_H

#include "datasets/images/transform.h"
#include "datasets/pairs/pairs.h"

typedef struct PairLoader PairLoader;

/* Of every `step` pairs in the order of an epoch, the part of this number: step / n of them, one after the
 * other. An epoch is then what falls to that part, and positions count in it; a broken pair's place is taken
 * by the next of the part, so that nobody need know what the other parts have read. n 0: all pairs. */
typedef struct {
    int number, n;
    int step; /* a multiple of n */
} PairPart;

typedef struct {
    Transform transform; /* size S, and how a test image is fitted */
    bool augment; /* random resized crop with scale in [scale[0], scale[1]], ratio 3/4 .. 4/3, no flip */
    double scale[2];
    bool shuffle; /* a new order each epoch, from (seed, epoch): PyTorch's randperm, seeded with their sum */
    uint32_t seed;
    int batch_size;
    bool drop_last; /* an incomplete batch at the end of an epoch is left out */
    int n_threads;  /* 0: one for each processor */
    int n_ahead;    /* batches that may wait decoded */
    PairPart part;
} PairLoaderOptions;

/* The source is borrowed. Threads start at the first call of pair_loader_begin. Fewer pairs than a batch that
 * must be full are an error. */
PairLoader *pair_loader_create(const PairSource *source, const PairLoaderOptions *options, Error *err);
void pair_loader_free(PairLoader *loader); /* NULL is fine */

/* Goes to a position in the order of an epoch (0, or LoadedBatch.position of an earlier run); what was being
 * decoded is thrown away. At any time, as often as wanted. */
int pair_loader_begin(PairLoader *loader, int epoch, int position, Error *err);
int pair_loader_batches(const PairLoader *loader); /* of an epoch, if no pair were broken */

/* Everything stays until pair_loader_give_back; several batches may be out at a time. A broken pair is left
 * out, and the next of the epoch takes its place: batches are the same for any number of threads. An epoch
 * from its beginning to its end without a batch, because all is broken, is an error. */
typedef struct {
    int n;                 /* pairs; 0 behind the last batch of the epoch */
    unsigned char *images; /* (n, S, S, 3) */
    const char **captions; /* (n) */
    int position;          /* in the order of the epoch, behind this batch */
    int n_broken;          /* that were left out since the batch before */
    const char *broken[4]; /* the first of them, one line each */
    double waited;         /* seconds until the batch was there */
} LoadedBatch;
int pair_loader_next(PairLoader *loader, LoadedBatch *batch, Error *err);
/* For each that pair_loader_next filled, with n = 0 too. */
void pair_loader_give_back(PairLoader *loader, LoadedBatch *batch);

#endif
