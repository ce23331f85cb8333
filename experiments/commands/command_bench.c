/* command_bench.c: coop bench
 *
 * Weights are random, of the published sizes, so nothing has to be downloaded. Only the operations that a
 * loop needs are counted (one row per node of the prefix tree).
 */
#include "experiments/bench/bench_loops.h"
#include "experiments/bench/bench_report.h"
#include "experiments/commands/commands.h"
#include "experiments/session/cli_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 1024

/* "1,2,4" */
static int parse_threads(Bench *bench, const char *text, Error *err) {
    const char *at = text;
    bench->n_counts = 0;
    for (;;) {
        char *end;
        errno = 0;
        long count = strtol(at, &end, 10);
        bool ends = *end == '\0';
        if (end == at || errno || count < 1 || count > MAX_THREADS || (!ends && *end != ',') ||
            bench->n_counts == BENCH_MAX_COUNTS)
            return error_usage(err,
                               "--threads %s: at most %d whole numbers from 1 to %d, with commas between "
                               "them, are needed",
                               text, BENCH_MAX_COUNTS, MAX_THREADS);
        bench->threads[bench->n_counts++] = (int)count;
        if (ends)
            return 0;
        at = end + 1;
    }
}

static int bench_loops(Bench *bench, Error *err) {
    if (bench_products(bench, err) < 0 || bench_steps(bench, err) < 0 || bench_learners(bench, err) < 0 ||
        bench_photos(bench, err) < 0 || bench_towers(bench, err) < 0 || bench_trainings(bench, err) < 0 ||
        bench_classify(bench, err) < 0 || bench_classifiers(bench, err) < 0 || bench_find(bench, err) < 0 ||
        bench_experiments(bench, err) < 0)
        return -1;
    if (bench->n_rows == 0)
        return error_usage(err, "no loop has %s in its name", bench->words.values[0]);
    return 0;
}

static int bench_all(Bench *bench, const char *save, const char *compare, Error *err) {
    bench->report = bench_report_open(save, compare, err);
    int result = bench->report ? bench_loops(bench, err) : -1;
    if (result == 0)
        result = bench_report_save(bench->report, err);
    bench_report_close(bench->report);
    return result;
}

static int run(CommandLine *line, Error *err) {
    Bench bench = {.n_counts = 1};
    const char *threads = NULL, *precision = NULL, *save = NULL, *compare = NULL;
    const Option options[] = {{"threads", OPTION_TEXT, &threads, 0, 0, "N or N,N",
                               "every loop with each of these numbers (default: one per core)"},
                              {"linear", OPTION_FLAG, &bench.linear, 0, 0, NULL,
                               "instead: growing numbers of classes, context vectors, images"},
                              {"precision", OPTION_TEXT, &precision, 0, 0, "P",
                               "of products with weights: float32 (default), bfloat16, auto"},
                              {"save", OPTION_TEXT, &save, 0, 0, "FILE",
                               "keep the rows there, as --json prints them, to compare others with"},
                              {"compare", OPTION_TEXT, &compare, 0, 0, "FILE",
                               "rows that were kept: how many times faster each loop is now"},
                              {"json", OPTION_FLAG, &bench.json, 0, 0, NULL, "one JSON object per row"}};
    int status = command_parse(line, &command_bench, options, 6, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    bench.words = line->words;
    if (cli_precision(&bench.precision, precision, err) < 0)
        return -1;
    if (bench.precision == PRECISION_BFLOAT16 && precision_here(bench.precision) == PRECISION_FLOAT32)
        fprintf(stderr, PRECISION_NOTE "\n");
    if (threads && parse_threads(&bench, threads, err) < 0)
        return -1;
    return bench_all(&bench, save, compare, err);
}

const Command command_bench = {
    .name = "bench",
    .usage =
        "coop bench [LOOP...] [--threads N,N] [--precision P] [--linear] [--save FILE] [--compare FILE]\n"
        "           [--json]",
    .summary = "this machine's speed on the main loops",
    .help =
        "Each row: median time, operations that the loop needs, rate, its shares of the sgemm peak and of "
        "what\n"
        "the multiply-add units reach from registers alone, both of as many threads right before and behind "
        "it,\n"
        "peak memory of this row; with several numbers of threads also the efficiency, t1 / (n tn); of "
        "steps\n"
        "that train a tower also the share of what their own kernel, in their precision, reaches on factors "
        "in\n"
        "the cache. Where other programs ran meanwhile, or the clock fell, that is said in place of shares.\n"
        "Full-size towers with random weights; a few minutes. LOOP is a part of a loop's name: only such "
        "loops\n"
        "are measured. \"small experiment\" and \"whole experiment\" (100 classes of 16 images, 50 epochs, "
        "2,500\n"
        "test images, RN50), \"search\" (2 GB in $TMPDIR), \"linear probe, 1000\", \"tiny pictures\", "
        "\"1000\n"
        "classes\" of the 80 templates, and \"classify\" with other files than that of ViT-B/32 in half\n"
        "precision, or \"from disk\", are measured only when named.\n",
    .example = "coop bench --threads 1,2 RN50 \"100 classes\"",
    .min_words = 0,
    .max_words = ANY_NUMBER,
    .run = run};
