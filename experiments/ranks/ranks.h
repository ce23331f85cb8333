/* ranks.h: the processes that were started together, by mpirun or srun, and what they send each other.
 *
 * Rank 0 does what a process alone would do, and writes; the others do what it asks for. A program that was
 * started alone, or built without MPI (ranks_alone.c), has no RankGroup: NULL stands for one rank, number 0.
 *
 * A block of bytes goes from one rank to another under a kind, a number from 1 on; blocks of one kind arrive
 * in the order in which they were sent. Any thread may send; those who receive at the same time ask for
 * different kinds. Nobody who waits keeps a core busy.
 */
#ifndef EXPERIMENTS_RANKS_RANKS_H
#define EXPERIMENTS_RANKS_RANKS_H

#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct RankGroup RankGroup;

/* To be called first of all in main, before handlers of signals are set, and ranks_close last. *ranks is NULL
 * for a program that was started alone. */
int ranks_open(RankGroup **ranks, Error *err);
/* Rank 0 lets the others go, who wait here for it. */
void ranks_close(RankGroup *ranks);

int ranks_index(const RankGroup *ranks);        /* 0 .. ranks_count - 1 */
int ranks_count(const RankGroup *ranks);        /* 1 or more */
const char *ranks_host(const RankGroup *ranks); /* the name of this machine */
int ranks_on_host(const RankGroup *ranks);      /* how many ranks run on this machine */
int ranks_hosts(const RankGroup *ranks);        /* how many machines there are, for all that rank 0 knows */

int ranks_first_there(const RankGroup *ranks, int rank); /* the first of those on the machine of a rank */

/* The threads that this rank should use: those of machine_threads (clip/base/machine.h), divided by the ranks
 * that may run on the same processors, or have the same quota. 0 when alone: as many as there are. */
int ranks_threads(const RankGroup *ranks);

/* The bytes are free to be changed when this returns. */
void ranks_send(RankGroup *ranks, int to, int kind, const void *data, size_t size);

enum { RANKS_ANY = -1 };

typedef struct {
    int from, kind;
    char *data; /* (size), malloc'd, and a NUL behind it; the caller frees it */
    size_t size;
} RankMessage;

/* Waits so many seconds for a block of this kind from this rank; either may be RANKS_ANY. False if none has
 * come. */
bool ranks_receive(RankGroup *ranks, RankMessage *message, int from, int kind, double seconds);
/* The same for n kinds; of blocks that have come, one of the kind named first. */
bool ranks_receive_one_of(RankGroup *ranks, RankMessage *message, int from, const int *kinds, int n,
                          double seconds);

/* --- blocks whose sizes both sides know --- */

/* What goes to a rank, or where to put what comes from it. */
typedef struct {
    int peer;
    void *data;
    size_t size; /* bytes; blocks of none are left out */
} RankBlock;

/* Sends and receives all of these at once, and returns when that is done. Of two ranks each names the blocks
 * of one kind in the order of the other; these kinds are others than those of ranks_send. Threads that
 * exchange at the same time use different kinds. */
void ranks_exchange(RankGroup *ranks, int kind, const RankBlock *sends, int n_sends,
                    const RankBlock *receives, int n_receives);

size_t ranks_sent(const RankGroup *ranks); /* bytes so far, of whatever kind, with the headers of blocks */

/* Whether rank 0 has let this one go. */
bool ranks_ended(RankGroup *ranks);

/* Says which rank cannot go on, where and why, and ends all of them. */
_Noreturn void ranks_abort(RankGroup *ranks, const char *reason);

#endif
