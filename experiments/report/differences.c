/* differences.c: see differences.h */
#include "experiments/report/differences.h"

#include "clip/base/nearest.h"
#include "clip/base/text_map.h"
#include "experiments/config/experiment.h"
#include "experiments/statistics/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All rows of a part at one number of shots. */
typedef struct {
    int num_shots;
    const char *where;    /* "oxford_pets", "3 datasets, base classes" */
    const char *baseline; /* the row that the name on the command line means here; NULL: none, or the best */
    Comparison comparison;
} Column;

typedef struct {
    const ReportGroups *data;
    const char *part, *backbone;
    const char *measure;  /* rows of this one alone ("text to image R@1"); NULL: rows are methods */
    const char *baseline; /* as it was given, or NULL */
    Column *columns;      /* (n_columns), by number of shots */
    int n_columns;
    bool baseline_found; /* in any column of any part so far */
    Arena *arena;
} Study;

/* --- comparing --- */

static bool is_of(const Study *study, const Group *group) {
    return group->n_datasets == 1 && strcmp(group->part, study->part) == 0 &&
           group_is_measures(group) == (study->measure != NULL);
}

static int compare_columns(const void *a, const void *b) {
    return compare_shots(((const Column *)a)->num_shots, ((const Column *)b)->num_shots);
}

static bool find_columns(Study *study) {
    int capacity = 0;
    for (int g = 0; g < study->data->n; g++)
        capacity += is_of(study, &study->data->groups[g]) ? study->data->groups[g].cells.n_columns : 0;
    study->columns = ARENA_NEW(study->arena, Column, capacity);
    study->n_columns = 0;
    for (int g = 0; g < study->data->n && study->columns; g++) {
        const CellTable *cells = &study->data->groups[g].cells;
        for (int j = 0; j < cells->n_columns && is_of(study, &study->data->groups[g]); j++) {
            bool seen = false;
            for (int k = 0; k < study->n_columns && !seen; k++)
                seen = study->columns[k].num_shots == cells->shots[j];
            if (!seen)
                study->columns[study->n_columns++].num_shots = cells->shots[j];
        }
    }
    if (study->n_columns > 1)
        qsort(study->columns, (size_t)study->n_columns, sizeof *study->columns, compare_columns);
    return study->columns;
}

/* A row by its label; else the only one of that method, such as "CoOp, learned on the base classes". */
static const char *baseline_row(const Study *study, const Score *const *scores, int n) {
    const char *found = NULL;
    for (int i = 0; i < n; i++)
        if (strcmp(scores[i]->label, study->baseline) == 0)
            return scores[i]->label;
    for (int i = 0; i < n; i++) {
        if (strcmp(scores[i]->method, study->baseline) != 0)
            continue;
        if (found && strcmp(found, scores[i]->label) != 0)
            return NULL;
        found = scores[i]->label;
    }
    return found;
}

static const char *place_name(const Study *study, const Observation *observations, int n_datasets) {
    if (n_datasets == 1)
        return observations[0].dataset;
    const bool all = strcmp(study->part, "all") == 0;
    return arena_printf(study->arena, "%d datasets%s%s%s", n_datasets, all ? "" : ", ",
                        all ? "" : study->part, all ? "" : " classes");
}

static bool compare_column(Study *study, Column *column) {
    int capacity = 0, n = 0;
    for (int g = 0; g < study->data->n; g++)
        capacity += study->data->groups[g].n;
    Observation *observations = ARENA_NEW(study->arena, Observation, capacity);
    const Score **scores = ARENA_NEW(study->arena, const Score *, capacity);
    if (arena_failed(study->arena))
        return false;
    for (int g = 0; g < study->data->n; g++) {
        const Group *group = &study->data->groups[g];
        for (int i = 0; i < group->n && is_of(study, group); i++) {
            const Score *score = &group->scores[i];
            const bool fixed = score->num_shots == SHOTS_NONE;
            if (study->measure && strcmp(score->last->label, study->measure) != 0)
                continue;
            if (!fixed && score->num_shots != column->num_shots)
                continue;
            scores[n] = score;
            observations[n++] =
                (Observation){score->label, group->dataset, score->seed, fixed, score->accuracy};
        }
    }
    if (study->baseline && (column->baseline = baseline_row(study, scores, n)))
        study->baseline_found = true;
    if (!comparison_make(&column->comparison, observations, n, column->baseline, study->arena))
        return false;
    if (n == 0)
        return true;
    column->where = place_name(study, observations, column->comparison.n_datasets);
    if (column->where && study->measure)
        column->where = arena_printf(study->arena, "%s, %s", column->where, study->measure);
    return column->where;
}

/* Is there an interval to show, and none against a row that was not asked for? */
static bool has_interval(const Study *study, const Column *column) {
    const Comparison *comparison = &column->comparison;
    for (int r = 0; r < comparison->n_rows; r++)
        if (comparison->differences[r].paired.n > 1)
            return !study->baseline || column->baseline;
    return false;
}

/* --- differences as a sheet --- */

/* Percentage points, with a sign unless they print as nothing. */
static const char *points(double value, Arena *arena) {
    const double printed = round(value * 100) / 100;
    return printed == 0 ? "0.00" : arena_printf(arena, "%+.2f", printed);
}

static void difference_row(Sheet *sheet, int row, const char *label, const Difference *difference,
                           bool unpaired, Arena *arena) {
    const Paired *paired = &difference->paired;
    const bool interval = paired->n > 1;
    SheetCell *cells = sheet_cell(sheet, row, 0);
    cells[0].text = label;
    cells[1].text = paired->n > 0 ? points(paired->mean, arena) : "–";
    cells[2].text = interval
                        ? arena_printf(arena, "[%s, %s]", points(paired->mean - paired->half_width, arena),
                                       points(paired->mean + paired->half_width, arena))
                        : "–";
    cells[3].text = arena_printf(arena, "%d", paired->n);
    cells[4].text = arena_printf(arena, "%d/%d/%d", paired->wins, paired->ties, paired->losses);
    if (unpaired)
        cells[5].text = arena_printf(arena, "%d/%d", difference->n_alone, difference->n_unmatched);
}

static Sheet differences_sheet(const Study *study, const Column *column) {
    static const char *const titles[] = {"method", "difference",       "95 % interval",
                                         "pairs",  "wins/ties/losses", "unpaired"};
    const Comparison *comparison = &column->comparison;
    Arena *arena = study->arena;
    const char *baseline = comparison->rows[comparison->baseline];
    bool unpaired = false, without = false;
    for (int r = 0; r < comparison->n_rows; r++) {
        const Difference *difference = &comparison->differences[r];
        unpaired |= difference->n_alone > 0 || difference->n_unmatched > 0;
        without |= r != comparison->baseline && difference->paired.n < 2;
    }
    Sheet sheet = sheet_create(comparison->n_rows - 1, unpaired ? 6 : 5, 2, arena);
    char shots[64];
    shots_text(column->num_shots, shots);
    if (arena_failed(arena))
        return sheet;
    memcpy(sheet.columns, titles, (size_t)sheet.n_columns * sizeof *titles);
    sheet.name = arena_printf(arena, "differences-%s-%s", column->where, shots);
    sheet.caption =
        arena_printf(arena,
                     "%s, %s, %s: difference from %s%s in percentage points, 95 %% t interval over "
                     "paired %s",
                     column->where, study->backbone, shots, baseline, study->baseline ? "" : " (the best)",
                     comparison->n_datasets > 1 ? "datasets" : "seeds");
    for (int r = 0, row = 0; r < comparison->n_rows; r++)
        if (r != comparison->baseline)
            difference_row(&sheet, row++, comparison->rows[r], &comparison->differences[r], unpaired, arena);
    if (without)
        sheet.notes[sheet.n_notes++] = "–: fewer than two pairs have no interval";
    if (unpaired)
        sheet.notes[sheet.n_notes++] = arena_printf(
            arena, "unpaired: results of the method alone / of %s alone, which count for nothing here",
            baseline);
    return sheet;
}

/* --- ranks as a sheet --- */

enum { N_RANK_FOOT = 5 };

/* The rows that any column ranks or leaves out, in order of first appearance. */
static int ranked_rows(const Study *study, const char **labels) {
    int n = 0;
    for (int k = 0; k < study->n_columns; k++) {
        const Comparison *comparison = &study->columns[k].comparison;
        for (int r = 0; comparison->ranks.k > 0 && r < comparison->n_rows; r++) {
            bool seen = false;
            for (int i = 0; i < n && !seen; i++)
                seen = strcmp(labels[i], comparison->rows[r]) == 0;
            if (!seen)
                labels[n++] = comparison->rows[r];
        }
    }
    return n;
}

static double best_rank(const Comparison *comparison) {
    double best = INFINITY;
    for (int r = 0; r < comparison->n_rows; r++)
        best = fmin(best, comparison->rank[r]); /* NaN is ignored */
    return best;
}

static void fill_ranks(Sheet *sheet, int column, const Comparison *comparison, Arena *arena) {
    const int n = sheet->n_rows - N_RANK_FOOT;
    const double best = round(best_rank(comparison) * 100);
    for (int r = 0; r < comparison->n_rows; r++)
        for (int i = 0; i < n; i++) {
            const double rank = comparison->rank[r];
            if (strcmp(sheet_cell(sheet, i, 0)->text, comparison->rows[r]) == 0)
                *sheet_cell(sheet, i, column) = (SheetCell){
                    isnan(rank) ? "–" : arena_printf(arena, "%.2f", rank), round(rank * 100) == best};
        }
    const Ranks *ranks = &comparison->ranks;
    const bool tested = !isnan(ranks->p_value);
    sheet_cell(sheet, n, column)->text = arena_printf(arena, "%d", ranks->n);
    sheet_cell(sheet, n + 1, column)->text = arena_printf(arena, "%d", ranks->k);
    sheet_cell(sheet, n + 2, column)->text = tested ? arena_printf(arena, "%.2f", ranks->chi_square) : "–";
    sheet_cell(sheet, n + 3, column)->text = !tested ? "–"
                                             : ranks->p_value < 0.0001
                                                 ? "< 0.0001"
                                                 : arena_printf(arena, "%.4f", ranks->p_value);
    sheet_cell(sheet, n + 4, column)->text = arena_printf(arena, "%.2f", ranks->critical);
}

/* Who and what is not ranked. */
static void note_left_out(Sheet *sheet, const Column *column, Arena *arena) {
    const Comparison *comparison = &column->comparison;
    const char *names = "";
    char shots[64];
    shots_text(column->num_shots, shots);
    for (int r = 0; r < comparison->n_rows; r++)
        if (isnan(comparison->rank[r]))
            names = arena_printf(arena, "%s%s%s", names ? names : "", names && *names ? "; " : "",
                                 comparison->rows[r]);
    if (names && *names)
        sheet->notes[sheet->n_notes++] =
            arena_printf(arena, "%s: without some of the datasets, so left out: %s", shots, names);
    if (comparison->n_unranked > 0)
        sheet->notes[sheet->n_notes++] =
            arena_printf(arena, "%s: %d more dataset%s left out: not all that are ranked have %s", shots,
                         comparison->n_unranked, comparison->n_unranked == 1 ? " is" : "s are",
                         comparison->n_unranked == 1 ? "it" : "them");
    if (comparison->n_uneven > 0)
        sheet->notes[sheet->n_notes++] =
            arena_printf(arena, "%s: %d ranked mean%s over fewer seeds than others of the dataset", shots,
                         comparison->n_uneven, comparison->n_uneven == 1 ? " is" : "s are");
}

/* Of a part with ranks in n columns. */
static Sheet ranks_sheet(const Study *study, int n) {
    static const char *const foot[N_RANK_FOOT] = {"datasets", "methods ranked", "Friedman's chi-square",
                                                  "p-value", "critical difference (Nemenyi, 5 %)"};
    Arena *arena = study->arena;
    int capacity = 0, most = 0;
    for (int k = 0; k < study->n_columns; k++)
        capacity += study->columns[k].comparison.n_rows;
    const char **labels = ARENA_NEW(arena, const char *, capacity);
    const int n_rows = labels ? ranked_rows(study, labels) : 0;
    Sheet sheet = sheet_create(n_rows + N_RANK_FOOT, 1 + n, 3 * n, arena);
    if (arena_failed(arena))
        return sheet;
    sheet.n_foot = N_RANK_FOOT;
    for (int i = 0; i < sheet.n_rows; i++)
        sheet_cell(&sheet, i, 0)->text = i < n_rows ? labels[i] : foot[i - n_rows];
    sheet.columns[0] = "method";
    for (int k = 0, column = 1; k < study->n_columns; k++) {
        const Comparison *comparison = &study->columns[k].comparison;
        char shots[64];
        if (comparison->ranks.k == 0)
            continue;
        shots_text(study->columns[k].num_shots, shots);
        sheet.columns[column] = arena_strdup(arena, shots);
        fill_ranks(&sheet, column++, comparison, arena);
        note_left_out(&sheet, &study->columns[k], arena);
        most = comparison->n_datasets > study->columns[most].comparison.n_datasets ? k : most;
    }
    const char *where = study->columns[most].where;
    sheet.name = arena_printf(arena, "ranks-%s", where);
    sheet.caption =
        arena_printf(arena, "%s, %s: average rank of the accuracy on each dataset (1 is the best)", where,
                     study->backbone);
    return sheet;
}

/* --- all parts --- */

static void add_sheet(Differences *differences, const Sheet *sheet, bool brief) {
    differences->sheets[differences->n] = *sheet;
    differences->brief[differences->n++] = brief;
}

static void add_note(Differences *differences, const char *note) {
    differences->notes[differences->n_notes++] = note;
}

/* Rows that do not train need no column of their own to be spoken of: they stand in all. */
static void note_missing(Differences *differences, const Study *study, const Column *column) {
    const Comparison *comparison = &column->comparison;
    char shots[64];
    shots_text(column->num_shots, shots);
    if (study->measure || comparison->n_rows < 2 || (column->num_shots == SHOTS_NONE && study->n_columns > 1))
        return;
    if (study->baseline && !column->baseline)
        add_note(differences, arena_printf(study->arena, "%s, %s: no differences: it has no row '%s'",
                                           column->where, shots, study->baseline));
    else if (comparison->baseline < 0)
        add_note(differences, arena_printf(study->arena, "%s, %s: no differences: no result has an accuracy",
                                           column->where, shots));
    else
        add_note(differences,
                 arena_printf(study->arena, "%s, %s: no differences: no row has two %s in common with '%s'",
                              column->where, shots, comparison->n_datasets > 1 ? "datasets" : "seeds",
                              comparison->rows[comparison->baseline]));
}

static int add_part(Differences *differences, Study *study, Error *err) {
    int last = -1, n_ranked = 0;
    if (!find_columns(study))
        return error_memory(err);
    for (int k = 0; k < study->n_columns; k++) {
        if (!compare_column(study, &study->columns[k]))
            return error_memory(err);
        last = has_interval(study, &study->columns[k]) ? k : last;
        n_ranked += study->columns[k].comparison.ranks.k > 0;
    }
    for (int k = 0; k < study->n_columns; k++)
        if (has_interval(study, &study->columns[k])) {
            const Sheet sheet = differences_sheet(study, &study->columns[k]);
            add_sheet(differences, &sheet, k == last);
        } else
            note_missing(differences, study, &study->columns[k]);
    if (n_ranked > 0) {
        const Sheet sheet = ranks_sheet(study, n_ranked);
        add_sheet(differences, &sheet, true);
    }
    return arena_failed(study->arena) ? error_memory(err) : 0;
}

static int unknown_baseline(const ReportGroups *data, const char *baseline, Arena *arena, Error *err) {
    int n = 0, capacity = 0;
    for (int g = 0; g < data->n; g++)
        capacity += data->groups[g].cells.n_rows;
    const char **labels = ARENA_NEW(arena, const char *, capacity);
    const char *known = "";
    for (int g = 0; g < data->n && labels; g++)
        for (int i = 0; i < data->groups[g].cells.n_rows; i++)
            labels[n++] = data->groups[g].cells.labels[i];
    const char *nearest = labels ? nearest_word(baseline, labels, n) : NULL;
    for (int i = 0; i < data->groups[0].cells.n_rows && known; i++)
        known = arena_printf(arena, "%s%s%s", known, i > 0 ? "; " : "", labels[i]);
    if (arena_failed(arena))
        return error_memory(err);
    return error_usage(err, "--baseline %s: no row has this name (%s%s%s", baseline,
                       nearest ? "did you mean '" : "rows are: ", nearest ? nearest : known,
                       nearest ? "'?)" : ")");
}

/* The measures that evaluations left (n), each once. */
static const char **find_measures(const ReportGroups *data, int *n, Arena *arena) {
    TextMap seen = {.arena = arena};
    int capacity = 0;
    for (int g = 0; g < data->n; g++)
        capacity += group_is_measures(&data->groups[g]) ? data->groups[g].n : 0;
    const char **measures = ARENA_NEW(arena, const char *, capacity);
    *n = 0;
    for (int g = 0; g < data->n && measures; g++)
        for (int i = 0; i < data->groups[g].n && group_is_measures(&data->groups[g]); i++) {
            const char *label = data->groups[g].scores[i].last->label;
            if (!text_map_find(&seen, label) && text_map_put(&seen, label, *n) == 0)
                measures[(*n)++] = label;
        }
    return measures;
}

int differences_find(Differences *differences, const ReportGroups *data, const char *baseline, Arena *arena,
                     Error *err) {
    static const char *const parts[] = {"all", "base", "new"};
    int n_measures, capacity = 0;
    const char **measures = find_measures(data, &n_measures, arena);
    for (int g = 0; g < data->n; g++)
        capacity += data->groups[g].cells.n_columns;
    capacity += 3 + n_measures * (1 + capacity); /* and ranks of each part */
    *differences = (Differences){.sheets = ARENA_NEW(arena, Sheet, capacity),
                                 .brief = ARENA_NEW(arena, bool, capacity),
                                 .notes = ARENA_NEW(arena, const char *, capacity)};
    if (arena_failed(arena))
        return error_memory(err);
    Study study = {.data = data,
                   .backbone = data->n_backbones == 1 ? data->first_backbone : "several backbones",
                   .baseline = baseline,
                   .arena = arena};
    for (int p = 0; p < 3 + n_measures; p++) {
        study.part = parts[p < 3 ? p : 0];
        study.measure = p < 3 ? NULL : measures[p - 3];
        if (add_part(differences, &study, err) < 0)
            return -1;
    }
    return baseline && !study.baseline_found ? unknown_baseline(data, baseline, arena, err) : 0;
}
