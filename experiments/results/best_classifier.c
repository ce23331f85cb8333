/* best_classifier.c: see best_classifier.h. */
#include "experiments/results/best_classifier.h"

#include "clip/base/files.h"
#include "experiments/results/learned_file.h"

#include <math.h>
#include <string.h>

/* --- which have one --- */

static bool has_noted(const Result *result, const char *name) {
    for (int i = 0; i < result->n_files; i++)
        if (strcmp(result->files[i].name, name) == 0)
            return true;
    return false;
}

/* A folder's name does not tell the contents of a checkpoint: the point of another may have used it later. */
static bool is_overwritten(const ResultList *results, const Result *result) {
    for (int i = 0; i < results->n; i++) {
        const Result *other = &results->results[i];
        if (other != result && other->folder && strcmp(other->folder, result->folder) == 0 &&
            other->finished && result->finished && strcmp(other->finished, result->finished) > 0)
            return true;
    }
    return false;
}

const char *result_classifier(const ResultList *results, const Result *result, const char *folder,
                              Arena *arena) {
    if (!result->folder || result->source || is_overwritten(results, result))
        return NULL;
    for (int i = 0; learned_file_name(i); i++) {
        const char *path = arena_printf(arena, "%s/%s/%s", folder, result->folder, learned_file_name(i));
        /* an earlier version noted no files */
        if (path && (result->n_files > 0 ? has_noted(result, learned_file_name(i)) : file_exists(path)))
            return path;
    }
    return NULL;
}

/* --- who is asked for --- */

static bool fits(const Result *result, const ClassifierWish *wish) {
    if (wish->dataset && strcmp(wish->dataset, result->dataset) != 0)
        return false;
    if (wish->method && strcmp(wish->method, result->method) != 0 && strcmp(wish->method, result->label) != 0)
        return false;
    return (wish->num_shots == ANY_SHOTS || wish->num_shots == result->num_shots) &&
           (wish->seed < 0 || (wish->seed == result->seed && result->num_shots != SHOTS_NONE));
}

typedef struct {
    const Result *result;
    const char *path;
} Candidate;

typedef struct {
    Candidate *items;
    int n;
} Candidates;

/* --- the order --- */

static int shots_rank(int num_shots) {
    return num_shots == SHOTS_ALL ? INT32_MAX : num_shots;
}

/* Whether a is the better one. */
static bool is_better(const Result *a, const Result *b, bool by_val) {
    const double x = by_val ? a->val_accuracy : a->accuracy, y = by_val ? b->val_accuracy : b->accuracy;
    if (x != y)
        return x > y;
    if (a->num_shots != b->num_shots)
        return shots_rank(a->num_shots) > shots_rank(b->num_shots);
    if (a->seed != b->seed)
        return a->seed < b->seed;
    const int labels = strcmp(a->label, b->label);
    return labels ? labels < 0 : strcmp(a->key, b->key) < 0;
}

/* --- in words --- */

static const char *name_of(const Result *result, Arena *arena) {
    const int n = result->num_shots;
    if (n == SHOTS_NONE)
        return result->label;
    if (n == SHOTS_ALL)
        return arena_printf(arena, "%s, all images, seed %d", result->label, result->seed);
    return arena_printf(arena, "%s, %d shot%s, seed %d", result->label, n, n == 1 ? "" : "s", result->seed);
}

static const char *why_of(const Result *result, const Candidates *all, int n_val, Arena *arena) {
    const bool by_val = n_val == all->n;
    const char *first = all->n == 1 ? "the only one"
                                    : arena_printf(arena, "the best of %d on %s images", all->n,
                                                   by_val ? "validation" : "test");
    const char *rest = "";
    if (!by_val && n_val > 0)
        rest = arena_printf(arena, "; %d were finished by an earlier version, without validation images",
                            all->n - n_val);
    else if (!by_val && all->n > 1)
        rest = "; there is no accuracy on validation images";
    if (!first || !rest)
        return NULL;
    return by_val ? arena_printf(arena, "%s: %.1f %% (%.1f %% on test images)", first, result->val_accuracy,
                                 result->accuracy)
                  : arena_printf(arena, "%s: %.1f %%%s", first, result->accuracy, rest);
}

/* "'pets', 'cars'", of those that occur first; "..." for more. */
static const char *list_texts(const Candidates *all, const char *(*text_of)(const Result *), int *n,
                              Arena *arena) {
    enum { MOST = 8 };
    const char *list = "";
    *n = 0;
    for (int i = 0; i < all->n && list; i++) {
        const char *text = text_of(all->items[i].result);
        bool is_first = true;
        for (int j = 0; j < i; j++)
            is_first &= strcmp(text_of(all->items[j].result), text) != 0;
        if (!is_first)
            continue;
        if (*n < MOST)
            list = arena_printf(arena, "%s%s'%s'", list, *n ? ", " : "", text);
        else if (*n == MOST)
            list = arena_printf(arena, "%s, ...", list);
        ++*n;
    }
    return list;
}

static const char *dataset_of(const Result *result) {
    return result->dataset;
}

static const char *method_of_result(const Result *result) {
    return result->method;
}

/* --- choosing --- */

static int find_all(Candidates *all, const ResultList *results, const char *folder, Arena *arena,
                    Error *err) {
    *all = (Candidates){.items = ARENA_NEW(arena, Candidate, results->n)};
    for (int i = 0; all->items && i < results->n; i++) {
        const Result *result = &results->results[i];
        const char *path = result->aside ? NULL : result_classifier(results, result, folder, arena);
        if (path)
            all->items[all->n++] = (Candidate){result, path};
    }
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* " --method coop --shots 4"; NULL when memory is out. */
static const char *wish_text(const ClassifierWish *wish, Arena *arena) {
    const char *text = "";
    const int shots = wish->num_shots;
    if (wish->dataset)
        text = arena_printf(arena, " --dataset %s", wish->dataset);
    if (text && wish->method)
        text = arena_printf(arena, "%s --method %s", text, wish->method);
    if (text && shots == SHOTS_ALL)
        text = arena_printf(arena, "%s --shots all", text);
    else if (text && shots != ANY_SHOTS)
        text = arena_printf(arena, "%s --shots %d", text, shots == SHOTS_NONE ? 0 : shots);
    if (text && wish->seed >= 0)
        text = arena_printf(arena, "%s --seed %d", text, wish->seed);
    return text;
}

static int refuse_wish(const Candidates *all, const ResultList *results, const char *folder,
                       const ClassifierWish *wish, Arena *arena, Error *err) {
    int n;
    if (results->n == 0)
        return error_set(err, "%s: no results in results.jsonl yet", folder);
    if (all->n == 0)
        return error_set(err,
                         "%s: none of its %d results has a file for classify: an earlier version has "
                         "finished them; another `output:` makes them anew",
                         folder, results->n);
    const char *wanted = wish_text(wish, arena), *datasets = list_texts(all, dataset_of, &n, arena);
    const char *methods = list_texts(all, method_of_result, &n, arena);
    if (arena_failed(arena))
        return error_memory(err);
    return error_usage(err, "%s: no classifier fits%s: there are %d, of methods %s and datasets %s", folder,
                       wanted, all->n, methods, datasets);
}

/* Of several datasets that on which something was trained is meant, if it is one. */
static bool is_trained_on(const Candidates *all, const char *dataset) {
    for (int i = 0; i < all->n; i++)
        if (all->items[i].result->num_shots != SHOTS_NONE &&
            strcmp(all->items[i].result->dataset, dataset) == 0)
            return true;
    return false;
}

/* Those of `from` that fit; NULL items when memory is out. */
static Candidates choose(const Candidates *from, const Candidates *all, const ClassifierWish *wish,
                         bool trained_on, Arena *arena) {
    Candidates chosen = {.items = ARENA_NEW(arena, Candidate, from->n)};
    for (int i = 0; chosen.items && i < from->n; i++) {
        const Result *result = from->items[i].result;
        if (fits(result, wish) && (!trained_on || is_trained_on(all, result->dataset)))
            chosen.items[chosen.n++] = from->items[i];
    }
    return chosen;
}

static int count_datasets(const Candidates *all, Arena *arena) {
    int n;
    list_texts(all, dataset_of, &n, arena);
    return n;
}

/* All that may be meant by a wish without a dataset. */
static Candidates of_dataset(const Candidates *fitting, const Candidates *all, const ClassifierWish *wish,
                             Arena *arena) {
    if (wish->dataset || count_datasets(fitting, arena) <= 1)
        return *fitting;
    const Candidates trained = choose(fitting, all, wish, true, arena);
    return trained.n > 0 ? trained : *fitting;
}

int best_classifier(BestClassifier *best, const ResultList *results, const char *folder,
                    const ClassifierWish *wish, Arena *arena, Error *err) {
    const ClassifierWish any = ANY_CLASSIFIER;
    Candidates all;
    int n_datasets, n_val = 0;
    if (find_all(&all, results, folder, arena, err) < 0)
        return -1;
    Candidates fitting = choose(&all, &all, wish, false, arena);
    fitting = of_dataset(&fitting, &all, wish, arena);
    if (fitting.n == 0)
        return arena_failed(arena) ? error_memory(err) : refuse_wish(&all, results, folder, wish, arena, err);
    const char *datasets = list_texts(&fitting, dataset_of, &n_datasets, arena);
    if (datasets && n_datasets > 1)
        return error_usage(err, "%s: classifiers of several datasets: --dataset says which of %s", folder,
                           datasets);
    for (int i = 0; i < fitting.n; i++)
        n_val += !isnan(fitting.items[i].result->val_accuracy);
    const Candidate *first = fitting.items;
    for (int i = 1; i < fitting.n; i++)
        if (is_better(fitting.items[i].result, first->result, n_val == fitting.n))
            first = &fitting.items[i];
    const Candidates meant = of_dataset(&all, &all, &any, arena);
    *best = (BestClassifier){.result = first->result,
                             .path = first->path,
                             .name = name_of(first->result, arena),
                             .why = why_of(first->result, &fitting, n_val, arena),
                             .needs_dataset =
                                 count_datasets(&meant, arena) > 1 ||
                                 strcmp(meant.items[0].result->dataset, first->result->dataset) != 0};
    return arena_failed(arena) ? error_memory(err) : 0;
}
