/* reports.h: what the ranks of a step tell each other, so that all go on or none. */
#ifndef EXPERIMENTS_PRETRAIN_REPORTS_H
#define EXPERIMENTS_PRETRAIN_REPORTS_H

#include "clip/base/buffer.h"
#include "experiments/pretrain/broken_pairs.h"
#include "experiments/ranks/ranks.h"

typedef struct {
    int kind, is_memory; /* of the Error that stops this rank; ERROR_NONE: nothing does */
    int talks;           /* rank 0 gets a text behind it */
    int ended;           /* its part of the epoch has no more batches */
    int n_cut, n_broken; /* captions, pairs of this step */
    int positions[];     /* of the parts of this rank, behind this step */
} Report;

typedef struct {
    RankGroup *ranks;
    int n_parts;
    size_t stride, *offsets; /* bytes of a report; (ranks + 1) */
    char *all;               /* (ranks, stride) */
    Buffer talk;
    BrokenPairs *broken; /* of rank 0 */
} Reports;

int reports_open(Reports *reports, RankGroup *ranks, int n_parts, BrokenPairs *broken, Arena *arena,
                 Error *err);
void reports_close(Reports *reports);

Report *reports_of(const Reports *reports, int rank);
Report *reports_own(const Reports *reports);
Report *reports_begin(Reports *reports); /* that of this rank, emptied, for a step */
/* Pairs that were left out before a batch: rank 0 names them. */
void reports_add_broken(Reports *reports, const LoadedBatch *batch);

/* Given what this rank has come to. -1 on all ranks when one of them cannot go on: rank 0 then has the reason
 * in *err, with the name of the rank and its host. */
int reports_agree(Reports *reports, int status, Error *err);

/* After that, of all ranks. */
typedef struct {
    bool ended;
    int n_cut, n_broken;
} ReportSums;
ReportSums reports_sums(const Reports *reports);
void reports_positions(const Reports *reports, int *positions); /* (n_parts) */

double reports_bytes(const Reports *reports); /* that all ranks together send to agree once */

#endif
