/* ranks_alone.c: ranks.h without MPI: every process is alone. (With it: ranks_mpi.c.) */
#include "experiments/ranks/ranks.h"

#include <stdlib.h>

int ranks_open(RankGroup **ranks, Error *err) {
    (void)err;
    *ranks = NULL;
    return 0;
}

void ranks_close(RankGroup *ranks) {
    (void)ranks;
}

int ranks_index(const RankGroup *ranks) {
    (void)ranks;
    return 0;
}

int ranks_count(const RankGroup *ranks) {
    (void)ranks;
    return 1;
}

const char *ranks_host(const RankGroup *ranks) {
    (void)ranks;
    return "";
}

int ranks_on_host(const RankGroup *ranks) {
    (void)ranks;
    return 1;
}

int ranks_hosts(const RankGroup *ranks) {
    (void)ranks;
    return 1;
}

int ranks_first_there(const RankGroup *ranks, int rank) {
    (void)ranks;
    return rank;
}

int ranks_threads(const RankGroup *ranks) {
    (void)ranks;
    return 0;
}

size_t ranks_sent(const RankGroup *ranks) {
    (void)ranks;
    return 0;
}

void ranks_exchange(RankGroup *ranks, int kind, const RankBlock *sends, int n_sends,
                    const RankBlock *receives, int n_receives) {
    (void)ranks, (void)kind, (void)sends, (void)receives;
    if (n_sends + n_receives > 0)
        abort();
}

/* --- nobody is there to call these --- */

void ranks_send(RankGroup *ranks, int to, int kind, const void *data, size_t size) {
    (void)ranks, (void)to, (void)kind, (void)data, (void)size;
    abort();
}

bool ranks_receive(RankGroup *ranks, RankMessage *message, int from, int kind, double seconds) {
    (void)ranks, (void)message, (void)from, (void)kind, (void)seconds;
    abort();
}

bool ranks_receive_one_of(RankGroup *ranks, RankMessage *message, int from, const int *kinds, int n,
                          double seconds) {
    (void)ranks, (void)message, (void)from, (void)kinds, (void)n, (void)seconds;
    abort();
}

bool ranks_ended(RankGroup *ranks) {
    (void)ranks;
    return true;
}

_Noreturn void ranks_abort(RankGroup *ranks, const char *reason) {
    (void)ranks, (void)reason;
    abort();
}
