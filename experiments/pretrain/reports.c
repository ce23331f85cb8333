/* reports.c: see reports.h */
#include "experiments/pretrain/reports.h"

#include "experiments/ranks/gather.h"
#include "experiments/ranks/parcel.h"
#include "experiments/shares/exchange_kinds.h"
#include "experiments/terminal/interrupt.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

int reports_open(Reports *reports, RankGroup *ranks, int n_parts, BrokenPairs *broken, Arena *arena,
                 Error *err) {
    const size_t n = (size_t)ranks_count(ranks), most = ((size_t)n_parts + n - 1) / n;
    const size_t stride = sizeof(Report) + most * sizeof(int);
    *reports = (Reports){.ranks = ranks,
                         .n_parts = n_parts,
                         .stride = stride,
                         .offsets = ARENA_NEW(arena, size_t, n + 1),
                         .all = arena_alloc(arena, n, stride),
                         .broken = broken};
    if (arena_failed(arena))
        return error_memory(err);
    for (size_t i = 0; i <= n; i++)
        reports->offsets[i] = i * stride;
    return 0;
}

void reports_close(Reports *reports) {
    buffer_free(&reports->talk);
}

Report *reports_of(const Reports *reports, int rank) {
    return (Report *)(reports->all + (size_t)rank * reports->stride);
}

Report *reports_own(const Reports *reports) {
    return reports_of(reports, ranks_index(reports->ranks));
}

Report *reports_begin(Reports *reports) {
    Report *own = reports_own(reports);
    memset(own, 0, reports->stride);
    buffer_free(&reports->talk);
    return own;
}

/* --- what is said to rank 0 alone --- */

/* In one block: an error, or one of no kind, and lines. */
static void begin_talk(Reports *reports, const Error *err) {
    if (reports->talk.size == 0)
        parcel_error(&reports->talk, err);
    reports_own(reports)->talks = true;
}

void reports_add_broken(Reports *reports, const LoadedBatch *batch) {
    if (ranks_index(reports->ranks) == 0) {
        broken_pairs_tell(reports->broken, batch);
    } else if (batch->n_broken > 0) {
        const int n_lines = (int)(sizeof batch->broken / sizeof *batch->broken);
        begin_talk(reports, &(Error){0});
        parcel_int(&reports->talk, batch->n_broken);
        for (int i = 0; i < n_lines; i++)
            parcel_text(&reports->talk, batch->broken[i]);
    }
}

static void send_talk(Reports *reports) {
    parcel_send(reports->ranks, 0, 0, SEND_TALK, &reports->talk);
}

static void hear_talk(Reports *reports, int rank, Error *err) {
    RankMessage message;
    while (!ranks_receive(reports->ranks, &message, rank, SEND_TALK, 1))
        ;
    Parcel in = parcel_open(message.data, message.size);
    Error why;
    parcel_read_error(&in, &why);
    while (in.at < in.end && !in.failed) {
        LoadedBatch batch = {.n_broken = (int)parcel_read_int(&in)};
        for (size_t i = 0; i < sizeof batch.broken / sizeof *batch.broken; i++)
            batch.broken[i] = parcel_read_text(&in);
        if (!in.failed)
            broken_pairs_tell(reports->broken, &batch);
    }
    free(message.data);
    if (err->kind == ERROR_NONE && why.kind != ERROR_NONE)
        *err = why;
}

/* --- to all --- */

/* The error of this rank, into its report and what it says. */
static void report_error(Reports *reports, int status, const Error *err) {
    Report *own = reports_own(reports);
    own->kind = status < 0 ? (int)err->kind : ERROR_NONE;
    own->is_memory = status < 0 && err->is_memory;
    if (status == 0 || err->kind == ERROR_SIGNAL || ranks_index(reports->ranks) == 0)
        return;
    Error named = *err;
    error_prefix(&named, "rank %d on %s", ranks_index(reports->ranks), ranks_host(reports->ranks));
    buffer_free(&reports->talk); /* a step that fails names no pairs: it is taken again */
    begin_talk(reports, &named);
}

int reports_agree(Reports *reports, int status, Error *err) {
    RankGroup *ranks = reports->ranks;
    Report *own = reports_own(reports);
    report_error(reports, status, err);
    ranks_gather(ranks, EXCHANGE_REPORTS, reports->all, reports->offsets);
    if (own->talks && ranks_index(ranks) > 0)
        send_talk(reports);
    int stops = ERROR_NONE;
    for (int rank = 0; rank < ranks_count(ranks); rank++) {
        Report *report = reports_of(reports, rank);
        if (ranks_index(ranks) == 0 && rank > 0 && report->talks)
            hear_talk(reports, rank, err);
        report->talks = false;
        stops = stops == ERROR_NONE ? report->kind : stops;
    }
    if (stops == ERROR_NONE || status < 0)
        return stops == ERROR_NONE ? 0 : -1;
    if (stops == ERROR_SIGNAL && ranks_index(ranks) == 0) /* it came to another */
        interrupt_ask(SIGTERM);
    if (err->kind == ERROR_NONE && (stops != ERROR_SIGNAL || interrupt_check(err) == 0))
        error_run(err, "another rank has stopped");
    return -1;
}

ReportSums reports_sums(const Reports *reports) {
    ReportSums sums = {0};
    for (int rank = 0; rank < ranks_count(reports->ranks); rank++) {
        const Report *report = reports_of(reports, rank);
        sums.ended |= report->ended;
        sums.n_cut += report->n_cut;
        sums.n_broken += report->n_broken;
    }
    return sums;
}

void reports_positions(const Reports *reports, int *positions) {
    const int n_ranks = ranks_count(reports->ranks);
    for (int part = 0; part < reports->n_parts; part++)
        positions[part] = reports_of(reports, part % n_ranks)->positions[part / n_ranks];
}

double reports_bytes(const Reports *reports) {
    const double n = ranks_count(reports->ranks);
    return n * (n - 1) * (double)reports->stride;
}
