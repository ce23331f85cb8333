/* score_table.c: see score_table.h */
#include "experiments/retrieve/score_table.h"

#include "experiments/terminal/printable.h"

#include <math.h>
#include <string.h>
#include <uniwidth.h>

enum { LEAST_NAME = 8, LEAST_CASES = 5 };

Measure *score_at(ScoreList *list, const char *label, Arena *arena) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->measures[i].label, label) == 0)
            return &list->measures[i];
    Measure *measures = arena_grow(arena, list->measures, &list->capacity, list->n + 1, sizeof *measures);
    if (!measures)
        return NULL;
    list->measures = measures;
    measures[list->n] = (Measure){.label = label, .mean_rank = NAN, .median_rank = NAN};
    return &measures[list->n++];
}

static int width_of(const char *text) {
    return u8_strwidth((const uint8_t *)text, "UTF-8");
}

static const char *row_name(const ScoreList *list, const Measure *measure, Arena *arena) {
    const char *name = arena_printf(arena, "%s %s", list->dataset, measure->label);
    return printable(name ? name : "?", arena);
}

static void print_padded(const char *text, int width, bool right) {
    const int blanks = width - width_of(text);
    printf("%*s%s%*s", right && blanks > 0 ? blanks : 0, "", text, !right && blanks > 0 ? blanks : 0, "");
}

static void print_row(const ScoreList *lists, const Measure *measure, int index, const int *widths,
                      int n_models) {
    printf("  %*d", LEAST_CASES, measure->n);
    for (int m = 0; m < n_models; m++)
        if (isfinite(lists[m].measures[index].percent))
            printf("  %*.2f", widths[m], lists[m].measures[index].percent);
        else
            printf("  %*s", widths[m], "-");
    printf("\n");
}

void score_table_print(const ScoreList *lists, int n_sets, const char *const *models, int n_models,
                       Arena *arena) {
    int *widths = ARENA_NEW(arena, int, n_models), width = 0;
    const char **names = ARENA_NEW(arena, const char *, n_models);
    if (!widths || !names)
        return;
    for (int m = 0; m < n_models; m++) {
        names[m] = printable(models[m], arena);
        widths[m] = width_of(names[m]) > LEAST_NAME ? width_of(names[m]) : LEAST_NAME;
    }
    for (int s = 0; s < n_sets; s++)
        for (int i = 0; i < lists[s * n_models].n; i++) {
            const Measure *measure = &lists[s * n_models].measures[i];
            const int own = width_of(row_name(&lists[s * n_models], measure, arena));
            width = !measure->is_detail && own > width ? own : width;
        }
    print_padded("in %", width, false);
    printf("  %*s", LEAST_CASES, "cases");
    int line = width + 2 + LEAST_CASES;
    for (int m = 0; m < n_models; m++) {
        printf("  ");
        print_padded(names[m], widths[m], true);
        line += 2 + widths[m];
    }
    printf("\n");
    for (int i = 0; i < line; i++)
        putchar('-');
    printf("\n");
    for (int s = 0; s < n_sets; s++)
        for (int i = 0; i < lists[s * n_models].n; i++) {
            const ScoreList *list = &lists[s * n_models];
            if (list->measures[i].is_detail)
                continue;
            print_padded(row_name(list, &list->measures[i], arena), width, false);
            print_row(list, &list->measures[i], i, widths, n_models);
        }
}

static json_t *measure_json(const Measure *measure) {
    return json_pack("{s:o, s:i}", "percent",
                     isfinite(measure->percent) ? json_real(measure->percent) : json_null(), "n", measure->n);
}

int score_list_print_json(const ScoreList *list, const char *model, json_t *more, Error *err) {
    json_t *json = json_object(), *scores = json_object();
    json_object_set_new(json, "model", json_string(model));
    json_object_set_new(json, "dataset", json_string(list->dataset));
    for (int i = 0; i < list->n; i++) {
        const Measure *measure = &list->measures[i];
        json_object_set_new(scores, measure->label, measure_json(measure));
    }
    json_object_set_new(json, "scores", scores);
    if (more)
        json_object_update(json, more);
    json_decref(more);
    return print_json_value(stdout, json, err);
}
