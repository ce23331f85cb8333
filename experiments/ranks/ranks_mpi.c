/* ranks_mpi.c: ranks.h with MPI. Nothing else knows MPI.
 *
 * Layout of a block: a message of 8 bytes under the tag 2 kind, the size; then, under 2 kind + 1, its bytes
 * in messages of at most PART. Kind 0 is the end.
 *
 * Calls of MPI are made one at a time, under a lock (MPI_THREAD_SERIALIZED, which Open MPI and MPICH have),
 * and none of them waits: what is not done yet is asked for again after a pause, which grows. So a thread
 * that waits neither keeps others from MPI nor a core from computing.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "experiments/ranks/ranks.h"

#include "clip/base/clock.h"
#include "clip/base/machine.h"

#include <limits.h>
#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PART = 1 << 28, MOST_PROCESSORS = 1 << 14 };
#define FIRST_PAUSE 20e-6
#define LONGER 1.25         /* so a block is late by a quarter of what it was waited for, */
#define LONGEST_PAUSE 10e-3 /* or by this */
#define MOVING_PAUSE 0.1e-3 /* in an exchange: large blocks move while MPI is asked */

struct RankGroup {
    int index, count, on_host, hosts, threads;
    int *firsts; /* (count) the first rank on the machine of each */
    char host[MPI_MAX_PROCESSOR_NAME + 1];
    atomic_bool ended;
    pthread_mutex_t call, sending; /* a call of MPI; a block, whose messages stay together */
    MPI_Comm exchanges;            /* where ranks_exchange is by itself */
    atomic_size_t sent;
};

typedef struct {
    cpu_set_t sets[MOST_PROCESSORS / CPU_SETSIZE];
} Processors;

/* --- waiting --- */

static void pause_for(double *seconds, double longest) {
    nanosleep(&(struct timespec){.tv_nsec = (long)(*seconds * 1e9)}, NULL);
    *seconds = *seconds * LONGER < longest ? *seconds * LONGER : longest;
}

static void wait_for(RankGroup *ranks, MPI_Request *request) {
    double pause = FIRST_PAUSE;
    for (;;) {
        int done;
        pthread_mutex_lock(&ranks->call);
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        pthread_mutex_unlock(&ranks->call);
        if (done)
            return;
        pause_for(&pause, LONGEST_PAUSE);
    }
}

/* --- blocks --- */

static void send_part(RankGroup *ranks, int to, int tag, const void *data, size_t size) {
    MPI_Request request;
    pthread_mutex_lock(&ranks->call);
    MPI_Isend(data, (int)size, MPI_BYTE, to, tag, MPI_COMM_WORLD, &request);
    pthread_mutex_unlock(&ranks->call);
    ranks->sent += size;
    wait_for(ranks, &request);
}

static void receive_part(RankGroup *ranks, int from, int tag, void *data, size_t size) {
    MPI_Request request;
    pthread_mutex_lock(&ranks->call);
    MPI_Irecv(data, (int)size, MPI_BYTE, from, tag, MPI_COMM_WORLD, &request);
    pthread_mutex_unlock(&ranks->call);
    wait_for(ranks, &request);
}

static size_t part_of(size_t size, size_t done) {
    return size - done < PART ? size - done : PART;
}

void ranks_send(RankGroup *ranks, int to, int kind, const void *data, size_t size) {
    const uint64_t header = size;
    pthread_mutex_lock(&ranks->sending);
    send_part(ranks, to, 2 * kind, &header, sizeof header);
    for (size_t done = 0; done < size; done += part_of(size, done))
        send_part(ranks, to, 2 * kind + 1, (const char *)data + done, part_of(size, done));
    pthread_mutex_unlock(&ranks->sending);
}

/* Headers have even tags, so of RANKS_ANY the parts of other blocks must not be taken for one: who asks for
 * any kind receives all of them, and reads each block to its end. */
static bool look_for(RankGroup *ranks, int from, int kind, MPI_Status *status) {
    int found;
    pthread_mutex_lock(&ranks->call);
    MPI_Iprobe(from == RANKS_ANY ? MPI_ANY_SOURCE : from, kind == RANKS_ANY ? MPI_ANY_TAG : 2 * kind,
               MPI_COMM_WORLD, &found, status);
    pthread_mutex_unlock(&ranks->call);
    return found;
}

static bool look_for_one_of(RankGroup *ranks, int from, const int *kinds, int n, MPI_Status *status) {
    for (int i = 0; i < n; i++)
        if (look_for(ranks, from, kinds[i], status))
            return true;
    return false;
}

bool ranks_receive_one_of(RankGroup *ranks, RankMessage *message, int from, const int *kinds, int n,
                          double seconds) {
    const double until = clock_seconds() + seconds;
    double pause = FIRST_PAUSE;
    MPI_Status status;
    while (!look_for_one_of(ranks, from, kinds, n, &status)) {
        if (clock_seconds() >= until)
            return false;
        pause_for(&pause, LONGEST_PAUSE);
    }
    uint64_t size;
    *message = (RankMessage){.from = status.MPI_SOURCE, .kind = status.MPI_TAG / 2};
    receive_part(ranks, message->from, status.MPI_TAG, &size, sizeof size);
    if (message->kind == 0)
        ranks->ended = true;
    message->size = size;
    message->data = malloc(message->size + 1);
    if (!message->data)
        ranks_abort(ranks, "out of memory");
    for (size_t done = 0; done < message->size; done += part_of(message->size, done))
        receive_part(ranks, message->from, status.MPI_TAG + 1, message->data + done,
                     part_of(message->size, done));
    message->data[message->size] = '\0';
    return true;
}

bool ranks_receive(RankGroup *ranks, RankMessage *message, int from, int kind, double seconds) {
    return ranks_receive_one_of(ranks, message, from, &kind, 1, seconds);
}

/* --- exchanges --- */

static int parts_of(const RankBlock *blocks, int n) {
    size_t parts = 0;
    for (int i = 0; i < n; i++)
        parts += (blocks[i].size + PART - 1) / PART;
    return (int)parts;
}

/* Under the lock: requests for the parts of one block. */
static MPI_Request *start_block(RankGroup *ranks, MPI_Request *request, const RankBlock *block, int kind,
                                bool sends) {
    for (size_t done = 0; done < block->size; done += part_of(block->size, done), request++) {
        char *data = (char *)block->data + done;
        const int size = (int)part_of(block->size, done);
        if (sends)
            MPI_Isend(data, size, MPI_BYTE, block->peer, kind, ranks->exchanges, request);
        else
            MPI_Irecv(data, size, MPI_BYTE, block->peer, kind, ranks->exchanges, request);
    }
    return request;
}

void ranks_exchange(RankGroup *ranks, int kind, const RankBlock *sends, int n_sends,
                    const RankBlock *receives, int n_receives) {
    const int n = parts_of(sends, n_sends) + parts_of(receives, n_receives);
    double pause = FIRST_PAUSE;
    if (n == 0)
        return;
    MPI_Request *requests = malloc((size_t)n * sizeof *requests), *next = requests;
    if (!requests)
        ranks_abort(ranks, "out of memory");
    pthread_mutex_lock(&ranks->call);
    for (int i = 0; i < n_receives; i++)
        next = start_block(ranks, next, &receives[i], kind, false);
    for (int i = 0; i < n_sends; i++) {
        next = start_block(ranks, next, &sends[i], kind, true);
        ranks->sent += sends[i].size;
    }
    pthread_mutex_unlock(&ranks->call);
    for (int n_done = 0; n_done < n;) { /* whichever is asked for, all move */
        int done;
        pthread_mutex_lock(&ranks->call);
        MPI_Test(&requests[n_done], &done, MPI_STATUS_IGNORE);
        pthread_mutex_unlock(&ranks->call);
        n_done += done != 0;
        if (!done)
            pause_for(&pause, MOVING_PAUSE);
    }
    free(requests);
}

size_t ranks_sent(const RankGroup *ranks) {
    return ranks ? ranks->sent : 0;
}

/* --- where everybody is --- */

static void own_processors(Processors *own) {
    memset(own, 0, sizeof *own);
    sched_getaffinity(0, sizeof own->sets, own->sets);
}

static bool share_processors(const Processors *a, const Processors *b) {
    Processors both;
    CPU_AND_S(sizeof both.sets, both.sets, a->sets, b->sets);
    return CPU_COUNT_S(sizeof both.sets, both.sets) > 0;
}

/* What Slurm gives is for each rank; any other quota below the number of processors is one that all ranks of
 * the machine have together. */
static int threads_of(const Processors *own, const Processors *all, int on_host) {
    const int n = machine_threads("");
    int n_sharing = 0;
    if (getenv("SLURM_CPUS_PER_TASK"))
        return n;
    for (int i = 0; i < on_host; i++)
        n_sharing += share_processors(own, &all[i]);
    if (n < CPU_COUNT_S(sizeof own->sets, own->sets))
        n_sharing = on_host;
    return n_sharing > 0 && n / n_sharing > 0 ? n / n_sharing : 1;
}

static int look_around(RankGroup *ranks, Error *err) {
    MPI_Comm host;
    Processors own, *all;
    int size, is_first, rank_there;
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks->index);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks->count);
    MPI_Get_processor_name(ranks->host, &size);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, ranks->index, MPI_INFO_NULL, &host);
    MPI_Comm_size(host, &ranks->on_host);
    MPI_Comm_rank(host, &rank_there);
    is_first = rank_there == 0;
    MPI_Allreduce(&is_first, &ranks->hosts, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    all = calloc((size_t)ranks->on_host, sizeof *all);
    ranks->firsts = calloc((size_t)ranks->count, sizeof *ranks->firsts);
    if (!all || !ranks->firsts)
        return error_memory(err);
    int first = ranks->index;
    MPI_Bcast(&first, 1, MPI_INT, 0, host);
    MPI_Allgather(&first, 1, MPI_INT, ranks->firsts, 1, MPI_INT, MPI_COMM_WORLD);
    own_processors(&own);
    MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, host);
    ranks->threads = threads_of(&own, all, ranks->on_host);
    free(all);
    MPI_Comm_free(&host);
    return 0;
}

/* --- beginning and end --- */

/* What mpirun and srun leave in the environment of those whom they start together. Who was started alone does
 * without MPI, which costs a moment and wants a place to listen. */
static bool is_started_together(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "PMIX_RANK", NULL};
    for (int i = 0; names[i]; i++)
        if (getenv(names[i]))
            return true;
    return false;
}

int ranks_open(RankGroup **ranks, Error *err) {
    int level = MPI_THREAD_SINGLE;
    *ranks = NULL;
    if (!is_started_together())
        return 0;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS ||
        level < MPI_THREAD_SERIALIZED)
        return error_run(err, "MPI: this one does not serve several threads (MPI_THREAD_SERIALIZED)");
    RankGroup *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_memory(err);
    pthread_mutex_init(&opened->call, NULL);
    pthread_mutex_init(&opened->sending, NULL);
    MPI_Comm_dup(MPI_COMM_WORLD, &opened->exchanges);
    *ranks = opened;
    return look_around(opened, err);
}

void ranks_close(RankGroup *ranks) {
    RankMessage message;
    if (!ranks)
        return;
    for (int to = 1; ranks->index == 0 && to < ranks->count; to++)
        ranks_send(ranks, to, 0, NULL, 0);
    while (ranks->index > 0 && !ranks->ended)
        if (ranks_receive(ranks, &message, 0, RANKS_ANY, 1))
            free(message.data);
    MPI_Comm_free(&ranks->exchanges);
    MPI_Finalize();
    pthread_mutex_destroy(&ranks->call);
    pthread_mutex_destroy(&ranks->sending);
    free(ranks->firsts);
    free(ranks);
}

int ranks_index(const RankGroup *ranks) {
    return ranks ? ranks->index : 0;
}

int ranks_count(const RankGroup *ranks) {
    return ranks ? ranks->count : 1;
}

const char *ranks_host(const RankGroup *ranks) {
    return ranks ? ranks->host : "";
}

int ranks_on_host(const RankGroup *ranks) {
    return ranks ? ranks->on_host : 1;
}

int ranks_hosts(const RankGroup *ranks) {
    return ranks ? ranks->hosts : 1;
}

int ranks_first_there(const RankGroup *ranks, int rank) {
    return ranks ? ranks->firsts[rank] : rank;
}

int ranks_threads(const RankGroup *ranks) {
    return ranks ? ranks->threads : 0;
}

bool ranks_ended(RankGroup *ranks) {
    return ranks->ended;
}

_Noreturn void ranks_abort(RankGroup *ranks, const char *reason) {
    fprintf(stderr, "rank %d on %s: %s\n", ranks->index, ranks->host, reason);
    fflush(NULL);
    pthread_mutex_lock(&ranks->call);
    MPI_Abort(MPI_COMM_WORLD, ERROR_RUN);
    _Exit(ERROR_RUN);
}
