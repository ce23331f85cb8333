/* settings.c: see settings.h */
#include "experiments/original/settings.h"

#include "clip/base/files.h"
#include "coop/prompt_learner.h"
#include "experiments/config/yaml_tree.h"

#include <math.h>
#include <string.h>

/* --- reading --- */

static PyValue as_list(const Words *words, Arena *arena) {
    PyValue list = {.type = PY_LIST, .items = ARENA_NEW(arena, PyValue, words->n), .n = words->n};
    for (int i = 0; list.items && i < words->n; i++)
        list.items[i] = py_str(words->values[i]);
    return list;
}

/* What reset_cfg of the original does: arguments that are empty leave the config as it is. */
static void apply_arguments(Yacs *config, const Arguments *a) {
    const struct {
        const char *name, *option, *text;
    } texts[] = {{"DATASET.ROOT", "--root", a->root},
                 {"OUTPUT_DIR", "--output-dir", a->output_dir},
                 {"RESUME", "--resume", a->resume},
                 {"TRAINER.NAME", "--trainer", a->trainer},
                 {"MODEL.BACKBONE.NAME", "--backbone", a->backbone},
                 {"MODEL.HEAD.NAME", "--head", a->head}};
    const struct {
        const char *name, *option;
        const Words *words;
    } lists[] = {{"DATASET.SOURCE_DOMAINS", "--source-domains", &a->source_domains},
                 {"DATASET.TARGET_DOMAINS", "--target-domains", &a->target_domains},
                 {"INPUT.TRANSFORMS", "--transforms", &a->transforms}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (*texts[i].text)
            yacs_set(config, texts[i].name, py_str(texts[i].text), texts[i].option);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].words->n > 0)
            yacs_set(config, lists[i].name, as_list(lists[i].words, config->arena), lists[i].option);
    if (a->seed != 0) /* as there, 0 is no seed given, and -1 the default */
        yacs_set(config, "SEED", py_int(a->seed), "--seed");
}

/* TCP's program has 25 epochs for its two large datasets, whatever is given. */
static void apply_tcp(Settings *settings) {
    const char *dataset = yacs_text(&settings->config, "DATASET.NAME");
    if (strcmp(settings->trainer->name, "TCP") == 0 &&
        (strcmp(dataset, "ImageNet") == 0 || strcmp(dataset, "SUN397") == 0))
        yacs_set(&settings->config, "OPTIM.MAX_EPOCH", py_int(25), "TCP's train.py");
}

static int unknown_trainer(const char *name, Error *err) {
    char known[ORIGINAL_TRAINERS_TEXT];
    original_trainers_text(known);
    return error_usage(err, "trainer '%s': %s are here", name, known);
}

int settings_read(Settings *settings, const Arguments *arguments, Arena *arena, Error *err) {
    Yacs *config = &settings->config;
    *settings = (Settings){.arguments = *arguments};
    settings->trainer = original_trainer(arguments->trainer);
    if (!settings->trainer && *arguments->trainer)
        return unknown_trainer(arguments->trainer, err);
    if (yacs_start(config, settings->trainer ? settings->trainer->code : YACS_COOP_CODE, arena, err) < 0)
        return -1;
    if ((*arguments->dataset_config_file &&
         yacs_merge_file(config, arguments->dataset_config_file, err) < 0) ||
        (*arguments->config_file && yacs_merge_file(config, arguments->config_file, err) < 0))
        return -1;
    apply_arguments(config, arguments);
    if (yacs_merge_pairs(config, arguments->opts.values, arguments->opts.n, err) < 0)
        return -1;
    settings->trainer = original_trainer(yacs_text(config, "TRAINER.NAME"));
    if (!settings->trainer)
        return unknown_trainer(yacs_text(config, "TRAINER.NAME"), err);
    apply_tcp(settings);
    settings->output = yacs_text(config, "OUTPUT_DIR");
    settings->seed = yacs_int(config, "SEED") >= 0 ? (int)yacs_int(config, "SEED") : 1;
    settings->trains = settings->trainer->trains && !arguments->eval_only;
    settings->older = settings->trainer->code == YACS_LATER_CODE || file_exists("trainers/prograd.py");
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* --- what cannot be honoured --- */

static bool is(const Settings *settings, const char *trainer) {
    return strcmp(settings->trainer->name, trainer) == 0;
}

static int check_fixed(const Yacs *config, Error *err) {
    for (int i = 0; yacs_key_at(i); i++) {
        const YacsKey *key = yacs_key_at(i);
        if (!(key->codes & config->code) || key->use != YACS_FIXED || yacs_is_default(config, i))
            continue;
        Buffer given = {0};
        py_print_repr(&given, &config->values[i]);
        const char *text = buffer_text(&given);
        yacs_error(config, key->name, err, "%s is not here, only %s", text ? text : "?", key->fallback);
        buffer_free(&given);
        return -1;
    }
    return 0;
}

static bool has(const PyValue *list, const char *name) {
    for (int i = 0; i < list->n; i++)
        if (list->items[i].type == PY_STR && strcmp(list->items[i].text, name) == 0)
            return true;
    return false;
}

/* Of a test, only the normalisation counts. */
static int check_transforms(const Settings *settings, Error *err) {
    const Yacs *config = &settings->config;
    const PyValue *names = yacs_get(config, "INPUT.TRANSFORMS");
    bool crops = has(names, "random_resized_crop") && has(names, "random_flip") && names->n == 3;
    if (!has(names, "normalize") || has(names, "instance_norm") || (settings->trains && !crops))
        return yacs_error(config, "INPUT.TRANSFORMS", err,
                          "random_resized_crop, random_flip and normalize are here, no others and no fewer");
    if (strcmp(yacs_text(config, "INPUT.INTERPOLATION"), "bicubic") != 0)
        return yacs_error(config, "INPUT.INTERPOLATION", err, "%s is not here, only bicubic",
                          yacs_text(config, "INPUT.INTERPOLATION"));
    return 0;
}

/* A step at every so many epochs is constant where the training ends before the first. */
static bool never_steps(const Yacs *config) {
    const PyValue *steps = yacs_get(config, "OPTIM.STEPSIZE");
    const long long last = steps->n > 0 ? steps->items[steps->n - 1].integer : 0;
    return strcmp(yacs_text(config, "OPTIM.LR_SCHEDULER"), "single_step") == 0 &&
           (last <= 0 || last >= yacs_int(config, "OPTIM.MAX_EPOCH"));
}

static bool is_among(const char *name, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int check_schedule(const Yacs *config, Error *err) {
    static const char *const schedules[] = {"cosine", "single_step", "multi_step"};
    static const char *const warmups[] = {"constant", "linear"};
    const char *schedule = yacs_text(config, "OPTIM.LR_SCHEDULER"),
               *warmup = yacs_text(config, "OPTIM.WARMUP_TYPE");
    const PyValue *steps = yacs_get(config, "OPTIM.STEPSIZE");
    if (!is_among(schedule, schedules, 3))
        return yacs_error(config, "OPTIM.LR_SCHEDULER", err,
                          "'%s' is none of cosine, single_step and multi_step", schedule);
    for (int i = 0; i < steps->n && strcmp(schedule, "cosine") != 0; i++)
        if (steps->items[i].type != PY_INT ||
            (steps->items[i].integer < 0 && strcmp(schedule, "multi_step") == 0))
            return yacs_error(config, "OPTIM.STEPSIZE", err, "epochs are needed, as (30, 60)");
    if (yacs_int(config, "OPTIM.WARMUP_EPOCH") > 0 && !is_among(warmup, warmups, 2))
        return yacs_error(config, "OPTIM.WARMUP_TYPE", err, "'%s' is neither constant nor linear", warmup);
    return 0;
}

static int check_optim(const Settings *settings, Error *err) {
    static const char *const names[] = {"adam", "sgd", "amsgrad", "rmsprop", "radam", "adamw"};
    const Yacs *config = &settings->config;
    const char *name = yacs_text(config, "OPTIM.NAME");
    if (!is_among(name, names, is(settings, "TCP") ? 2 : 6))
        return yacs_error(
            config, "OPTIM.NAME", err, "'%s' is not here for %s, only %s", name, settings->trainer->name,
            is(settings, "TCP") ? "sgd and adam" : "adam, amsgrad, sgd, rmsprop, radam and adamw");
    return check_schedule(config, err);
}

/* What the experiment file of the run would refuse, at a place that nobody has written. */
static int check_ranges(const Settings *settings, Error *err) {
    static const struct {
        const char *name;
        double low, high;
        bool low_excluded, high_excluded;
    } ranges[] = {{"OPTIM.LR", 0, 1e3, true, false},
                  {"OPTIM.MOMENTUM", 0, 1, false, true},
                  {"OPTIM.WEIGHT_DECAY", 0, 1e3, false, false},
                  {"OPTIM.ADAM_BETA1", 0, 1, false, true},
                  {"OPTIM.ADAM_BETA2", 0, 1, false, true},
                  {"OPTIM.RMSPROP_ALPHA", 0, 1, false, true},
                  {"OPTIM.GAMMA", 0, 1e3, false, false},
                  {"OPTIM.WARMUP_CONS_LR", 0, 1e3, false, false},
                  {"OPTIM.WARMUP_MIN_LR", 0, 1e3, false, false},
                  {"OPTIM.MAX_EPOCH", 1, 1e6, false, false},
                  {"DATALOADER.TRAIN_X.BATCH_SIZE", 1, 1e6, false, false}};
    static const char *const positions[] = {"end", "middle", "front"};
    const Yacs *config = &settings->config;
    const char *position = yacs_text(config, "TRAINER.COOP.CLASS_TOKEN_POSITION");
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const double value = yacs_number(config, ranges[i].name);
        if (!(ranges[i].low_excluded ? value > ranges[i].low : value >= ranges[i].low) ||
            !(ranges[i].high_excluded ? value < ranges[i].high : value <= ranges[i].high))
            return yacs_error(config, ranges[i].name, err, "%g is out of range (%s%g to %s%g)", value,
                              ranges[i].low_excluded ? "above " : "", ranges[i].low,
                              ranges[i].high_excluded ? "below " : "", ranges[i].high);
    }
    if (!is_among(position, positions, 3))
        return yacs_error(config, "TRAINER.COOP.CLASS_TOKEN_POSITION", err,
                          "'%s' is none of end, middle and front", position);
    return 0;
}

static int check_trainer(const Settings *settings, Error *err) {
    const Yacs *config = &settings->config;
    if (!settings->trainer->trains && !settings->arguments.eval_only && !settings->arguments.no_train)
        return error_usage(err, "%s does not train: --eval-only is needed", settings->trainer->name);
    if (is(settings, "ProGrad") && settings->trains && strcmp(yacs_text(config, "LOSS.NAME"), "prograd") != 0)
        return yacs_error(config, "LOSS.NAME", err, "'%s' is not here, only prograd",
                          yacs_text(config, "LOSS.NAME"));
    if (is(settings, "TCP") && yacs_truth(config, "TRAINER.COOP.CSC"))
        return yacs_error(config, "TRAINER.COOP.CSC", err, "TCP has no contexts of each class");
    if (*yacs_text(config, "MODEL.INIT_WEIGHTS") && !is(settings, "CoOp") && !is(settings, "KgCoOp"))
        return yacs_error(config, "MODEL.INIT_WEIGHTS", err, "is not here for %s", settings->trainer->name);
    return 0;
}

static int check_names(const Settings *settings, Error *err) {
    const Yacs *config = &settings->config;
    const char *dataset = yacs_text(config, "DATASET.NAME");
    if (!original_dataset(dataset))
        return yacs_error(config, "DATASET.NAME", err, "'%s' is none of the datasets of CoOp", dataset);
    if (!*yacs_text(config, "DATASET.ROOT"))
        return error_usage(err, "--root is needed: the folder of all datasets");
    if (!*yacs_text(config, "MODEL.BACKBONE.NAME"))
        return yacs_error(config, "MODEL.BACKBONE.NAME", err, "a name is needed, as RN50 or ViT-B/16");
    const char *classes = yacs_text(config, "DATASET.SUBSAMPLE_CLASSES");
    if (strcmp(classes, "all") != 0 && strcmp(classes, "base") != 0 && strcmp(classes, "new") != 0)
        return yacs_error(config, "DATASET.SUBSAMPLE_CLASSES", err, "%s: all, base or new is needed",
                          classes);
    return 0;
}

int settings_check(const Settings *settings, Error *err) {
    return check_trainer(settings, err) < 0 || check_names(settings, err) < 0 ||
                   check_fixed(&settings->config, err) < 0 || check_transforms(settings, err) < 0 ||
                   (settings->trains && (check_optim(settings, err) < 0 || check_ranges(settings, err) < 0))
               ? -1
               : 0;
}

static bool is_near(const PyValue *list, const float values[3]) {
    for (int i = 0; i < 3 && list->n == 3; i++)
        if (fabs(py_number(&list->items[i]) - values[i]) > 1e-6)
            return false;
    return list->n == 3;
}

int settings_check_model(const Settings *settings, const Clip *clip, Error *err) {
    const Yacs *config = &settings->config;
    const PyValue *size = yacs_get(config, "INPUT.SIZE");
    for (int i = 0; i < size->n; i++)
        if (size->n != 2 || size->items[i].integer != clip->image_size)
            return yacs_error(config, "INPUT.SIZE", err, "the model takes images of (%d, %d)",
                              clip->image_size, clip->image_size);
    if (!is_near(yacs_get(config, "INPUT.PIXEL_MEAN"), clip->mean))
        return yacs_error(config, "INPUT.PIXEL_MEAN", err, "the model's is [%.8g, %.8g, %.8g]",
                          (double)clip->mean[0], (double)clip->mean[1], (double)clip->mean[2]);
    if (!is_near(yacs_get(config, "INPUT.PIXEL_STD"), clip->std))
        return yacs_error(config, "INPUT.PIXEL_STD", err, "the model's is [%.8g, %.8g, %.8g]",
                          (double)clip->std[0], (double)clip->std[1], (double)clip->std[2]);
    return 0;
}

/* --- what is otherwise --- */

static void note_precision(Buffer *out, const Settings *settings) {
    const Yacs *config = &settings->config;
    const char *key = settings->trainer->precision, *precision = key ? yacs_text(config, key) : "fp32";
    const bool half = strcmp(precision, "fp32") != 0, cuda = yacs_truth(config, "USE_CUDA");
    buffer_puts(out, "Note: all is computed in float on the processor; ");
    if (half)
        buffer_printf(out, "%s %s%s", key, precision, cuda ? ", " : " and ");
    if (cuda)
        buffer_puts(out, "USE_CUDA True and ");
    buffer_printf(out, "DATALOADER.NUM_WORKERS %lld change%s nothing\n",
                  yacs_int(config, "DATALOADER.NUM_WORKERS"), half || cuda ? "" : "s");
}

void settings_notes(Buffer *out, const Settings *settings) {
    const Yacs *config = &settings->config;
    note_precision(out, settings);
    if (settings->trains && yacs_int(config, "SEED") < 0)
        buffer_printf(out, "Note: SEED %lld: nothing is drawn without a seed here, 1 is taken\n",
                      yacs_int(config, "SEED"));
    if (settings->trains && (strcmp(yacs_text(config, "TEST.FINAL_MODEL"), "best_val") == 0 ||
                             strcmp(yacs_text(config, "TEST.SPLIT"), "val") == 0))
        buffer_puts(
            out,
            "Note: coop/results.jsonl in the output tells of the last epoch on the test images, as ever\n");
    if (is(settings, "TCP") && yacs_number(config, "TRAINER.COOP.W") != 8)
        buffer_puts(out, "Note: TRAINER.COOP.W has no effect on TCP, there either: its weight is 8\n");
    if (!is(settings, "CoCoOp") && settings->trainer->trains && yacs_truth(config, "TRAINER.COOP.CSC") &&
        yacs_truth(config, "TRAINER.COOP.CTX_INIT"))
        buffer_puts(out, "Note: TRAINER.COOP.CSC has no effect with CTX_INIT, there either\n");
    if (is(settings, "KgCoOp") && *yacs_text(config, "MODEL.INIT_WEIGHTS"))
        buffer_puts(out, "Note: of MODEL.INIT_WEIGHTS the contexts are taken\n");
}

/* --- the experiment --- */

/* Where the original's own copy of CLIP has it, in the folder that its scripts are started from. */
#define OWN_VOCABULARY "clip/bpe_simple_vocab_16e6.txt.gz"

static void put_text(Buffer *out, const char *key, const char *text) {
    buffer_printf(out, "%s: ", key);
    yaml_write_text(out, text);
}

/* What the contexts start from: a file, words, or nothing. */
static void put_start(Buffer *out, const Settings *settings, const char *section, Arena *arena) {
    const Yacs *config = &settings->config;
    const char *file = yacs_text(config, "MODEL.INIT_WEIGHTS");
    const PyValue *given = yacs_get(config, arena_printf(arena, "%s.CTX_INIT", section));
    const long long n_ctx = yacs_int(config, arena_printf(arena, "%s.N_CTX", section));
    const char *words = given->type == PY_STR ? given->text : py_truth(given) ? "a photo of a" : "";
    if (is(settings, "ProGrad"))
        words = py_truth(given) ? "template" : "";
    if (*file || (*words && !is(settings, "ProGrad"))) {
        char *start = arena_strdup(arena, *file ? file : words);
        for (char *c = start; start && !*file && *c; c++)
            *c = *c == '_' ? ' ' : *c;
        if (start)
            put_text(out, ", ctx_init",
                     !*file && ctx_init_is_file(start) ? arena_printf(arena, "words: %s", start) : start);
        return;
    }
    buffer_printf(out, ", n_ctx: %lld", n_ctx);
    put_text(out, ", ctx_init", words);
}

/* There, words start contexts that all classes share, whatever CSC says. */
static bool is_csc(const Yacs *config) {
    return yacs_truth(config, "TRAINER.COOP.CSC") && !yacs_truth(config, "TRAINER.COOP.CTX_INIT");
}

static void put_method(Buffer *out, const Settings *settings, Arena *arena) {
    const Yacs *config = &settings->config;
    const char *method = settings->trainer->method;
    buffer_printf(out, "methods:\n  - %s: {", method);
    if (is(settings, "ZeroshotCLIP"))
        buffer_puts(out, "templates: default");
    else if (is(settings, "ZeroshotCLIP2")) /* the ensemble, and the dataset's own unless it is ImageNet */
        buffer_printf(out, "templates: [ensemble%s]",
                      strcmp(yacs_text(config, "DATASET.NAME"), "ImageNet") == 0 ? "" : ", default");
    else if (is(settings, "CoCoOp")) {
        buffer_puts(out, "recipe: plain");
        put_start(out, settings, "TRAINER.COCOOP", arena);
    } else {
        put_text(out, "class_token_position", yacs_text(config, "TRAINER.COOP.CLASS_TOKEN_POSITION"));
        put_start(out, settings, "TRAINER.COOP", arena);
        if (!is(settings, "TCP"))
            buffer_printf(out, ", csc: %s", is_csc(config) ? "true" : "false");
        if (!is(settings, "CoOp"))
            buffer_puts(out, ", recipe: plain");
    }
    if (is(settings, "KgCoOp"))
        buffer_printf(out, ", w: %.17g", yacs_number(config, "TRAINER.COOP.W"));
    if (is(settings, "ProGrad"))
        buffer_printf(out, ", lambda: %.17g, temperature: %.17g", yacs_number(config, "LOSS.LAMBDA"),
                      yacs_number(config, "LOSS.T"));
    if (is(settings, "TCP"))
        put_text(out, ", optimizer", yacs_text(config, "OPTIM.NAME"));
    buffer_puts(out, "}\n");
}

/* The course of the rate behind the warm-up. */
static void put_schedule(Buffer *out, const Yacs *config) {
    const PyValue *steps = yacs_get(config, "OPTIM.STEPSIZE");
    const bool single = strcmp(yacs_text(config, "OPTIM.LR_SCHEDULER"), "single_step") == 0;
    if (strcmp(yacs_text(config, "OPTIM.LR_SCHEDULER"), "cosine") == 0 || steps->n == 0 ||
        never_steps(config)) {
        buffer_printf(out, ", lr_scheduler: %s",
                      strcmp(yacs_text(config, "OPTIM.LR_SCHEDULER"), "cosine") == 0 ? "cosine" : "constant");
        return;
    }
    buffer_printf(out, ", lr_scheduler: step, gamma: %.17g, ", yacs_number(config, "OPTIM.GAMMA"));
    if (single)
        buffer_printf(out, "step_epochs: %lld", steps->items[steps->n - 1].integer);
    for (int i = 0; i < steps->n && !single; i++)
        buffer_printf(out, "%s%lld", i == 0 ? "milestones: \"" : " ", steps->items[i].integer);
    buffer_puts(out, single ? "" : "\"");
}

static void put_optimizer(Buffer *out, const Settings *settings) {
    const Yacs *config = &settings->config;
    const char *name = yacs_text(config, "OPTIM.NAME");
    if (strcmp(name, "sgd") == 0 || is(settings, "TCP")) /* which has a key of its own */
        return;
    buffer_printf(out, ", name: %s", name);
    if (strcmp(name, "rmsprop") == 0)
        buffer_printf(out, ", alpha: %.17g", yacs_number(config, "OPTIM.RMSPROP_ALPHA"));
    else
        buffer_printf(out, ", beta1: %.17g, beta2: %.17g", yacs_number(config, "OPTIM.ADAM_BETA1"),
                      yacs_number(config, "OPTIM.ADAM_BETA2"));
}

static void put_optim(Buffer *out, const Settings *settings) {
    const Yacs *config = &settings->config;
    const long long warmup = yacs_int(config, "OPTIM.WARMUP_EPOCH");
    const bool linear = strcmp(yacs_text(config, "OPTIM.WARMUP_TYPE"), "linear") == 0;
    buffer_printf(out,
                  "optim: {lr: %.17g, momentum: %.17g, weight_decay: %.17g, max_epoch: %lld, batch_size: "
                  "%lld,\n        warmup_epoch: %lld, warmup_cons_lr: %.17g",
                  yacs_number(config, "OPTIM.LR"), yacs_number(config, "OPTIM.MOMENTUM"),
                  yacs_number(config, "OPTIM.WEIGHT_DECAY"), yacs_int(config, "OPTIM.MAX_EPOCH"),
                  yacs_int(config, "DATALOADER.TRAIN_X.BATCH_SIZE"), warmup > 0 ? warmup : 0,
                  yacs_number(config, linear ? "OPTIM.WARMUP_MIN_LR" : "OPTIM.WARMUP_CONS_LR"));
    if (linear && warmup > 1) /* one epoch of it is constant */
        buffer_puts(out, ", warmup_type: linear");
    put_schedule(out, config);
    put_optimizer(out, settings);
    buffer_puts(out, "}\n");
}

void settings_yaml(Buffer *out, const Settings *settings, const char *cache) {
    const Yacs *config = &settings->config;
    const long long shots = yacs_int(config, "DATASET.NUM_SHOTS");
    Arena *arena = arena_create();
    buffer_puts(out, "# What `coop train` runs; `coop run` on this file finds it in the output.\n");
    put_text(out, "output", path_join(arena, settings->output, "coop"));
    put_text(out, "\ncache", cache);
    put_text(out, "\nmodel: {weights", yacs_text(config, "MODEL.BACKBONE.NAME"));
    if (file_exists(OWN_VOCABULARY))
        put_text(out, ", vocab", OWN_VOCABULARY);
    put_text(out, "}\ndataset: {name", original_dataset(yacs_text(config, "DATASET.NAME")));
    put_text(out, ", root", yacs_text(config, "DATASET.ROOT"));
    put_text(out, ", subsample_classes", yacs_text(config, "DATASET.SUBSAMPLE_CLASSES"));
    buffer_puts(out, ", original_caches: true}\n");
    if (shots >= 1)
        buffer_printf(out, "grid: {num_shots: %lld, seed: %d}\n", shots, settings->seed);
    else
        buffer_printf(out, "grid: {num_shots: all, seed: %d}\n", settings->seed);
    put_method(out, settings, arena);
    if (settings->trainer->trains) {
        put_optim(out, settings);
        buffer_printf(out, "augment: {views: %lld}\n", yacs_int(config, "OPTIM.MAX_EPOCH"));
    }
    buffer_puts(out, "outputs: {report: false}\n");
    if (arena_failed(arena))
        out->failed = true;
    arena_free(arena);
}
