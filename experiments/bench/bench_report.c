/* bench_report.c: see bench_report.h
 *
 * A kept row is the JSON object that --json prints, one a line, with the machine in each.
 */
#include "experiments/bench/bench_report.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "clip/math/unit_peak.h"
#include "experiments/bench/bench_machine.h"
#include "experiments/terminal/output.h"
#include "experiments/terminal/printable.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 24 };

struct BenchReport {
    Machine machine;
    const char *save, *compare; /* borrowed */
    json_t *rows, *before;      /* lists: measured now, and those of `compare`; NULL without */
    bool other_machine_told, has_begun;
    Load begun; /* what others did before the first row */
};

/* --- what was kept --- */

/* One object a line. */
static json_t *read_rows(const char *path, Error *err) {
    Arena *arena = arena_create();
    json_t *rows = json_array();
    size_t size;
    const char *text = arena && rows ? file_read(path, MAX_FILE, arena, &size, err) : NULL;
    bool good = text != NULL;
    if (!arena || !rows)
        error_memory(err);
    int line = 1;
    for (const char *at = text; good && *at; line++) {
        const size_t n = strcspn(at, "\n");
        json_error_t why;
        json_t *row = json_read(at, n, &why);
        good = json_is_string(json_object_get(row, "loop")) &&
               json_is_number(json_object_get(row, "seconds")) &&
               json_number_value(json_object_get(row, "seconds")) > 0;
        if (!good)
            error_set(err, "%s:%d: no row of coop bench --save", path, line);
        else if (json_array_append(rows, row) != 0)
            good = error_memory(err) == 0;
        json_decref(row);
        at += n + (at[n] == '\n');
    }
    if (good && json_array_size(rows) == 0)
        good = error_set(err, "%s: it has no rows", path) == 0;
    arena_free(arena);
    if (good)
        return rows;
    json_decref(rows);
    return NULL;
}

BenchReport *bench_report_open(const char *save, const char *compare, Error *err) {
    BenchReport *report = calloc(1, sizeof *report);
    if (!report) {
        error_memory(err);
        return NULL;
    }
    report->save = save;
    report->compare = compare;
    bench_machine(&report->machine);
    json_begin();
    if (save && !(report->rows = json_array())) {
        error_memory(err);
        bench_report_close(report);
        return NULL;
    }
    if (compare && !(report->before = read_rows(compare, err))) {
        bench_report_close(report);
        return NULL;
    }
    return report;
}

void bench_report_begin(BenchReport *report) {
    if (!report->has_begun)
        report->begun = load_now(1);
    report->has_begun = true;
}

void bench_report_close(BenchReport *report) {
    if (!report)
        return;
    json_decref(report->rows);
    json_decref(report->before);
    free(report);
}

int bench_report_save(const BenchReport *report, Error *err) {
    if (!report->save)
        return 0;
    FileWriter *file = file_create(report->save, err);
    size_t i;
    json_t *row;
    if (!file)
        return -1;
    json_array_foreach(report->rows, i, row) {
        char *text = json_write(row, JSON_COMPACT | JSON_REAL_PRECISION(6));
        if (!text) {
            file_discard(file);
            return error_memory(err);
        }
        file_printf(file, "%s\n", text); /* failure is sticky */
        free(text);
    }
    return file_commit(file, err);
}

/* --- a row --- */

static bool is_disturbed(const BenchRow *row) {
    return row->load.busy || row->load.slowed;
}

static bool is_of(const json_t *old, const Bench *bench, const BenchRow *row) {
    const char *precision = json_string_value(json_object_get(old, "precision"));
    return strcmp(json_string_value(json_object_get(old, "loop")), row->loop) == 0 && precision &&
           strcmp(precision, precision_name(precision_here(bench->precision))) == 0 &&
           json_integer_value(json_object_get(old, "threads")) == row->threads;
}

static void tell_other_machine(BenchReport *report, const json_t *old) {
    const char *processor = json_string_value(json_object_get(old, "processor"));
    const char *kernels = json_string_value(json_object_get(old, "kernels"));
    const bool same = processor && kernels && strcmp(processor, report->machine.processor) == 0 &&
                      strcmp(kernels, report->machine.kernels) == 0;
    if (!same && !report->other_machine_told)
        print_line(stderr, "note: %s: measured on %s (%s), not on this machine", report->compare,
                   processor ? processor : "another", kernels ? kernels : "?");
    report->other_machine_told = report->other_machine_told || !same;
}

/* How many times faster this is than the row that was kept; 0: there is none. *disturbed: one of them was. */
static double ratio_of(const Bench *bench, const BenchRow *row, bool *disturbed) {
    size_t i;
    json_t *old;
    *disturbed = is_disturbed(row);
    json_array_foreach(bench->report->before, i, old) {
        if (!is_of(old, bench, row))
            continue;
        tell_other_machine(bench->report, old);
        *disturbed = *disturbed || json_is_string(json_object_get(old, "disturbed"));
        return json_number_value(json_object_get(old, "seconds")) / row->sample.seconds;
    }
    return 0;
}

static double unit_of(const Bench *bench, const BenchRow *row) {
    return row->units[precision_here(bench->precision) == PRECISION_BFLOAT16];
}

static bool put_real(json_t *object, const char *key, double value) {
    return value <= 0 || json_object_set_new(object, key, json_real(value)) == 0;
}

static json_t *row_json(const Bench *bench, const BenchRow *row) {
    const Sample *s = &row->sample;
    const double gflop = s->flops * 1e-9, rate = gflop / s->seconds;
    bool disturbed;
    char why[128];
    load_text(why, sizeof why, &row->load);
    const double ratio = ratio_of(bench, row, &disturbed);
    json_t *object =
        json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:I, s:b, s:s, s:f, s:f}", "loop", row->loop,
                  "precision", precision_name(precision_here(bench->precision)), "threads", row->threads,
                  "seconds", s->seconds, "gflop", gflop, "gflops", rate, "sgemm_gflops", row->sgemm,
                  "peak_bytes", (json_int_t)row->memory, "peak_so_far", row->memory_so_far, "detail", s->note,
                  "float_unit_gflops", row->units[0], "bfloat16_unit_gflops", row->units[1]);
    json_t *machine = bench_machine_json(&bench->report->machine);
    const bool good =
        object && machine && json_object_update_missing(object, machine) == 0 &&
        (is_disturbed(row) ? json_object_set_new(object, "disturbed", json_string(why)) == 0
                           : json_object_set_new(object, "share", json_real(rate / row->sgemm)) == 0 &&
                                 put_real(object, "unit_share",
                                          unit_of(bench, row) > 0 ? rate / unit_of(bench, row) : 0)) &&
        (!row->load.is_known || json_object_set_new(object, "others", json_real(row->load.others)) == 0) &&
        (!bench->report->begun.is_known ||
         json_object_set_new(object, "others_before", json_real(bench->report->begun.others)) == 0) &&
        put_real(object, "clock_before", row->load.clock_before) &&
        put_real(object, "clock_after", row->load.clock_after) &&
        put_real(object, "efficiency", row->efficiency) && put_real(object, "kernel_gflops", row->kernel) &&
        put_real(object, "ratio", ratio) &&
        (ratio <= 0 || !disturbed || json_object_set_new(object, "ratio_disturbed", json_true()) == 0);
    json_decref(machine);
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

static void print_unit(const char *precision, const BenchRow *row, int i) {
    if (row->units[i] > 0)
        printf("%s %.0f GFLOP/s in %s (%s)", i ? "," : "", row->units[i], precision, unit_name((Precision)i));
}

static void print_head(const Bench *bench, const BenchRow *row) {
    const Machine *m = &bench->report->machine;
    char busy[128];
    printf("%s, %d processor%s: %s\n%s\n", m->processor, m->processors, m->processors == 1 ? "" : "s",
           m->features, m->kernels);
    if (row->units[0] > 0) {
        printf("multiply-add units of %d thread%s:", row->threads, row->threads == 1 ? "" : "s");
        print_unit("float", row, 0);
        print_unit("bfloat16", row, 1);
        printf("\n");
    }
    load_text(busy, sizeof busy, &bench->report->begun);
    if (*busy)
        printf("this machine is busy: %s before anything was measured\n", busy);
    printf("sgemm and unit: shares of OpenBLAS's product and of these units, both measured right before and "
           "behind the row%s\n\n",
           row->memory_so_far ? "; memory is the largest so far" : "");
    printf("%-38s %7s %9s %8s %8s %6s %6s %5s%s%s\n", "loop", "threads", "seconds", "GFLOP", "GFLOP/s",
           "sgemm", "unit", "GiB", bench->n_counts > 1 ? "  efficiency" : "",
           bench->report->before ? "  ratio" : "");
}

static void print_shares(const Bench *bench, const BenchRow *row, double rate) {
    const double unit = unit_of(bench, row);
    if (is_disturbed(row))
        printf("  busy     ");
    else
        printf(" %4.0f %%", 100 * rate / row->sgemm);
    if (!is_disturbed(row) && unit > 0)
        printf(" %4.0f %%", 100 * rate / unit);
    else
        printf("  %*s", is_disturbed(row) ? 1 : 5, "");
}

static void print_ratio(const Bench *bench, const BenchRow *row) {
    bool disturbed;
    const double ratio = ratio_of(bench, row, &disturbed);
    if (!bench->report->before)
        return;
    if (ratio > 0)
        printf("  %5.2f%s", ratio, disturbed ? "?" : " ");
    else
        printf("  %6s", "");
}

static void print_text(const Bench *bench, const BenchRow *row) {
    const Sample *s = &row->sample;
    const double gflop = s->flops * 1e-9, rate = gflop / s->seconds;
    char why[128];
    load_text(why, sizeof why, &row->load);
    if (bench->n_rows == 0)
        print_head(bench, row);
    printf("%-38s %7d %9.*f", row->loop, row->threads, s->seconds < 0.1 ? 5 : 3, s->seconds);
    if (s->flops > 0) {
        printf(" %8.1f %8.1f", gflop, rate);
        print_shares(bench, row, rate);
    } else
        printf(" %31s", "");
    printf(" %5.2f", row->memory / (1 << 30));
    if (row->efficiency > 0 && !is_disturbed(row))
        printf(" %9.0f %%", 100 * row->efficiency);
    else if (bench->n_counts > 1)
        printf(" %11s", "");
    print_ratio(bench, row);
    printf("  %s", s->note);
    if (row->kernel > 0 && !is_disturbed(row))
        printf(", %.0f %% of the kernel's peak", 100 * rate / row->kernel);
    printf("%s%s\n", *why ? "; disturbed: " : "", why);
}

int bench_report_row(const Bench *bench, const BenchRow *row, Error *err) {
    BenchReport *report = bench->report;
    if (bench->json || report->rows) {
        json_t *object = row_json(bench, row);
        if (!object)
            return error_memory(err);
        if (bench->json) {
            json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
            printf("\n");
        }
        if (report->rows && json_array_append(report->rows, object) != 0) {
            json_decref(object);
            return error_memory(err);
        }
        json_decref(object);
    }
    if (!bench->json)
        print_text(bench, row);
    return output_flush(err);
}
