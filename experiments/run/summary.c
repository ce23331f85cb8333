/* summary.c: see summary.h */
#include "experiments/run/summary.h"

#include "experiments/tables/table.h"

#include <math.h>
#include <string.h>

/* What is printed, one table after the other. */
typedef struct {
    FILE *out;
    const ResultList *results;
    Arena *arena;
    int n_tables;
} Printer;

/* Entries as they come; room for `capacity`. */
typedef struct {
    TableEntry *entries;
    int n, capacity;
} Entries;

static int entries_create(Entries *list, size_t capacity, Arena *arena) {
    *list = (Entries){.entries = ARENA_NEW(arena, TableEntry, capacity), .capacity = (int)capacity};
    return list->entries ? 0 : -1;
}

static void add(Entries *list, const char *label, int column, int seed, double value) {
    if (list->n < list->capacity)
        list->entries[list->n++] = (TableEntry){label, column, seed, value};
}

static double accuracy(const Printer *printer, const Point *point) {
    const Result *result = results_find(printer->results, point->key);
    return result ? result->accuracy : NAN;
}

static int print_table(Printer *printer, const Entries *list, const char *title, const char *const *columns) {
    TableStyle style = table_style(printer->out, title);
    style.columns = columns;
    char *text = title ? table_text(list->entries, list->n, &style, printer->arena) : NULL;
    if (!text)
        return -1;
    fprintf(printer->out, "%s%s", printer->n_tables++ > 0 ? "\n" : "", text);
    return 0;
}

/* --- one experiment --- */

/* By number of shots. */
static void collect_own(Entries *list, const Printer *printer, const Stage *stage) {
    for (int i = 0; i < stage->grid.n; i++) {
        const Point *point = &stage->grid.points[i];
        if (point->target < 0)
            add(list, point->label, point->num_shots, point->seed, accuracy(printer, point));
    }
}

static int print_own(Printer *printer, const Stage *stage) {
    Entries list;
    if (entries_create(&list, (size_t)stage->grid.n, printer->arena))
        return -1;
    collect_own(&list, printer, stage);
    return print_table(printer, &list,
                       arena_printf(printer->arena, "%s, %s: accuracy in %%, mean ± std over seeds",
                                    stage->session.name, stage->backbone),
                       NULL);
}

/* --- transfer --- */

/* Columns of a table with names: the experiment's own dataset, the targets, the average, H. */
enum { OWN = 1, FIRST_TARGET = 2 };

/* Mean over the seeds of a cell; NaN unless all of them are there. */
static double cell_mean(const Entries *list, const char *label, int column) {
    double sum = 0;
    int n = 0;
    for (int i = 0; i < list->n; i++)
        if (list->entries[i].num_shots == column && strcmp(list->entries[i].label, label) == 0) {
            sum += list->entries[i].value;
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

static bool is_first_of_label(const Entries *list, int index) {
    for (int i = 0; i < index; i++)
        if (strcmp(list->entries[i].label, list->entries[index].label) == 0)
            return false;
    return true;
}

static bool is_part(const Experiment *experiment, const char *part) {
    const char *own = experiment->dataset.subsample_classes;
    return own && strcmp(own, part) == 0;
}

/* The target that holds the other half of the classes; -1 for none. */
static int new_classes(const Experiment *experiment) {
    for (int t = 0; t < experiment->n_targets; t++)
        if (is_part(experiment, "base") && is_part(&experiment->targets[t], "new"))
            return t;
    return -1;
}

/* The mean over all targets, of methods that were tested on all of them, seed by seed. */
static void add_averages(Entries *list, int n_targets) {
    const int n = list->n;
    for (int i = 0; i < n; i++) {
        const TableEntry *first = &list->entries[i];
        if (first->num_shots != FIRST_TARGET)
            continue;
        double sum = 0;
        int found = 0;
        for (int j = 0; j < n; j++) {
            const TableEntry *entry = &list->entries[j];
            if (entry->num_shots >= FIRST_TARGET && entry->seed == first->seed &&
                strcmp(entry->label, first->label) == 0) {
                sum += entry->value;
                found++;
            }
        }
        if (found == n_targets)
            add(list, first->label, FIRST_TARGET + n_targets, first->seed, sum / n_targets);
    }
}

/* H = 2 base new / (base + new) of the means over seeds, as published tables have it. */
static void add_harmonic(Entries *list, int column_new, int column) {
    const int n = list->n;
    for (int i = 0; i < n; i++) {
        if (!is_first_of_label(list, i))
            continue;
        const char *label = list->entries[i].label;
        double base = cell_mean(list, label, OWN), new = cell_mean(list, label, column_new);
        if (base + new > 0)
            add(list, label, column, 0, 2 * base * new / (base + new));
    }
}

static void collect(Entries *list, const Printer *printer, const Stage *stage, int num_shots) {
    for (int i = 0; i < stage->grid.n; i++) {
        const Point *point = &stage->grid.points[i];
        if (point->num_shots == num_shots || point->num_shots == SHOTS_NONE)
            add(list, point->label, FIRST_TARGET + point->target, point->seed, accuracy(printer, point));
    }
}

static const char *shots_phrase(int num_shots, Arena *arena) {
    if (num_shots == SHOTS_ALL)
        return "all images";
    return arena_printf(arena, "%d shot%s", num_shots, num_shots == 1 ? "" : "s");
}

static int print_transfer(Printer *printer, const Stage *stage, int num_shots) {
    const int n_targets = stage->experiment->n_targets;
    const char **columns = ARENA_NEW(printer->arena, const char *, n_targets + 3);
    const char *shots = shots_phrase(num_shots, printer->arena);
    Entries list;
    if (!columns || !shots || entries_create(&list, 3 * (size_t)stage->grid.n, printer->arena))
        return -1;
    columns[0] = stage->session.name;
    for (int t = 0; t < n_targets; t++)
        columns[1 + t] = stage->targets[t].name;
    columns[n_targets + 1] = "average";
    columns[n_targets + 2] = "H";
    collect(&list, printer, stage, num_shots);
    if (n_targets > 1)
        add_averages(&list, n_targets);
    int new = new_classes(stage->experiment);
    if (new >= 0)
        add_harmonic(&list, FIRST_TARGET + new, FIRST_TARGET + n_targets + 1);
    return print_table(printer, &list,
                       arena_printf(printer->arena,
                                    "learned on %s with %s, %s: accuracy in %%, mean ± std over seeds",
                                    stage->session.name, shots, stage->backbone),
                       columns);
}

static int print_transfers(Printer *printer, const Stage *stage) {
    const IntList *shots = &stage->experiment->grid.num_shots;
    for (int i = 0; i < shots->n && stage->experiment->n_targets > 0; i++)
        if (print_transfer(printer, stage, shots->values[i]) < 0)
            return -1;
    return 0;
}

/* --- averages over datasets --- */

/* One entry per label, column and seed: the mean over stages; NaN where one is missing. */
static void average_over(Entries *average, const Entries *of_stage, int n) {
    for (int i = 0; i < of_stage[0].n; i++) {
        const TableEntry *first = &of_stage[0].entries[i];
        double sum = 0;
        int found = 0;
        for (int k = 0; k < n; k++)
            for (int j = 0; j < of_stage[k].n; j++) {
                const TableEntry *entry = &of_stage[k].entries[j];
                if (entry->num_shots == first->num_shots && entry->seed == first->seed &&
                    strcmp(entry->label, first->label) == 0) {
                    sum += entry->value;
                    found++;
                    break;
                }
            }
        if (found == n)
            add(average, first->label, first->num_shots, first->seed, sum / n);
    }
}

/* The entries of each of n stages, and room for their average. */
typedef struct {
    const Stage *stages;
    Entries *of_stage; /* (n) */
    int n;
} Several;

static int print_over(Printer *printer, const Several *several, const char *how, int harmonic_of,
                      const char *const *columns) {
    Entries average;
    if (!how || entries_create(&average, 2 * (size_t)several->of_stage[0].n, printer->arena))
        return -1;
    average_over(&average, several->of_stage, several->n);
    if (harmonic_of)
        add_harmonic(&average, harmonic_of, harmonic_of + 1);
    return print_table(printer, &average,
                       arena_printf(printer->arena,
                                    "average of %d datasets, %s%s: accuracy in %%, mean ± std over seeds",
                                    several->n, how, several->stages[0].backbone),
                       columns);
}

static int print_average_by_shots(Printer *printer, const Several *several) {
    for (int k = 0; k < several->n; k++) {
        several->of_stage[k].n = 0;
        collect_own(&several->of_stage[k], printer, &several->stages[k]);
    }
    return print_over(printer, several, "", 0, NULL);
}

static int print_average_base_to_new(Printer *printer, const Several *several, int num_shots) {
    static const char *const columns[] = {"base", "new", "H"};
    for (int k = 0; k < several->n; k++) {
        several->of_stage[k].n = 0;
        collect(&several->of_stage[k], printer, &several->stages[k], num_shots);
    }
    const char *shots = shots_phrase(num_shots, printer->arena);
    const char *how = shots ? arena_printf(printer->arena, "learned with %s, ", shots) : NULL;
    return print_over(printer, several, how, FIRST_TARGET, columns);
}

static int print_averages(Printer *printer, const Stage *stages, int n) {
    Several several = {.stages = stages, .of_stage = ARENA_NEW(printer->arena, Entries, n), .n = n};
    bool base_to_new = true;
    if (!several.of_stage)
        return -1;
    for (int k = 0; k < n; k++) {
        base_to_new &= stages[k].experiment->n_targets == 1 && new_classes(stages[k].experiment) == 0;
        if (entries_create(&several.of_stage[k], (size_t)stages[k].grid.n, printer->arena))
            return -1;
    }
    if (print_average_by_shots(printer, &several) < 0)
        return -1;
    const IntList *shots = &stages[0].experiment->grid.num_shots;
    for (int i = 0; base_to_new && i < shots->n; i++)
        if (print_average_base_to_new(printer, &several, shots->values[i]) < 0)
            return -1;
    return 0;
}

int summary_print(FILE *out, const Stage *stages, int n, const ResultList *results, Arena *arena,
                  Error *err) {
    Printer printer = {.out = out, .results = results, .arena = arena};
    for (int i = 0; i < n; i++)
        if (print_own(&printer, &stages[i]) < 0 || print_transfers(&printer, &stages[i]) < 0)
            return error_memory(err);
    for (int first = 0, end; first < n; first = end) {
        const char *weights = stages[first].experiment->model.weights;
        for (end = first + 1; end < n && strcmp(stages[end].experiment->model.weights, weights) == 0;)
            end++;
        if (end - first > 1 && print_averages(&printer, &stages[first], end - first) < 0)
            return error_memory(err);
    }
    return 0;
}
