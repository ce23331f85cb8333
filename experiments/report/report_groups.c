/* report_groups.c: see report_groups.h */
#include "experiments/report/report_groups.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "clip/base/text_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One result while the groups are still being made. */
typedef struct {
    const Result *result;
    int folder; /* index */
    const char *part, *backbone, *label, *method;
} Entry;

typedef struct {
    const char *const *folders;
    int n_folders;
    Entry *entries; /* (n) */
    int n;
    const char **backbones; /* (n_backbones) */
    int n_backbones;
    Arena *arena;
} Builder;

/* --- reading --- */

/* Which of its dataset's classes a result is about; NULL when memory is out. */
static const char *part_of(const Result *result) {
    json_error_t why;
    static const char *const parts[] = {"all", "base", "new"};
    json_t *config = result->config ? json_read(result->config, strlen(result->config), &why) : NULL;
    if (result->config && !config)
        return NULL;
    const json_t *dataset = json_object_get(config, "dataset");
    const char *text = json_string_value(json_object_get(dataset, "subsample_classes"));
    const char *part = parts[0];
    for (int i = 0; text && i < 3; i++)
        part = strcmp(text, parts[i]) == 0 ? parts[i] : part;
    json_decref(config);
    return part;
}

static int read_folder(Builder *builder, int folder, Error *err) {
    const char *path = builder->folders[folder];
    Arena *arena = builder->arena;
    ResultList list;
    if (!folder_exists(path))
        return error_set(err, "%s: no such folder", path);
    if (results_read(&list, path, arena, err) < 0)
        return -1;
    if (list.n == 0 && list.n_faults > 0)
        return error_set(err, "%s", list.faults[0]);
    if (list.n == 0)
        return error_set(err, "%s/results.jsonl: no results", path);
    Entry *entries = ARENA_NEW(arena, Entry, builder->n + list.n);
    if (!entries)
        return error_memory(err);
    if (builder->n > 0)
        memcpy(entries, builder->entries, (size_t)builder->n * sizeof *entries);
    for (int i = 0; i < list.n; i++) {
        if (list.results[i].aside)
            continue;
        const char *part = part_of(&list.results[i]);
        if (!part)
            return error_memory(err);
        entries[builder->n++] = (Entry){.result = &list.results[i], .folder = folder, .part = part};
    }
    builder->entries = entries;
    return arena_failed(arena) ? error_memory(err) : 0;
}

static const char *or_empty(const char *text) {
    return text ? text : "";
}

/* Checkpoints of one architecture but different weights are told apart by their digests. */
static bool is_ambiguous(const Builder *builder, const Result *result) {
    for (int i = 0; i < builder->n; i++) {
        const Result *other = builder->entries[i].result;
        if (strcmp(or_empty(other->backbone), or_empty(result->backbone)) == 0 &&
            strcmp(or_empty(other->model_digest), or_empty(result->model_digest)) != 0)
            return true;
    }
    return false;
}

static int find_text(const char *const *texts, int n, const char *text) {
    for (int i = 0; i < n; i++)
        if (strcmp(texts[i], text) == 0)
            return i;
    return -1;
}

static int name_backbones(Builder *builder, Error *err) {
    builder->backbones = ARENA_NEW(builder->arena, const char *, builder->n);
    const Result *last = NULL; /* neighbours mostly share a backbone */
    const char *name = NULL;
    for (int i = 0; builder->backbones && i < builder->n; i++) {
        const Result *r = builder->entries[i].result;
        if (!last || strcmp(or_empty(last->backbone), or_empty(r->backbone)) != 0 ||
            strcmp(or_empty(last->model_digest), or_empty(r->model_digest)) != 0)
            name = is_ambiguous(builder, r) ? arena_printf(builder->arena, "%s %.8s", or_empty(r->backbone),
                                                           or_empty(r->model_digest))
                                            : or_empty(r->backbone);
        if (!name)
            break;
        last = r;
        builder->entries[i].backbone = name;
        if (find_text(builder->backbones, builder->n_backbones, name) < 0)
            builder->backbones[builder->n_backbones++] = name;
    }
    return arena_failed(builder->arena) ? error_memory(err) : 0;
}

/* What two results of the same thing agree in. folder -1 leaves that out. */
static char *entry_key(const Entry *entry, int folder, Arena *arena) {
    const Result *r = entry->result;
    return arena_printf(arena, "%d\n%s\n%s\n%s\n%s\n%d\n%d", folder, r->dataset, or_empty(r->source),
                        entry->backbone, r->label, r->num_shots, r->seed);
}

static bool is_later(const Entry *a, const Entry *b) {
    return strcmp(or_empty(a->result->finished), or_empty(b->result->finished)) >= 0;
}

/* Keeps the later of two results of one folder (of one second: that further down), in the place of the
 * first. */
static int drop_replaced(Builder *builder, Error *err) {
    TextMap places = {.arena = builder->arena};
    int n = 0;
    for (int i = 0; i < builder->n; i++) {
        const Entry *entry = &builder->entries[i];
        char *key = entry_key(entry, entry->folder, builder->arena);
        const int *place = key ? text_map_find(&places, key) : NULL;
        if (place) {
            Entry *first = &builder->entries[*place];
            *first = is_later(entry, first) ? *entry : *first;
        } else {
            if (!key || text_map_put(&places, key, n) < 0)
                return error_memory(err);
            builder->entries[n++] = *entry;
        }
    }
    builder->n = n;
    return 0;
}

/* Were the new classes of a dataset labelled with what its base classes taught? */
static bool is_base_to_new(const Entry *entry) {
    const char *dataset = entry->result->dataset, *source = entry->result->source;
    size_t n = strlen(dataset);
    return source && n > 4 && strcmp(dataset + n - 4, "_new") == 0 && strncmp(dataset, source, n - 4) == 0 &&
           strcmp(source + n - 4, "_base") == 0;
}

/* The name of a row, once its method's is known. */
static const char *row_label(const Entry *entry, Arena *arena) {
    if (!entry->result->source)
        return entry->method;
    return arena_printf(arena, "%s, learned on %s", entry->method,
                        is_base_to_new(entry) ? "the base classes" : entry->result->source);
}

/* Rows of one label from several folders are told apart when they would mix. */
static int name_rows(Builder *builder, Error *err) {
    TextMap owners = {.arena = builder->arena}, mixed = {.arena = builder->arena};
    for (int i = 0; i < builder->n; i++) {
        const Entry *entry = &builder->entries[i];
        char *key = entry_key(entry, -1, builder->arena);
        bool is_new = key && !text_map_find(&owners, key);
        if (!key || text_map_put(is_new ? &owners : &mixed, is_new ? key : entry->result->label, i) < 0)
            return error_memory(err);
    }
    for (int i = 0; i < builder->n; i++) {
        Entry *entry = &builder->entries[i];
        const char *folder = builder->folders[entry->folder];
        entry->method = entry->result->label;
        if (builder->n_backbones > 1)
            entry->method = arena_printf(builder->arena, "%s, %s", entry->method, entry->backbone);
        if (entry->method && text_map_find(&mixed, entry->result->label))
            entry->method = arena_printf(builder->arena, "%s (%s)", entry->method, folder);
        entry->label = entry->method ? row_label(entry, builder->arena) : NULL;
        if (!entry->label)
            return error_memory(err);
    }
    return 0;
}

/* --- settings --- */

enum { MAX_SETTINGS = 64 };

typedef struct {
    Setting list[MAX_SETTINGS];
    int n;
    Arena *arena;
} Settings;

static void add_setting(Settings *settings, const char *name, const char *value) {
    if (settings->n < MAX_SETTINGS && name && value)
        settings->list[settings->n++] = (Setting){name, value};
}

/* Numbers, words and truths, also of objects inside; lists (templates) and digests of files are no settings
 * to study. */
static void add_settings(Settings *settings, const char *prefix, json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        const char *name = arena_printf(settings->arena, "%s%s", prefix, key);
        if (json_is_object(value) && !*prefix)
            add_settings(settings, arena_printf(settings->arena, "%s.", key), value);
        else if (json_is_string(value) && strcmp(key, "vocab") != 0)
            add_setting(settings, name, arena_strdup(settings->arena, json_string_value(value)));
        else if (json_is_boolean(value))
            add_setting(settings, name, json_is_true(value) ? "true" : "false");
        else if (json_is_number(value))
            add_setting(settings, name, arena_printf(settings->arena, "%.10g", json_number_value(value)));
    }
}

static int compare_settings(const void *a, const void *b) {
    return strcmp(((const Setting *)a)->name, ((const Setting *)b)->name);
}

/* The configuration of the method. The number of vectors is that which was trained (words as a start have
 * theirs), and a start is named as in the experiment file. */
static int read_settings(Score *score, const Entry *entry, Arena *arena) {
    Settings settings = {.arena = arena};
    json_error_t why;
    const char *text = entry->result->config;
    json_t *config = text ? json_read(text, strlen(text), &why) : NULL;
    if (text && !config)
        return -1;
    const json_t *learned = json_object_get(config, "learned"); /* of a result on another dataset */
    add_settings(&settings, "", json_object_get(learned ? learned : config, "method"));
    json_decref(config);
    for (int i = 0; i < settings.n; i++) {
        Setting *setting = &settings.list[i];
        const ResultSetting *trained = result_setting(entry->result, setting->name);
        if (trained && trained->kind == SETTING_INT)
            setting->value = arena_printf(arena, "%d", trained->integer);
        if (strcmp(setting->name, "ctx_init") == 0)
            setting->value =
                trained && *trained->text ? arena_printf(arena, "“%s”", trained->text) : "random";
    }
    if (settings.n > 0)
        add_setting(&settings, "backbone", entry->backbone);
    if (settings.n > 1)
        qsort(settings.list, (size_t)settings.n, sizeof *settings.list, compare_settings);
    score->settings = ARENA_NEW(arena, Setting, settings.n);
    score->n_settings = settings.n;
    if (arena_failed(arena))
        return -1;
    memcpy(score->settings, settings.list, (size_t)settings.n * sizeof *settings.list);
    return 0;
}

const char *setting_value(const Score *score, const char *name) {
    for (int i = 0; i < score->n_settings; i++)
        if (strcmp(score->settings[i].name, name) == 0)
            return score->settings[i].value;
    return NULL;
}

/* --- groups --- */

bool group_is_measures(const Group *group) {
    for (int i = 0; i < group->n; i++)
        if (group->scores[i].last->n_classes > 0)
            return false;
    return group->n > 0;
}

static int gather(Group *group, Arena *arena, Error *err) {
    TableEntry *entries = ARENA_NEW(arena, TableEntry, group->n);
    for (int i = 0; entries && i < group->n; i++) {
        const Score *score = &group->scores[i];
        entries[i] = (TableEntry){score->label, score->num_shots, score->seed, score->accuracy};
    }
    if (!entries || !cells_gather(&group->cells, entries, group->n, arena))
        return error_memory(err);
    for (int j = 0; j < group->cells.n_columns && group_is_measures(group); j++)
        group->cells.best[j] = NAN; /* a recall at 10 is no better than one at 1 */
    return 0;
}

static int make_group(Group *group, const Builder *builder, const char *dataset, Error *err) {
    Arena *arena = builder->arena;
    *group = (Group){.dataset = dataset, .n_datasets = 1, .scores = ARENA_NEW(arena, Score, builder->n)};
    if (!group->scores)
        return error_memory(err);
    for (int i = 0; i < builder->n; i++) {
        const Entry *entry = &builder->entries[i];
        const Result *result = entry->result;
        if (strcmp(result->dataset, dataset) != 0)
            continue;
        group->part = entry->part;
        Score *score = &group->scores[group->n++];
        *score = (Score){.label = entry->label,
                         .method = entry->method,
                         .source = result->source,
                         .num_shots = result->num_shots,
                         .seed = result->seed,
                         .accuracy = result->accuracy,
                         .train_seconds = result->train_seconds,
                         .trained_parameters = result->trained_parameters,
                         .last = result};
        score->folder = path_join(arena, builder->folders[entry->folder], or_empty(result->folder));
        if (!score->folder || read_settings(score, entry, arena) < 0)
            return error_memory(err);
    }
    return gather(group, arena, err);
}

/* The numbers of one label, number of shots and seed in several groups. */
typedef struct {
    double accuracy, train_seconds, trained_parameters;
    int n; /* accuracies; of the others one that is missing leaves none */
} Sum;

static char *score_key(const Score *score, Arena *arena) {
    return arena_printf(arena, "%s\n%d\n%d", score->label, score->num_shots, score->seed);
}

/* Those of all groups; places maps a key to its sum. NULL when memory is out. */
static Sum *sum_scores(TextMap *places, const Group *const *groups, int n_groups, Arena *arena) {
    int n = 0;
    for (int g = 0; g < n_groups; g++)
        n += groups[g]->n;
    Sum *sums = ARENA_NEW(arena, Sum, n);
    for (int g = 0; g < n_groups && sums; g++)
        for (int i = 0; i < groups[g]->n; i++) {
            const Score *score = &groups[g]->scores[i];
            char *key = score_key(score, arena);
            if (!key || (!text_map_find(places, key) && text_map_put(places, key, places->n) < 0))
                return NULL;
            Sum *sum = &sums[*text_map_find(places, key)];
            sum->accuracy += isfinite(score->accuracy) ? score->accuracy : 0;
            sum->train_seconds += score->train_seconds;
            sum->trained_parameters += score->trained_parameters;
            sum->n += isfinite(score->accuracy);
        }
    return sums;
}

static bool is_trained(const Group *group) {
    for (int i = 0; i < group->n; i++)
        if (group->scores[i].num_shots != SHOTS_NONE)
            return true;
    return false;
}

static const char *average_name(int n, const char *part, Arena *arena) {
    bool all = strcmp(part, "all") == 0;
    return arena_printf(arena, "average of %d datasets%s%s%s", n, all ? "" : ", ", all ? "" : part,
                        all ? "" : " classes");
}

/* What every dataset has of a row, a number of shots and a seed, averaged. */
static int make_average(Group *average, const Group *const *groups, int n_groups, Arena *arena, Error *err) {
    const Group *last = groups[n_groups - 1];
    *average = (Group){.dataset = average_name(n_groups, last->part, arena),
                       .part = last->part,
                       .n_datasets = n_groups,
                       .scores = ARENA_NEW(arena, Score, last->n)};
    TextMap places = {.arena = arena};
    const Sum *sums = sum_scores(&places, groups, n_groups, arena);
    for (int i = 0; i < last->n && sums && !arena_failed(arena); i++) {
        const Score *score = &last->scores[i];
        char *key = score_key(score, arena);
        const Sum *sum = key ? &sums[*text_map_find(&places, key)] : NULL;
        if (!sum || sum->n != n_groups)
            continue;
        Score *mean = &average->scores[average->n++];
        *mean = *score;
        mean->accuracy = sum->accuracy / n_groups;
        mean->train_seconds = sum->train_seconds / n_groups;
        mean->trained_parameters = sum->trained_parameters / n_groups;
        mean->folder = NULL;
        if (score->source && strcmp(last->part, "new") == 0)
            mean->source = average_name(n_groups, "base", arena);
    }
    return arena_failed(arena) ? error_memory(err) : gather(average, arena, err);
}

enum { N_PARTS = 3 };
static const char *const parts[N_PARTS] = {"all", "base", "new"};

/* Adds the average of the datasets (n) of one part, if there are several. Where methods that train have
 * nothing in common there is none. */
static int add_average(ReportGroups *data, const char *part, const Group *datasets, int n, Arena *arena,
                       Error *err) {
    const Group **members = ARENA_NEW(arena, const Group *, n);
    int n_members = 0;
    bool trained = false;
    if (!members)
        return error_memory(err);
    for (int g = 0; g < n; g++)
        if (strcmp(datasets[g].part, part) == 0) {
            members[n_members++] = &datasets[g];
            trained |= is_trained(&datasets[g]);
        }
    if (n_members < 2)
        return 0;
    Group *average = &data->groups[data->n];
    if (make_average(average, members, n_members, arena, err) < 0)
        return -1;
    data->n += average->n > 0 && (!trained || is_trained(average));
    return 0;
}

/* Averages first, then each dataset. */
static int make_groups(ReportGroups *data, const Builder *builder, Error *err) {
    Arena *arena = builder->arena;
    const char **names = ARENA_NEW(arena, const char *, builder->n);
    int n = 0;
    for (int i = 0; names && i < builder->n; i++)
        if (find_text(names, n, builder->entries[i].result->dataset) < 0)
            names[n++] = builder->entries[i].result->dataset;
    Group *datasets = ARENA_NEW(arena, Group, n);
    data->groups = ARENA_NEW(arena, Group, N_PARTS + n);
    data->n_datasets = n;
    if (arena_failed(arena))
        return error_memory(err);
    for (int g = 0; g < n; g++)
        if (make_group(&datasets[g], builder, names[g], err) < 0)
            return -1;
    for (int p = 0; p < N_PARTS; p++)
        if (add_average(data, parts[p], datasets, n, arena, err) < 0)
            return -1;
    for (int g = 0; g < n; g++)
        data->groups[data->n++] = datasets[g];
    return 0;
}

int report_groups_read(ReportGroups *data, const char *const *folders, int n_folders, Arena *arena,
                       Error *err) {
    Builder builder = {.folders = folders, .n_folders = n_folders, .arena = arena};
    *data = (ReportGroups){0};
    for (int i = 0; i < n_folders; i++)
        if (read_folder(&builder, i, err) < 0)
            return -1;
    if (name_backbones(&builder, err) < 0 || drop_replaced(&builder, err) < 0 ||
        name_rows(&builder, err) < 0 || make_groups(data, &builder, err) < 0)
        return -1;
    data->n_results = builder.n;
    data->n_backbones = builder.n_backbones;
    data->first_backbone = builder.backbones[0];
    return 0;
}

const Group *find_group(const ReportGroups *data, const char *dataset) {
    for (int g = 0; g < data->n; g++)
        if (strcmp(data->groups[g].dataset, dataset) == 0)
            return &data->groups[g];
    return NULL;
}

const Score *group_score(const Group *group, const char *label, int num_shots) {
    const Score *found = NULL;
    for (int i = 0; i < group->n; i++) {
        const Score *score = &group->scores[i];
        if (score->num_shots == num_shots && strcmp(score->label, label) == 0 &&
            (!found || score->seed < found->seed))
            found = score;
    }
    return found;
}

int row_last_column(const Group *group, int row) {
    int last = 0;
    for (int j = 0; j < group->cells.n_columns; j++)
        if (cells_at(&group->cells, row, j)->n > 0)
            last = j;
    return last;
}
