/* bench.c: time, operations and memory of a loop (bench.h).
 *
 * Before each row the high-water mark of resident memory is reset by writing 5 to clear_refs, see proc(5).
 */
#include "experiments/bench/bench.h"

#include "clip/base/clock.h"
#include "clip/base/random.h"
#include "clip/math/gemm.h"
#include "clip/math/product.h"
#include "clip/math/unit_peak.h"
#include "experiments/bench/bench_report.h"
#include "experiments/terminal/interrupt.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { TRIES = 5, ENOUGH_SECONDS = 4 };

/* --- time --- */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int time_once(double *seconds, LoopFn before, LoopFn loop, void *context, Error *err) {
    if (before && before(context, err) < 0)
        return -1;
    double start = clock_seconds();
    int result = loop(context, err);
    *seconds = clock_seconds() - start;
    return interrupt_check(err) < 0 ? -1 : result;
}

int bench_median_after(double *seconds, LoopFn before, LoopFn loop, void *context, Error *err) {
    double tries[TRIES];
    if (time_once(seconds, before, loop, context, err) < 0)
        return -1;
    int n = 0;
    for (double spent = 0; n < TRIES && spent < ENOUGH_SECONDS; spent += tries[n++])
        if (time_once(&tries[n], before, loop, context, err) < 0)
            return -1;
    qsort(tries, (size_t)n, sizeof *tries, compare_doubles);
    *seconds = tries[n / 2];
    return 0;
}

int bench_median(double *seconds, LoopFn loop, void *context, Error *err) {
    return bench_median_after(seconds, NULL, loop, context, err);
}

void bench_fill(float *x, size_t n, double scale) {
    Rng rng;
    rng_stream(&rng, 1, STREAM_BENCH, 1, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * rng_normal(&rng));
}

/* --- the most that all threads reach at once --- */

typedef enum { PEAK_SGEMM, PEAK_KERNEL, PEAK_UNIT } PeakKind;

typedef struct {
    PeakKind kind;
    Precision precision;
    double *rates; /* (threads) */
} Peaks;

static void peak_tile(void *context, int tile, int worker) {
    (void)worker;
    const Peaks *peaks = context;
    peaks->rates[tile] = peaks->kind == PEAK_KERNEL ? product_peak_gflops(peaks->precision)
                         : peaks->kind == PEAK_UNIT ? unit_peak_gflops(peaks->precision)
                                                    : gemm_peak_gflops();
}

static int measure_peak(double *peak, PeakKind kind, Precision precision, Pool *pool, Error *err) {
    int n = pool_threads(pool);
    Peaks peaks = {kind, precision, calloc((size_t)n, sizeof *peaks.rates)};
    if (!peaks.rates)
        return error_memory(err);
    pool_run(pool, n, peak_tile, &peaks);
    *peak = 0;
    for (int i = 0; i < n; i++)
        *peak += peaks.rates[i];
    free(peaks.rates);
    return 0;
}

/* Half of what is measured now: before a row and behind it, it makes the mean. A clock drifts in minutes. */
static int add_peaks(BenchRow *row, Pool *pool, Error *err) {
    double sgemm = 0, units[2] = {0};
    if (measure_peak(&sgemm, PEAK_SGEMM, PRECISION_FLOAT32, pool, err) < 0 ||
        measure_peak(&units[0], PEAK_UNIT, PRECISION_FLOAT32, pool, err) < 0 ||
        measure_peak(&units[1], PEAK_UNIT, PRECISION_BFLOAT16, pool, err) < 0)
        return -1;
    row->sgemm += sgemm / 2;
    row->units[0] += units[0] / 2;
    row->units[1] += units[1] / 2;
    return 0;
}

/* --- memory --- */

/* False where the kernel keeps one mark for the whole life of a process. */
static bool reset_peak_memory(void) {
    malloc_trim(0);
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file)
        return false;
    bool written = fputs("5", file) >= 0;
    return fclose(file) == 0 && written;
}

static double peak_memory_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double kibibytes = (double)usage.ru_maxrss;
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lf kB", &kibibytes) == 1)
            break;
    if (file)
        fclose(file);
    return kibibytes * 1024;
}

/* --- rows --- */

bool bench_asked(const Bench *bench, const char *loop) {
    for (int i = 0; i < bench->words.n; i++)
        if (strstr(loop, bench->words.values[i]))
            return true;
    return false;
}

bool bench_wanted(const Bench *bench, const char *loop) {
    return bench->words.n == 0 || bench_asked(bench, loop);
}

/* One row with so many threads. */
static int measure_row(const Bench *bench, BenchRow *row, int n_threads, MeasureFn measure, void *context,
                       Error *err) {
    Pool *pool = pool_create(n_threads);
    if (!pool)
        return error_run(err, "cannot start threads: out of memory, or too many of them");
    const LoadMark before = load_mark();
    int result = add_peaks(row, pool, err);
    row->threads = pool_threads(pool);
    row->memory_so_far = !reset_peak_memory();
    if (result == 0)
        result = interrupt_check(err) < 0 ? -1 : measure(bench, context, pool, &row->sample, err);
    if (result == 0 && row->sample.products)
        result = measure_peak(&row->kernel, PEAK_KERNEL, bench->precision, pool, err);
    row->memory = row->sample.memory > 0 ? row->sample.memory : peak_memory_bytes();
    if (result == 0)
        result = add_peaks(row, pool, err);
    const LoadMark after = load_mark();
    row->load = load_between(&before, &after, row->threads);
    pool_free(pool);
    return result;
}

int bench_row(Bench *bench, const char *loop, MeasureFn measure, void *context, Error *err) {
    double first = 0; /* seconds of all threads together */
    if (!bench_wanted(bench, loop))
        return 0;
    bench_report_begin(bench->report);
    for (int i = 0; i < bench->n_counts; i++) {
        BenchRow row = {.loop = loop};
        if (measure_row(bench, &row, bench->threads[i], measure, context, err) < 0)
            return -1;
        double spent = row.threads * row.sample.seconds;
        if (i == 0)
            first = spent;
        else
            row.efficiency = first / spent;
        if (bench_report_row(bench, &row, err) < 0)
            return -1;
        bench->n_rows++;
    }
    return 0;
}
