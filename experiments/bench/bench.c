/* bench.c: time, operations and memory of a loop (bench.h).
 *
 * Before each row the high-water mark of resident memory is reset by writing 5 to clear_refs, see proc(5).
 */
#include "experiments/bench/bench.h"

#include "clip/base/random.h"
#include "clip/math/gemm.h"
#include "clip/math/product.h"
#include "experiments/terminal/clock.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/output.h"

#include <jansson.h>
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

static int time_once(double *seconds, LoopFn loop, void *context, Error *err) {
    double start = clock_seconds();
    int result = loop(context, err);
    *seconds = clock_seconds() - start;
    return interrupt_check(err) < 0 ? -1 : result;
}

int bench_median(double *seconds, LoopFn loop, void *context, Error *err) {
    double tries[TRIES];
    if (time_once(seconds, loop, context, err) < 0)
        return -1;
    int n = 0;
    for (double spent = 0; n < TRIES && spent < ENOUGH_SECONDS; spent += tries[n++])
        if (time_once(&tries[n], loop, context, err) < 0)
            return -1;
    qsort(tries, (size_t)n, sizeof *tries, compare_doubles);
    *seconds = tries[n / 2];
    return 0;
}

void bench_fill(float *x, size_t n, double scale) {
    Rng rng;
    rng_stream(&rng, 1, STREAM_BENCH, 1, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * rng_normal(&rng));
}

/* --- the most that all threads reach at once --- */

typedef struct {
    bool kernel; /* of product.h in this precision; else OpenBLAS's sgemm */
    Precision precision;
    double *rates; /* (threads) */
} Peaks;

static void peak_tile(void *context, int tile, int worker) {
    (void)worker;
    const Peaks *peaks = context;
    peaks->rates[tile] = peaks->kernel ? product_peak_gflops(peaks->precision) : gemm_peak_gflops();
}

static int measure_peak(double *peak, const Bench *bench, bool kernel, Pool *pool, Error *err) {
    int n = pool_threads(pool);
    Peaks peaks = {kernel, bench->precision, calloc((size_t)n, sizeof *peaks.rates)};
    if (!peaks.rates)
        return error_memory(err);
    pool_run(pool, n, peak_tile, &peaks);
    *peak = 0;
    for (int i = 0; i < n; i++)
        *peak += peaks.rates[i];
    free(peaks.rates);
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

typedef struct {
    const char *loop;
    int threads;
    double peak;   /* GFLOP/s of sgemm */
    double kernel; /* of the loop's own kernel; 0: there is none, or it is not asked for */
    double memory;
    bool memory_so_far; /* of the rows before it too */
    double efficiency;  /* against the first number of threads; 0 for that */
    Sample sample;
} Row;

bool bench_asked(const Bench *bench, const char *loop) {
    for (int i = 0; i < bench->words.n; i++)
        if (strstr(loop, bench->words.values[i]))
            return true;
    return false;
}

bool bench_wanted(const Bench *bench, const char *loop) {
    return bench->words.n == 0 || bench_asked(bench, loop);
}

static int print_json(const Bench *bench, const Row *row, Error *err) {
    const Sample *s = &row->sample;
    double gflop = s->flops * 1e-9, rate = gflop / s->seconds;
    json_t *object = json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:I, s:b, s:s}", "loop", row->loop,
                               "precision", precision_name(precision_here(bench->precision)), "threads",
                               row->threads, "seconds", s->seconds, "gflop", gflop, "gflops", rate,
                               "sgemm_gflops", row->peak, "share", rate / row->peak, "peak_bytes",
                               (json_int_t)row->memory, "peak_so_far", row->memory_so_far, "detail", s->note);
    if (!object ||
        (row->efficiency > 0 && json_object_set_new(object, "efficiency", json_real(row->efficiency)) != 0) ||
        (row->kernel > 0 && json_object_set_new(object, "kernel_gflops", json_real(row->kernel)) != 0)) {
        json_decref(object);
        return error_memory(err);
    }
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    printf("\n");
    return 0;
}

static void print_columns(const Bench *bench, const Row *row) {
    printf("sgemm peak is that of the row's threads, measured right before it%s\n\n",
           row->memory_so_far ? "; memory is the largest so far" : "");
    printf("%-38s %7s %9s %8s %8s %6s %5s%s\n", "loop", "threads", "seconds", "GFLOP", "GFLOP/s", "share",
           "GiB", bench->n_counts > 1 ? "  efficiency" : "");
}

static void print_text(const Bench *bench, const Row *row) {
    const Sample *s = &row->sample;
    double gflop = s->flops * 1e-9, rate = gflop / s->seconds;
    if (bench->n_rows == 0)
        print_columns(bench, row);
    printf("%-38s %7d %9.*f", row->loop, row->threads, s->seconds < 0.1 ? 5 : 3, s->seconds);
    if (s->flops > 0)
        printf(" %8.1f %8.1f %4.0f %%", gflop, rate, 100 * rate / row->peak);
    else
        printf(" %24s", "");
    printf(" %5.2f", row->memory / (1 << 30));
    if (row->efficiency > 0)
        printf(" %9.0f %%", 100 * row->efficiency);
    else if (bench->n_counts > 1)
        printf(" %11s", "");
    printf("  %s", s->note);
    if (row->kernel > 0)
        printf(", %.0f %% of the kernel's peak", 100 * rate / row->kernel);
    printf("\n");
}

/* One row with so many threads. */
static int measure_row(const Bench *bench, Row *row, int n_threads, MeasureFn measure, void *context,
                       Error *err) {
    Pool *pool = pool_create(n_threads);
    if (!pool)
        return error_run(err, "cannot start threads: out of memory, or too many of them");
    int result = measure_peak(&row->peak, bench, false, pool, err);
    row->threads = pool_threads(pool);
    row->memory_so_far = !reset_peak_memory();
    if (result == 0)
        result = interrupt_check(err) < 0 ? -1 : measure(bench, context, pool, &row->sample, err);
    if (result == 0 && row->sample.products)
        result = measure_peak(&row->kernel, bench, true, pool, err);
    row->memory = row->sample.memory > 0 ? row->sample.memory : peak_memory_bytes();
    pool_free(pool);
    return result;
}

int bench_row(Bench *bench, const char *loop, MeasureFn measure, void *context, Error *err) {
    double first = 0; /* seconds of all threads together */
    if (!bench_wanted(bench, loop))
        return 0;
    for (int i = 0; i < bench->n_counts; i++) {
        Row row = {.loop = loop};
        if (measure_row(bench, &row, bench->threads[i], measure, context, err) < 0)
            return -1;
        double spent = row.threads * row.sample.seconds;
        if (i == 0)
            first = spent;
        else
            row.efficiency = first / spent;
        if (!bench->json)
            print_text(bench, &row);
        else if (print_json(bench, &row, err) < 0)
            return -1;
        bench->n_rows++;
        if (output_flush(err) < 0)
            return -1;
    }
    return 0;
}
