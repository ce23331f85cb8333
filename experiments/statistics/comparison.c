/* comparison.c: see comparison.h */
#include "experiments/statistics/comparison.h"

#include "clip/base/text_map.h"

#include <math.h>
#include <string.h>

/* All values, and their means over what makes a pair. */
typedef struct {
    int n_rows, n_cells, n_units;
    int *unit;      /* (n_cells) the pair that a cell belongs to: its dataset, or itself */
    bool seeds;     /* it is itself: a seed of the one dataset */
    bool *learns;   /* (n_rows) */
    double *values; /* (n_rows, n_cells); NaN: missing */
    double *means;  /* (n_rows, n_units) of the cells that a row has */
    int *counts;    /* (n_rows, n_units) how many they are */
    Arena *arena;
} Grid;

/* Rows and units without a gap. */
typedef struct {
    bool *rows, *units; /* (n_rows), (n_units) */
    int n_rows, n_units;
} Block;

/* --- the grid --- */

/* The places of rows and datasets, and of cells by dataset and seed. */
typedef struct {
    TextMap rows, datasets, cells;
    int *row, *dataset; /* (n) of the observations */
    int *cell;          /* (n); -1 of a fixed row where the others of the dataset have cells */
    int *cell_dataset;  /* (n_cells) */
} Places;

static int place_of(TextMap *map, const char *text) {
    const int *found = text_map_find(map, text);
    if (found)
        return *found;
    return text_map_put(map, text, map->n) < 0 ? -1 : map->n - 1;
}

/* false when memory is out. */
static bool place_cell(Places *places, const Observation *observation, int i) {
    Arena *arena = places->cells.arena;
    const char *key = arena_printf(arena, "%d %d", places->dataset[i], observation->seed);
    places->cell[i] = key ? place_of(&places->cells, key) : -1;
    if (places->cell[i] >= 0)
        places->cell_dataset[places->cell[i]] = places->dataset[i];
    return places->cell[i] >= 0;
}

/* What learns has cells of its own; what is fixed, where a dataset has none otherwise. */
static bool find_places(Places *places, const Observation *observations, int n, Arena *arena) {
    *places = (Places){.rows = {.arena = arena}, .datasets = {.arena = arena}, .cells = {.arena = arena}};
    places->row = ARENA_NEW(arena, int, n);
    places->dataset = ARENA_NEW(arena, int, n);
    places->cell = ARENA_NEW(arena, int, n);
    places->cell_dataset = ARENA_NEW(arena, int, n);
    bool *has_cells = ARENA_NEW(arena, bool, n);
    if (arena_failed(arena))
        return false;
    for (int i = 0; i < n; i++) {
        places->row[i] = place_of(&places->rows, observations[i].row);
        places->dataset[i] = place_of(&places->datasets, observations[i].dataset);
        if (places->row[i] < 0 || places->dataset[i] < 0 ||
            (!observations[i].fixed && !place_cell(places, &observations[i], i)))
            return false;
        has_cells[places->dataset[i]] |= !observations[i].fixed;
    }
    for (int i = 0; i < n; i++) {
        if (!observations[i].fixed)
            continue;
        places->cell[i] = -1;
        if (!has_cells[places->dataset[i]] && !place_cell(places, &observations[i], i))
            return false;
    }
    return true;
}

static void fill_values(Grid *grid, const Places *places, const Observation *observations, int n) {
    for (size_t i = 0; i < (size_t)grid->n_rows * (size_t)grid->n_cells; i++)
        grid->values[i] = NAN;
    for (int i = 0; i < n; i++) {
        double *row = grid->values + (size_t)places->row[i] * (size_t)grid->n_cells;
        if (places->cell[i] >= 0)
            row[places->cell[i]] = observations[i].value;
        for (int c = 0; places->cell[i] < 0 && c < grid->n_cells; c++)
            if (places->cell_dataset[c] == places->dataset[i])
                row[c] = observations[i].value;
    }
}

static void fill_means(Grid *grid) {
    for (int r = 0; r < grid->n_rows; r++) {
        const double *values = grid->values + (size_t)r * (size_t)grid->n_cells;
        double *means = grid->means + (size_t)r * (size_t)grid->n_units;
        int *counts = grid->counts + (size_t)r * (size_t)grid->n_units;
        for (int c = 0; c < grid->n_cells; c++)
            if (isfinite(values[c])) {
                means[grid->unit[c]] += values[c];
                counts[grid->unit[c]]++;
            }
        for (int u = 0; u < grid->n_units; u++)
            means[u] = counts[u] > 0 ? means[u] / counts[u] : NAN;
    }
}

static bool make_grid(Grid *grid, Comparison *comparison, const Observation *observations, int n) {
    Arena *arena = grid->arena;
    Places places;
    if (!find_places(&places, observations, n, arena))
        return false;
    const bool several = places.datasets.n > 1;
    grid->seeds = !several;
    grid->n_rows = places.rows.n;
    grid->n_cells = places.cells.n;
    grid->n_units = several ? places.datasets.n : places.cells.n;
    grid->unit = ARENA_NEW(arena, int, grid->n_cells);
    grid->values = ARENA_NEW(arena, double, (size_t)grid->n_rows *(size_t)grid->n_cells);
    grid->means = ARENA_NEW(arena, double, (size_t)grid->n_rows *(size_t)grid->n_units);
    grid->counts = ARENA_NEW(arena, int, (size_t)grid->n_rows *(size_t)grid->n_units);
    grid->learns = ARENA_NEW(arena, bool, grid->n_rows);
    comparison->rows = ARENA_NEW(arena, const char *, grid->n_rows);
    if (arena_failed(arena))
        return false;
    for (int i = 0; i < n; i++) {
        comparison->rows[places.row[i]] = observations[i].row;
        grid->learns[places.row[i]] |= !observations[i].fixed;
    }
    comparison->n_rows = grid->n_rows;
    comparison->n_datasets = places.datasets.n;
    for (int c = 0; c < grid->n_cells; c++)
        grid->unit[c] = several ? places.cell_dataset[c] : c;
    fill_values(grid, &places, observations, n);
    fill_means(grid);
    return true;
}

/* --- what all have --- */

static double mean_at(const Grid *grid, int row, int unit) {
    return grid->means[(size_t)row * (size_t)grid->n_units + (size_t)unit];
}

static bool covers(const Grid *grid, int row, const bool *units) {
    for (int u = 0; u < grid->n_units; u++)
        if (units[u] && isnan(mean_at(grid, row, u)))
            return false;
    return true;
}

/* The rows that have all of these units. */
static void complete_block(const Grid *grid, Block *block) {
    block->n_rows = block->n_units = 0;
    for (int u = 0; u < grid->n_units; u++)
        block->n_units += block->units[u];
    for (int r = 0; r < grid->n_rows; r++) {
        block->rows[r] = block->n_units > 0 && covers(grid, r, block->units);
        block->n_rows += block->rows[r];
    }
}

static bool make_block(const Grid *grid, Block *block) {
    *block = (Block){.rows = ARENA_NEW(grid->arena, bool, grid->n_rows),
                     .units = ARENA_NEW(grid->arena, bool, grid->n_units)};
    return !arena_failed(grid->arena);
}

/* One row is nothing to compare; of blocks with as many values, that with more units is the better. */
static bool is_better(const Block *a, const Block *b) {
    const long size_a = (long)a->n_rows * a->n_units, size_b = (long)b->n_rows * b->n_units;
    if ((a->n_rows > 1) != (b->n_rows > 1))
        return a->n_rows > 1;
    return size_a != size_b ? size_a > size_b : a->n_units > b->n_units;
}

/* Completes the candidate, and keeps the better one in *best. */
static void try_block(const Grid *grid, Block *candidate, Block *best) {
    complete_block(grid, candidate);
    if (is_better(candidate, best)) {
        const Block worse = *best;
        *best = *candidate;
        *candidate = worse;
    }
}

/* The units that two rows have. */
static void try_shared(const Grid *grid, int a, int b, Block *candidate, Block *best) {
    for (int u = 0; u < grid->n_units; u++)
        candidate->units[u] = !isnan(mean_at(grid, a, u)) && !isnan(mean_at(grid, b, u));
    try_block(grid, candidate, best);
}

static bool has_any(const Grid *grid, int row) {
    for (int u = 0; u < grid->n_units; u++)
        if (!isnan(mean_at(grid, row, u)))
            return true;
    return false;
}

static void try_common(const Grid *grid, Block *candidate, Block *best) {
    for (int u = 0; u < grid->n_units; u++)
        candidate->units[u] = true;
    for (int r = 0; r < grid->n_rows; r++)
        if (has_any(grid, r))
            for (int u = 0; u < grid->n_units; u++)
                candidate->units[u] &= !isnan(mean_at(grid, r, u));
    try_block(grid, candidate, best);
}

static bool choose_block(const Grid *grid, Block *best) {
    Block candidate;
    if (!make_block(grid, best) || !make_block(grid, &candidate))
        return false;
    for (int r = 0; r < grid->n_rows; r++)
        try_shared(grid, r, r, &candidate, best);
    try_common(grid, &candidate, best);
    const bool alone = best->n_rows < 2;
    for (int a = 0; a < grid->n_rows && alone; a++)
        for (int b = 0; b < a; b++)
            try_shared(grid, a, b, &candidate, best);
    return true;
}

/* The row with the highest mean, the first of equals; -1 of an empty block. */
static int best_row(const Grid *grid, const Block *block) {
    int best = -1;
    double highest = 0;
    for (int r = 0; r < grid->n_rows; r++) {
        double sum = 0;
        for (int u = 0; u < grid->n_units; u++)
            sum += block->units[u] ? mean_at(grid, r, u) : 0;
        if (block->rows[r] && (best < 0 || sum > highest + PAIRED_TIE * block->n_units)) {
            best = r;
            highest = sum;
        }
    }
    return best;
}

/* --- what is told of it --- */

/* sums and counts: (n_units), for scratch. */
static Difference difference_of(const Grid *grid, int row, int baseline, double *sums, int *counts) {
    const double *a = grid->values + (size_t)row * (size_t)grid->n_cells;
    const double *b = grid->values + (size_t)baseline * (size_t)grid->n_cells;
    Difference difference = {0};
    memset(sums, 0, (size_t)grid->n_units * sizeof *sums);
    memset(counts, 0, (size_t)grid->n_units * sizeof *counts);
    for (int c = 0; c < grid->n_cells; c++) {
        const bool in_a = isfinite(a[c]), in_b = isfinite(b[c]);
        difference.n_alone += in_a && !in_b;
        difference.n_unmatched += in_b && !in_a;
        if (in_a && in_b) {
            sums[grid->unit[c]] += a[c] - b[c];
            counts[grid->unit[c]]++;
        }
    }
    int n = 0;
    for (int u = 0; u < grid->n_units; u++)
        if (counts[u] > 0)
            sums[n++] = sums[u] / counts[u];
    if (n > 1 && grid->seeds && !grid->learns[row] && !grid->learns[baseline])
        n = 1; /* the same at each seed */
    difference.paired = paired_interval(sums, n);
    return difference;
}

static bool make_differences(Comparison *comparison, const Grid *grid) {
    double *sums = ARENA_NEW(grid->arena, double, grid->n_units);
    int *counts = ARENA_NEW(grid->arena, int, grid->n_units);
    comparison->differences = ARENA_NEW(grid->arena, Difference, grid->n_rows);
    if (arena_failed(grid->arena))
        return false;
    for (int r = 0; r < grid->n_rows && comparison->baseline >= 0; r++)
        if (r != comparison->baseline)
            comparison->differences[r] = difference_of(grid, r, comparison->baseline, sums, counts);
    return true;
}

/* Values of a dataset that are means over fewer seeds than that of another row. */
static int count_uneven(const Grid *grid, const Block *block) {
    int n = 0;
    for (int u = 0; u < grid->n_units; u++) {
        int most = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int r = 0; r < grid->n_rows; r++) {
                const int count = grid->counts[(size_t)r * (size_t)grid->n_units + (size_t)u];
                if (!block->units[u] || !block->rows[r])
                    continue;
                n += pass == 1 && count < most;
                most = count > most ? count : most;
            }
    }
    return n;
}

static bool make_ranks(Comparison *comparison, const Grid *grid, const Block *block) {
    comparison->rank = ARENA_NEW(grid->arena, double, grid->n_rows);
    double *values = ARENA_NEW(grid->arena, double, (size_t)block->n_rows *(size_t)block->n_units);
    if (arena_failed(grid->arena))
        return false;
    int n = 0;
    for (int u = 0; u < grid->n_units; u++)
        for (int r = 0; r < grid->n_rows; r++)
            if (block->units[u] && block->rows[r])
                values[n++] = mean_at(grid, r, u);
    const bool enough = comparison->n_datasets > 1 && block->n_rows > 1 && block->n_units > 1;
    if (enough && !ranks_average(&comparison->ranks, values, block->n_units, block->n_rows, grid->arena))
        return false;
    n = 0;
    for (int r = 0; r < grid->n_rows; r++)
        comparison->rank[r] = enough && block->rows[r] ? comparison->ranks.average[n++] : NAN;
    comparison->n_unranked = enough ? grid->n_units - block->n_units : 0;
    comparison->n_uneven = enough ? count_uneven(grid, block) : 0;
    return true;
}

bool comparison_make(Comparison *comparison, const Observation *observations, int n, const char *baseline,
                     Arena *arena) {
    Grid grid = {.arena = arena};
    Block block;
    *comparison = (Comparison){.baseline = -1};
    if (!make_grid(&grid, comparison, observations, n) || !choose_block(&grid, &block))
        return false;
    if (!baseline)
        comparison->baseline = best_row(&grid, &block);
    for (int r = 0; r < grid.n_rows && baseline; r++)
        if (strcmp(comparison->rows[r], baseline) == 0)
            comparison->baseline = r;
    return make_differences(comparison, &grid) && make_ranks(comparison, &grid, &block);
}
