/* train.c: see train.h */
#include "experiments/original/train.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "clip/named/caches.h"
#include "clip/tensors/tensors_open.h"
#include "coop/train_state.h"
#include "datasets/lists/fewshot.h"
#include "datasets/lists/original_lists.h"
#include "experiments/config/config.h"
#include "experiments/methods/methods.h"
#include "experiments/original/describe.h"
#include "experiments/original/epochs.h"
#include "experiments/original/evaluate.h"
#include "experiments/original/model_file.h"
#include "experiments/run/jobs.h"
#include "experiments/run/lock.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/interrupt.h"

#include <math.h>
#include <string.h>

typedef struct {
    Settings settings;
    Experiment experiment;
    RunOptions options;
    Stage stage;
    LoadedModel model;
    TextMap remarks; /* said so far */
    Lock *lock;
    Log log;
    const Point *point;                 /* the only one */
    double start;                       /* of the training */
    const char *resumed_from, *resumed; /* the folder and the model that it goes on from; "" without one */
    ModelFile resumed_model;
    Arena *arena;
} Train;

/* --- opening --- */

/* Encoded images of all runs, so that each is encoded once. */
static const char *cache_folder(const Settings *settings, Arena *arena) {
    const char *given = settings->arguments.cache, *ours = cache_coop(arena);
    if (*given)
        return given;
    return ours ? path_join(arena, ours, "encoded") : path_join(arena, settings->output, "coop/cache");
}

static int read_experiment(Train *train, Error *err) {
    Buffer text = {0};
    const char *place = path_join(train->arena, train->settings.output, "coop/experiment.yaml");
    const char *cache = cache_folder(&train->settings, train->arena);
    if (!place || !cache)
        return error_memory(err);
    settings_yaml(&text, &train->settings, cache);
    const char *yaml = buffer_text(&text);
    Node *root = yaml ? yaml_parse(yaml, text.size, place, true, train->arena, err) : NULL;
    buffer_free(&text);
    if (!root)
        return yaml ? -1 : error_memory(err);
    return experiment_from_tree(&train->experiment, place, root, method_list(), train->arena, err);
}

/* Whatever can be wrong is found before anything is written. */
static int open_stage(Train *train, Error *err) {
    Stage *stage = &train->stage;
    if (read_experiment(train, err) < 0 ||
        stage_open(stage, &train->experiment, &train->options, true, train->arena, err) < 0 ||
        cli_model_open_for(&train->model, &train->experiment, train->settings.arguments.threads, err) < 0 ||
        settings_check_model(&train->settings, train->model.clip, err) < 0 ||
        stage_expand(stage, &train->model, err) < 0 || stage_find_pending(stage, true, err) < 0)
        return -1;
    if (stage->grid.n != 1)
        return error_run(err, "%s: %d points, where one is meant", train->experiment.path, stage->grid.n);
    train->point = &stage->grid.points[0];
    return 0;
}

static int open_log(Train *train, Error *err) {
    if (log_open(&train->log, train->settings.output, train->arena, err) < 0 ||
        describe_settings(&train->log, &train->settings, err) < 0 ||
        describe_dataset(&train->log, &train->settings, &train->stage.session, err) < 0)
        return -1;
    cli_model_print_note(&train->model, train->options.quiet);
    describe_model(&train->log, &train->settings, &train->stage.session, &train->point->options->templates);
    return stage_print_remarks(&train->stage, &train->remarks, err);
}

static int write_experiment(Train *train, Error *err) {
    Buffer text = {0};
    settings_yaml(&text, &train->settings, train->experiment.cache);
    const char *yaml = buffer_text(&text);
    int status = yaml ? file_write(train->experiment.path, yaml, text.size, err) : error_memory(err);
    buffer_free(&text);
    return status;
}

/* The few-shot lists of this run, for the original code; lists that are there stay. */
static int write_few_shot(Train *train, Error *err) {
    const Dataset *dataset = &train->stage.session.dataset,
                  *whole = dataset->whole ? dataset->whole : dataset;
    const long long shots = yacs_int(&train->settings.config, "DATASET.NUM_SHOTS");
    const char *path = original_lists_path(whole, (int)shots, (uint32_t)train->settings.seed, train->arena);
    ItemList few, val;
    if (!train->settings.arguments.write_split_fewshot)
        return 0;
    if (shots < 1 || whole->train.n == 0)
        return error_usage(err, "--write-split-fewshot needs DATASET.NUM_SHOTS, of a dataset to train on");
    if (!path)
        return error_memory(err);
    if (file_exists(path))
        return 0;
    const bool has_val = whole->val.items != whole->test.items; /* not so ImageNet */
    const char *folder = path_folder(train->arena, path);
    if (!folder)
        return error_memory(err);
    if (make_folders(folder, err) < 0 ||
        dataset_few_shot(&few, &val, whole, (int)shots, (uint32_t)train->settings.seed, train->arena, err) <
            0 ||
        original_lists_write(path, whole, &few, has_val ? &val : NULL, train->arena, err) < 0)
        return -1;
    log_printf(&train->log, "Saving preprocessed few-shot data to %s\n", path);
    return 0;
}

/* --- training --- */

/* "1 day, 2:03:04" */
static void print_elapsed(Train *train) {
    const long seconds = lround(clock_seconds() - train->start), days = seconds / 86400;
    log_puts(&train->log, "Elapsed: ");
    if (days > 0)
        log_printf(&train->log, "%ld day%s, ", days, days == 1 ? "" : "s");
    log_printf(&train->log, "%ld:%02ld:%02ld\n", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

/* A finished point whose model is gone leaves it again. */
static void ask_model_again(Train *train) {
    Stage *stage = &train->stage;
    const char *model = model_file_path(train->settings.output, train->point->optim.max_epoch, train->arena);
    if (stage->n_pending == 0 && train->settings.trains && model && !file_exists(model)) {
        stage->pending[0] = true;
        stage->n_pending = 1;
    }
}

static int run_point(Train *train, Error *err) {
    Stage *stage = &train->stage;
    const char *output = train->experiment.output;
    if (write_experiment(train, err) < 0)
        return -1;
    ask_model_again(train);
    if (stage->n_pending == 0) {
        describe_resumed(&train->log, &train->settings, train->settings.output, "",
                         train->point->optim.max_epoch);
        return 0;
    }
    if (stage_prepare(stage, &train->model, err) < 0 || session_save(&stage->session, err) < 0)
        return -1;
    if (*train->resumed && model_file_resume(&train->resumed_model, train->resumed, &stage->session,
                                             train->point, output, train->arena, err) < 0)
        return -1;
    RunOptions quiet = train->options;
    quiet.quiet = true; /* the lines of the log tell how far it is */
    stage->options = &quiet;
    int status = jobs_run(stage, err);
    stage->options = &train->options;
    if (status == 0 && stage->failures)
        return error_run(err, "%s", stage->failures->reason);
    if (status < 0 && err->kind == ERROR_SIGNAL)
        snprintf(err->text + strlen(err->text), sizeof err->text - strlen(err->text),
                 "; start the same command again to go on");
    return status;
}

static int find_result(Train *train, const Result **result, Error *err) {
    ResultList results;
    if (results_read(&results, train->experiment.output, train->arena, err) < 0)
        return -1;
    *result = results_find(&results, train->point->key);
    return *result ? 0 : error_run(err, "%s: no result of this run", train->experiment.output);
}

/* As the point's own result says; nothing is computed. */
static void tell_result(Train *train, Outcome *outcome, const Result *result) {
    *outcome = (Outcome){result->accuracy, result->macro_f1, result->per_class};
    describe_split(&train->log, &train->settings, "test");
    describe_result(&train->log, &train->settings, &train->stage.session, result->accuracy, result->macro_f1,
                    result->per_class);
}

static int open_evaluation(Train *train, Evaluation *evaluation, const char *split, Error *err) {
    const char *scratch = path_join(train->arena, train->experiment.output, "evaluated");
    return scratch ? evaluation_open(evaluation, &train->log, &train->settings, &train->stage.session,
                                     train->point, split, scratch, train->arena, err)
                   : error_memory(err);
}

static bool is_setting(const Train *train, const char *name, const char *value) {
    return strcmp(yacs_text(&train->settings.config, name), value) == 0;
}

/* Whether the result is another than that of the last epoch on the test images, or more of it is asked for.
 */
static bool tests_otherwise(const Train *train) {
    return is_setting(train, "TEST.FINAL_MODEL", "best_val") || !is_setting(train, "TEST.SPLIT", "test") ||
           yacs_truth(&train->settings.config, "TEST.COMPUTE_CMAT");
}

static void tell_loading(Train *train, const char *path, const ModelFile *file) {
    log_printf(&train->log, "Loading weights to prompt_learner from \"%s\" (epoch = %d)\n", path,
               file->epoch);
}

/* --- testing what was trained --- */

static int test_trained(Train *train, Outcome *outcome, const char **split, const Result *result,
                        Error *err) {
    const bool best = is_setting(train, "TEST.FINAL_MODEL", "best_val");
    const Session *session = &train->stage.session;
    Evaluation evaluation;
    ModelFile file;
    if (best)
        log_puts(&train->log, "Deploy the model with the best val performance\n");
    else if (!train->settings.older)
        log_puts(&train->log, "Deploy the last-epoch model\n");
    *split = "test";
    if (!tests_otherwise(train)) {
        tell_result(train, outcome, result);
        return 0;
    }
    const char *path =
        model_file_path(train->settings.output, best ? -1 : train->point->optim.max_epoch, train->arena);
    if (!path)
        return error_memory(err);
    if (model_file_read(&file, path, session, train->point, train->arena, err) < 0 ||
        open_evaluation(train, &evaluation, yacs_text(&train->settings.config, "TEST.SPLIT"), err) < 0)
        return -1;
    *split = evaluation.split;
    if (best)
        tell_loading(train, path, &file);
    return evaluation_run(outcome, &evaluation, &file, train->arena, err);
}

static int train_point(Train *train, Error *err) {
    const Settings *settings = &train->settings;
    Epochs epochs = {0};
    Evaluation validation;
    Outcome outcome;
    const Result *result;
    const char *split = "test";
    const bool tests = !yacs_truth(&settings->config, "TEST.NO_TEST");
    train->start = clock_seconds();
    if (epochs_start(&epochs, &train->log, settings, &train->stage.session, train->arena, err) < 0)
        return -1;
    epochs.from = train->resumed_from;
    epochs.resumed = train->resumed;
    if (tests && is_setting(train, "TEST.FINAL_MODEL", "best_val"))
        epochs.validation = &validation;
    int status = epochs.validation ? open_evaluation(train, &validation, "val", err) : 0;
    if (status == 0)
        status = run_point(train, err) < 0 || find_result(train, &result, err) < 0 ? -1 : 0;
    if (status == 0) {
        log_puts(&train->log, settings->older ? "Finished training\n" : "Finish training\n");
        if (tests)
            status = test_trained(train, &outcome, &split, result, err);
    }
    if (status == 0)
        print_elapsed(train);
    epochs_finish(&epochs, split, status == 0 && tests ? &outcome : NULL);
    return status;
}

/* --- testing alone --- */

/* A classifier of hand-written prompts is a point like any other. */
static int test_zeroshot(Train *train, Error *err) {
    const Result *result;
    Outcome outcome;
    Evaluation evaluation;
    if (tests_otherwise(train))
        return write_experiment(train, err) < 0 ||
                       session_attach(&train->stage.session, &train->model, NULL, err) < 0 ||
                       open_evaluation(train, &evaluation, yacs_text(&train->settings.config, "TEST.SPLIT"),
                                       err) < 0
                   ? -1
                   : evaluation_run(&outcome, &evaluation, NULL, train->arena, err);
    if (run_point(train, err) < 0 || find_result(train, &result, err) < 0)
        return -1;
    tell_result(train, &outcome, result);
    return 0;
}

static int test_model(Train *train, const char *path, const ModelFile *file, Error *err) {
    Evaluation evaluation;
    Outcome outcome;
    if (write_experiment(train, err) < 0 ||
        open_evaluation(train, &evaluation, yacs_text(&train->settings.config, "TEST.SPLIT"), err) < 0)
        return -1;
    tell_loading(train, path, file);
    return evaluation_run(&outcome, &evaluation, file, train->arena, err);
}

/* --- all --- */

/* The model that --eval-only names, before anything is written; "" where none is needed. */
static int find_model(const Settings *settings, const char **path, Arena *arena, Error *err) {
    const Arguments *arguments = &settings->arguments;
    *path = "";
    if (!arguments->eval_only || !settings->trainer->trains)
        return 0;
    if (!*arguments->model_dir)
        return error_usage(err, "--eval-only of %s needs --model-dir, the folder of what was learned",
                           settings->trainer->name);
    *path = model_file_path(arguments->model_dir, arguments->load_epoch, arena);
    if (!*path)
        return error_memory(err);
    return file_exists(*path) ? 0 : error_set(err, "%s: no such model", *path);
}

/* Whether the point has a state of its own to go on from. */
static bool has_state(const Train *train) {
    const char *folder = path_join(train->arena, train->experiment.output, train->point->folder);
    const char *path = folder ? path_join(train->arena, folder, STATE_FILE) : NULL;
    Error why;
    TensorFile *file = path && file_exists(path) ? tensors_open(path, &why) : NULL;
    const char *key = file ? tensors_metadata(file, "config") : NULL;
    const bool is_own = key && strcmp(key, train->point->key) == 0;
    tensors_close(file);
    return is_own;
}

/* Where the training goes on from a model, which may be of the original, as there: that of --resume, else
 * that of the output folder. Its own state, where there is one, goes on at the very step. Read before
 * anything is written. */
static int find_resumed(Train *train, Error *err) {
    const char *resume = yacs_text(&train->settings.config, "RESUME");
    train->resumed_from = *resume ? resume : train->settings.output;
    train->resumed = "";
    if (train->settings.arguments.no_train || train->stage.n_pending == 0 || has_state(train))
        return 0;
    train->resumed = model_file_latest(train->resumed_from, train->arena, err);
    if (!train->resumed || !*train->resumed)
        return train->resumed ? 0 : -1;
    const Session *session = &train->stage.session;
    return model_file_read(&train->resumed_model, train->resumed, session, train->point, train->arena, err) <
                   0
               ? -1
               : model_file_resume(&train->resumed_model, train->resumed, session, train->point, NULL,
                                   train->arena, err);
}

static int run(Train *train, const char *model, Error *err) {
    const Settings *settings = &train->settings;
    Session *session = &train->stage.session;
    ModelFile file;
    if (open_stage(train, err) < 0)
        return -1;
    if (*model &&
        (session_attach(session, &train->model, NULL, err) < 0 || session_check_images(session, err) < 0 ||
         model_file_read(&file, model, session, train->point, train->arena, err) < 0))
        return -1;
    if (!*model && settings->trains &&
        (session_attach(session, &train->model, NULL, err) < 0 || find_resumed(train, err) < 0))
        return -1;
    if (!settings->arguments.eval_only && train->stage.n_pending > 0 &&
        stage_check(&train->stage, &train->model, err) < 0)
        return -1;
    if (yacs_int(&settings->config, "SEED") >= 0)
        printf("Setting fixed seed: %lld\n", yacs_int(&settings->config, "SEED"));
    if (make_folders(train->experiment.output, err) < 0 ||
        lock_take(&train->lock, train->experiment.output, true, err) < 0 || open_log(train, err) < 0 ||
        write_few_shot(train, err) < 0)
        return -1;
    if (*model)
        return test_model(train, model, &file, err);
    if (settings->arguments.eval_only)
        return test_zeroshot(train, err);
    return settings->arguments.no_train ? 0 : train_point(train, err);
}

int train_original(const Arguments *arguments, Arena *arena, Error *err) {
    Train *train = ARENA_NEW(arena, Train, 1);
    const char *model;
    if (!train)
        return error_memory(err);
    train->arena = train->remarks.arena = arena;
    train->resumed = "";
    train->options = (RunOptions){.n_threads = arguments->threads, .quiet = arguments->quiet};
    if (settings_read(&train->settings, arguments, arena, err) < 0 ||
        settings_check(&train->settings, err) < 0 || find_model(&train->settings, &model, arena, err) < 0)
        return -1;
    int status = run(train, model, err);
    Error late = {0};
    if (log_close(&train->log, &late) < 0 && status == 0) {
        *err = late;
        status = -1;
    }
    lock_release(train->lock);
    stage_close(&train->stage);
    loaded_model_close(&train->model);
    return status;
}
