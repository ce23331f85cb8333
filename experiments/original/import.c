/* import.c: see import.h. A log's config goes the way of a command line: through settings.h into an
 * experiment of one point, whose label and configuration the result gets. */
#include "experiments/original/import.h"

#include "clip/base/files.h"
#include "experiments/config/config.h"
#include "experiments/grid/grid.h"
#include "experiments/methods/methods.h"
#include "experiments/original/log_read.h"
#include "experiments/original/settings.h"
#include "experiments/results/results.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <fts.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* --- one log --- */

/* What a log says, as settings. Keys that no train.py here has are passed over: a log may be of any version.
 */
static int read_settings(Settings *settings, const LoggedRun *run, Arena *arena, Error *err) {
    *settings = (Settings){.trainer = original_trainer(run->trainer)};
    if (!settings->trainer)
        return error_set(err, "%s: trainer '%s' is not known here", run->path, run->trainer);
    const Node *root = yaml_parse(run->config, strlen(run->config), run->path, false, arena, err);
    if (!root || yacs_start(&settings->config, settings->trainer->code, arena, err) < 0)
        return -1;
    settings->config.lenient = true;
    if (yacs_merge_tree(&settings->config, root, err) < 0)
        return -1;
    const Yacs *config = &settings->config;
    if (!*yacs_text(config, "DATASET.ROOT"))
        yacs_set(&settings->config, "DATASET.ROOT", py_str("."), "its working directory");
    settings->output = yacs_text(config, "OUTPUT_DIR");
    settings->seed = yacs_int(config, "SEED") >= 0 ? (int)yacs_int(config, "SEED") : 1;
    settings->trains = settings->trainer->trains && !run->eval_only;
    if (!original_dataset(yacs_text(config, "DATASET.NAME")))
        return error_set(err, "%s: DATASET.NAME '%s' is none of the datasets of CoOp", run->path,
                         yacs_text(config, "DATASET.NAME"));
    return 0;
}

/* "oxford_pets_new" */
static const char *dataset_name(const Yacs *config, Arena *arena) {
    const char *part = yacs_text(config, "DATASET.SUBSAMPLE_CLASSES");
    const char *name = original_dataset(yacs_text(config, "DATASET.NAME"));
    return strcmp(part, "all") == 0 ? name : arena_printf(arena, "%s_%s", name, part);
}

/* The log of the training whose model a test has loaded: --model-dir is relative to the folder that the
 * program was started in, which is one of those above the log. NULL: not found. */
static const char *find_source(const LoggedRun *run, Arena *arena) {
    const char *folder = path_folder(arena, run->path);
    if (!*run->model_dir)
        return NULL;
    const char *own = arena_printf(arena, "%s/log.txt", run->model_dir);
    if (own && file_exists(own))
        return own;
    while (folder && *run->model_dir != '/') {
        const char *path = arena_printf(arena, "%s/%s/log.txt", folder, run->model_dir);
        if (path && file_exists(path))
            return path;
        const char *above = path_folder(arena, folder);
        if (!above || strcmp(above, folder) == 0 || strcmp(folder, ".") == 0)
            break;
        folder = above;
    }
    return NULL;
}

/* What a test's model was trained on goes into its settings; *source is the dataset. */
static int apply_source(Settings *settings, const LoggedRun *run, const char **source, Arena *arena,
                        Error *err) {
    *source = NULL;
    if (!run->eval_only || !settings->trainer->trains)
        return 0;
    const char *path = find_source(run, arena);
    LoggedRun trained;
    Settings training;
    if (!path)
        return error_set(err,
                         "%s: the log of its --model-dir '%s' is not here, which says on what it was trained",
                         run->path, run->model_dir);
    if (log_read(&trained, path, arena, err) < 0 || read_settings(&training, &trained, arena, err) < 0)
        return -1;
    *source = dataset_name(&training.config, arena);
    yacs_set(&settings->config, "DATASET.NUM_SHOTS", *yacs_get(&training.config, "DATASET.NUM_SHOTS"), path);
    yacs_set(&settings->config, "OPTIM.MAX_EPOCH", *yacs_get(&training.config, "OPTIM.MAX_EPOCH"), path);
    settings->seed = training.seed;
    return 0;
}

static int expand(Grid *grid, Experiment *experiment, const Settings *settings, const char *path,
                  Arena *arena, Error *err) {
    const GridDigests unknown = {0};
    Buffer text = {0};
    settings_yaml(&text, settings, "cache");
    const char *yaml = buffer_text(&text);
    Node *root = yaml ? yaml_parse(yaml, text.size, path, false, arena, err) : NULL;
    buffer_free(&text);
    if (!root)
        return yaml ? -1 : error_memory(err);
    if (experiment_from_tree(experiment, path, root, method_list(), arena, err) < 0 ||
        grid_expand(grid, experiment, &unknown, arena, err) < 0)
        return -1;
    return grid->n == 1 ? 0 : error_set(err, "%s: %d points, where one is meant", path, grid->n);
}

static const char *time_of(const char *path, Arena *arena) {
    struct stat info;
    struct tm utc;
    char *text = ARENA_NEW(arena, char, 32);
    if (text && stat(path, &info) == 0 && gmtime_r(&info.st_mtime, &utc))
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

/* "ViT-B-16", as the file of ViT-B/16 is named. */
static const char *backbone_name(const Yacs *config, Arena *arena) {
    char *name = arena_strdup(arena, yacs_text(config, "MODEL.BACKBONE.NAME"));
    for (char *c = name; c && *c; c++)
        *c = *c == '/' || *c == '@' ? '-' : *c;
    return name;
}

/* The label says that it is the original's, so that its row stands beside that of the same method here. */
static int fill(Result *result, const Settings *settings, const Point *point, const LoggedRun *run,
                const char *source, Arena *arena, Error *err) {
    char *key = ARENA_NEW(arena, char, 65);
    const char *dataset = dataset_name(&settings->config, arena);
    result_start(result, point, dataset, arena);
    const bool best = strcmp(yacs_text(&settings->config, "TEST.FINAL_MODEL"), "best_val") == 0;
    const char *text = arena_printf(arena, "original%s %s %s %d %d %s", best ? " best_val" : "", dataset,
                                    source ? source : "", point->num_shots, point->seed, point->config);
    if (!key || !text)
        return error_memory(err);
    digest_bytes(key, text, strlen(text));
    result->key = key;
    result->label = arena_printf(arena, "%s, original%s", point->label, best ? ", best on validation" : "");
    result->folder = NULL;
    result->source = source && strcmp(source, dataset) != 0 ? source : NULL;
    result->accuracy = 100.0 * (double)run->correct / (double)run->total;
    result->macro_f1 = run->macro_f1;
    result->per_class = run->n_classes > 0 ? run->per_class : NULL;
    result->n_classes = run->n_classes;
    result->n_test = (int)run->total;
    result->final_loss = run->loss;
    result->train_seconds = run->eval_only ? NAN : run->seconds;
    result->total_seconds = run->seconds;
    result->backbone = backbone_name(&settings->config, arena);
    result->program = "the original code";
    result->finished = time_of(run->path, arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}

static int import_log(Imported *imported, ResultList *known, const char *path, const char *out, Arena *arena,
                      Error *err) {
    LoggedRun run;
    Settings settings;
    Experiment experiment;
    Grid grid;
    Result result;
    const char *source;
    if (log_read(&run, path, arena, err) < 0)
        return -1;
    if (!run.has_result)
        return error_set(err, "%s: no result: it has not finished", path);
    if (run.of_val)
        return error_set(err, "%s: its result is of the validation images", path);
    if (read_settings(&settings, &run, arena, err) < 0 ||
        apply_source(&settings, &run, &source, arena, err) < 0 ||
        expand(&grid, &experiment, &settings, path, arena, err) < 0 ||
        fill(&result, &settings, &grid.points[0], &run, source, arena, err) < 0)
        return -1;
    const Result *there = results_find(known, result.key);
    if (there && there->accuracy == result.accuracy) {
        imported->n_known++;
        return 0;
    }
    imported->n_imported++;
    return result_append(out, &result, err);
}

/* --- the tree --- */

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* What `coop train` keeps for itself. */
static bool is_ours(const FTSENT *entry, Arena *arena) {
    const char *path = arena_printf(arena, "%s/experiment.yaml", entry->fts_accpath);
    return strcmp(entry->fts_name, "coop") == 0 && path && file_exists(path);
}

/* log.txt, or log.txt-2024-05-01-12-00-00 of a second start. */
static bool is_log(const FTSENT *entry) {
    return entry->fts_info == FTS_F && strncmp(entry->fts_name, "log.txt", 7) == 0 &&
           (entry->fts_name[7] == '\0' || entry->fts_name[7] == '-');
}

static int visit(Imported *imported, FTS *tree, FTSENT *entry, const char *out, ResultList *known,
                 Arena *arena, Error *err) {
    Error why = {0};
    if (entry->fts_info == FTS_D && is_ours(entry, arena))
        fts_set(tree, entry, FTS_SKIP);
    if (!is_log(entry))
        return 0;
    if (import_log(imported, known, entry->fts_path, out, arena, &why) == 0)
        return 0;
    if (why.kind == ERROR_INPUT) {
        imported->n_left_out++;
        print_line(stderr, "note: %s; left out", why.text);
        return 0;
    }
    *err = why;
    return -1;
}

int import_logs(Imported *imported, const char *folder, const char *out, Arena *arena, Error *err) {
    char *paths[] = {arena_strdup(arena, folder), NULL};
    ResultList known;
    *imported = (Imported){0};
    if (!paths[0])
        return error_memory(err);
    if (!folder_exists(folder))
        return error_set(err, "%s: no such folder", folder);
    if (results_read(&known, out, arena, err) < 0)
        return -1;
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!tree)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot read the folder", folder);
    int status = 0;
    for (FTSENT *entry; status == 0 && (entry = fts_read(tree));)
        status = visit(imported, tree, entry, out, &known, arena, err);
    fts_close(tree);
    return status;
}
