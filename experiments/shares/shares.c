/* shares.c: see shares.h */
#include "experiments/shares/shares.h"

#include "experiments/ranks/gather.h"
#include "experiments/shares/exchange_kinds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- who owns what --- */

static int group_of(const Parameter *p) {
    return strncmp(p->name, "visual.", strlen("visual.")) == 0 ? SHARES_IMAGE : SHARES_REST;
}

/* Fills the owner of each piece: in each group, the same share of its numbers for each rank. */
static void choose_owners(int *owners, const Parameters *parameters, int n_pieces, int n_ranks) {
    double all[SHARES_GROUPS] = {0}, before[SHARES_GROUPS] = {0};
    for (int i = 0; i < parameters->n; i++)
        if (parameters->items[i].gradient)
            all[group_of(&parameters->items[i])] += (double)parameters->items[i].count;
    for (int i = 0; i < n_pieces; i++) {
        const ParameterPiece piece = parameters_piece(parameters, i);
        const int group = group_of(piece.parameter);
        owners[i] = (int)((before[group] + 0.5 * (double)piece.n) / all[group] * n_ranks);
        before[group] += (double)piece.n;
    }
}

static void list_pieces(Shares *shares, const int *owners) {
    const int n_ranks = ranks_count(shares->ranks);
    for (int rank = 0, n = 0; rank < n_ranks; rank++) {
        for (int i = 0; i < shares->n_pieces; i++)
            if (owners[i] == rank)
                shares->pieces[n++] = i;
        shares->offsets[rank + 1] = (size_t)n * sizeof *shares->squares;
    }
    const size_t *own = shares->offsets + ranks_index(shares->ranks);
    shares->own = (PieceList){shares->pieces + own[0] / sizeof *shares->squares,
                              (int)((own[1] - own[0]) / sizeof *shares->squares)};
}

static void list_segments(Shares *shares, const int *owners, size_t *used) {
    for (int i = 0, own = 0; i < shares->n_pieces; i++) {
        const ParameterPiece piece = parameters_piece(shares->parameters, i);
        Segment *last = shares->n_segments ? &shares->segments[shares->n_segments - 1] : NULL;
        if (owners[i] == ranks_index(shares->ranks))
            shares->at[own++] = used[owners[i]];
        if (last && last->parameter == piece.parameter && last->owner == owners[i])
            last->n += piece.n;
        else
            shares->segments[shares->n_segments++] = (Segment){
                piece.parameter, piece.first, piece.n, owners[i], group_of(piece.parameter), used[owners[i]]};
        used[owners[i]] += piece.n;
    }
}

int shares_open(Shares *shares, RankGroup *ranks, const Parameters *parameters, Arena *arena, Error *err) {
    const size_t n = (size_t)parameters_pieces(parameters), n_ranks = (size_t)ranks_count(ranks);
    int *owners = ARENA_NEW(arena, int, n);
    size_t *used = ARENA_NEW(arena, size_t, n_ranks);
    *shares = (Shares){.ranks = ranks,
                       .parameters = parameters,
                       .n_pieces = (int)n,
                       .offsets = ARENA_NEW(arena, size_t, n_ranks + 1),
                       .pieces = ARENA_NEW(arena, int, n),
                       .at = ARENA_NEW(arena, size_t, n),
                       .segments = ARENA_NEW(arena, Segment, n),
                       .squares = ARENA_NEW(arena, double, n),
                       .ordered = ARENA_NEW(arena, double, n),
                       .values = ARENA_NEW(arena, float *, parameters->n)};
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < parameters->n; i++)
        shares->values[i] = parameters->items[i].value;
    choose_owners(owners, parameters, (int)n, (int)n_ranks);
    list_pieces(shares, owners);
    list_segments(shares, owners, used);
    shares->n_own = used[ranks_index(ranks)];
    shares->sums = arena_floats(arena, 1, shares->n_own);
    shares->incoming = arena_floats(arena, n_ranks - 1, shares->n_own);
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* --- blocks --- */

typedef struct {
    RankBlock *sends, *receives;
    int n_sends, n_receives;
} Blocks;

static Blocks blocks_alloc(const Shares *shares) {
    const size_t most = (size_t)shares->n_segments * (size_t)ranks_count(shares->ranks);
    Blocks blocks = {.sends = ranks_malloc(shares->ranks, 2 * most, sizeof(RankBlock))};
    blocks.receives = blocks.sends + most;
    return blocks;
}

static void blocks_exchange(const Shares *shares, Blocks *blocks, int kind) {
    ranks_exchange(shares->ranks, kind, blocks->sends, blocks->n_sends, blocks->receives, blocks->n_receives);
    free(blocks->sends);
}

static RankBlock block_of(int peer, float *numbers, const Segment *segment) {
    return (RankBlock){peer, numbers, segment->n * sizeof *numbers};
}

/* --- a round --- */

/* What comes from another rank lies behind what comes from those before it. */
static float *from_rank(const Shares *shares, int rank) {
    return shares->incoming + (size_t)(rank - (rank > ranks_index(shares->ranks))) * shares->n_own;
}

void shares_send(Shares *shares, int group, int n_parts) {
    const int self = ranks_index(shares->ranks);
    if (ranks_count(shares->ranks) == 1)
        return;
    Blocks blocks = blocks_alloc(shares);
    for (int i = 0; i < shares->n_segments; i++) {
        const Segment *segment = &shares->segments[i];
        if (segment->group != group)
            continue;
        if (segment->owner != self && self < n_parts)
            blocks.sends[blocks.n_sends++] =
                block_of(segment->owner, segment->parameter->gradient + segment->first, segment);
        for (int from = 0; segment->owner == self && from < n_parts; from++)
            if (from != self)
                blocks.receives[blocks.n_receives++] =
                    block_of(from, from_rank(shares, from) + segment->at, segment);
    }
    blocks_exchange(shares, &blocks, EXCHANGE_GRADIENTS + group);
}

typedef struct {
    Shares *shares;
    int n_parts;
    bool is_first;
} Addition;

static void add_piece(void *context, int index, int worker) {
    (void)worker;
    const Addition *addition = context;
    const Shares *shares = addition->shares;
    const ParameterPiece piece = parameters_piece(shares->parameters, shares->own.indices[index]);
    float *sum = shares->sums + shares->at[index];
    for (int rank = 0; rank < addition->n_parts; rank++) {
        const float *from = rank == ranks_index(shares->ranks) ? piece.parameter->gradient + piece.first
                                                               : from_rank(shares, rank) + shares->at[index];
        if (rank == 0 && addition->is_first)
            memcpy(sum, from, piece.n * sizeof *sum);
        else
            for (size_t i = 0; i < piece.n; i++)
                sum[i] += from[i];
    }
}

void shares_add(Shares *shares, int n_parts, bool is_first, Pool *pool) {
    Addition addition = {shares, n_parts, is_first};
    pool_run(pool, shares->own.n, add_piece, &addition);
}

/* --- after the last round --- */

static void take_piece(void *context, int index, int worker) {
    (void)worker;
    const Shares *shares = context;
    const ParameterPiece piece = parameters_piece(shares->parameters, shares->own.indices[index]);
    memcpy(piece.parameter->gradient + piece.first, shares->sums + shares->at[index],
           piece.n * sizeof(float));
}

/* The squares came in the order of ranks; they are added in that of the pieces. */
static double add_squares(Shares *shares, const Parameter **strange) {
    double sum = 0;
    for (int i = 0; i < shares->n_pieces; i++)
        shares->ordered[shares->pieces[i]] = shares->squares[i];
    for (int i = 0; i < shares->n_pieces; i++) {
        sum += shares->ordered[i];
        if (!*strange && !isfinite(shares->ordered[i]))
            *strange = parameters_piece(shares->parameters, i).parameter;
    }
    return sum;
}

double shares_finish(Shares *shares, const Parameter **strange, Pool *pool) {
    const size_t own = shares->offsets[ranks_index(shares->ranks)] / sizeof *shares->squares;
    *strange = NULL;
    pool_run(pool, shares->own.n, take_piece, shares);
    parameters_squares(shares->parameters, &shares->own, shares->squares + own, pool);
    ranks_gather(shares->ranks, EXCHANGE_SQUARES, shares->squares, shares->offsets);
    return sqrt(add_squares(shares, strange));
}

void shares_give_values(Shares *shares) {
    const int n_ranks = ranks_count(shares->ranks), self = ranks_index(shares->ranks);
    if (n_ranks == 1)
        return;
    Blocks blocks = blocks_alloc(shares);
    for (int i = 0; i < shares->n_segments; i++) {
        const Segment *segment = &shares->segments[i];
        float *values = segment->parameter->value + segment->first;
        if (segment->owner != self)
            blocks.receives[blocks.n_receives++] = block_of(segment->owner, values, segment);
        for (int to = 0; segment->owner == self && to < n_ranks; to++)
            if (to != self)
                blocks.sends[blocks.n_sends++] = block_of(to, values, segment);
    }
    blocks_exchange(shares, &blocks, EXCHANGE_VALUES);
}

/* --- between steps --- */

/* Between rank 0 and the owner of each segment; rows has a row for each parameter, or NULL. */
static void move_rows(const Shares *shares, float *const *rows, bool to_owner) {
    const int self = ranks_index(shares->ranks);
    Blocks blocks = blocks_alloc(shares);
    for (int i = 0; i < shares->n_segments; i++) {
        const Segment *segment = &shares->segments[i];
        float *row = rows[segment->parameter - shares->parameters->items];
        if (!row || segment->owner == 0 || (self != 0 && self != segment->owner))
            continue;
        const RankBlock block = block_of(self == 0 ? segment->owner : 0, row + segment->first, segment);
        if ((self == 0) == to_owner)
            blocks.sends[blocks.n_sends++] = block;
        else
            blocks.receives[blocks.n_receives++] = block;
    }
    blocks_exchange(shares, &blocks, EXCHANGE_ROWS);
}

void shares_collect(Shares *shares, const ParameterOptimizer *optimizer) {
    if (ranks_count(shares->ranks) == 1)
        return;
    move_rows(shares, optimizer->first, false);
    move_rows(shares, optimizer->second, false);
}

/* The running statistics of rank 0, to all. */
static void deal_statistics(const Shares *shares) {
    const Parameters *all = shares->parameters;
    const int n_ranks = ranks_count(shares->ranks), self = ranks_index(shares->ranks);
    RankBlock *blocks = ranks_malloc(shares->ranks, (size_t)all->n * (size_t)n_ranks, sizeof *blocks);
    int n = 0;
    for (int i = 0; i < all->n; i++)
        for (int peer = self == 0; all->items[i].is_buffer && peer < (self == 0 ? n_ranks : 1); peer++)
            blocks[n++] = (RankBlock){peer, all->items[i].value, all->items[i].count * sizeof(float)};
    ranks_exchange(shares->ranks, EXCHANGE_VALUES, blocks, self == 0 ? n : 0, blocks, self == 0 ? 0 : n);
    free(blocks);
}

void shares_deal(Shares *shares, const ParameterOptimizer *optimizer) {
    if (ranks_count(shares->ranks) == 1)
        return;
    move_rows(shares, optimizer->first, true);
    move_rows(shares, optimizer->second, true);
    move_rows(shares, shares->values, true);
    shares_give_values(shares);
    deal_statistics(shares);
}

/* --- what it costs --- */

double shares_bytes(const Shares *shares, int n_parts) {
    const int n_ranks = ranks_count(shares->ranks);
    double numbers = 0;
    for (int i = 0; i < shares->n_segments; i++) {
        const Segment *segment = &shares->segments[i];
        for (int part = 0; part < n_parts; part++)
            numbers += part % n_ranks == segment->owner ? 0 : (double)segment->n; /* gradients */
        numbers += (double)segment->n * (n_ranks - 1);                            /* values */
    }
    return numbers * sizeof(float) + shares->n_pieces * (double)sizeof(double) * (n_ranks - 1);
}
