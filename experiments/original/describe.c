/* describe.c: see describe.h. The lines are those of Dassl (data_manager.py, transforms.py, evaluator.py) and
 * of CoOp's trainers. */
#include "experiments/original/describe.h"

#include "clip/base/files.h"
#include "coop/coop.h"
#include "datasets/lists/original_lists.h"

#include <math.h>
#include <string.h>

/* --- arguments and config --- */

int describe_settings(Log *log, const Settings *settings, Error *err) {
    Buffer out = {0};
    buffer_puts(&out, "***************\n** Arguments **\n***************\n");
    arguments_print(&out, &settings->arguments);
    buffer_puts(&out, "************\n** Config **\n************\n");
    yacs_print(&out, &settings->config);
    buffer_puts(&out, "Collecting env info ...\n** System info **\ncoop " COOP_VERSION "\n\n");
    settings_notes(&out, settings);
    const char *text = buffer_text(&out);
    if (text)
        log_puts(log, text);
    buffer_free(&out);
    if (text)
        log_printf(log, "Loading trainer: %s\n", settings->trainer->name);
    return text ? 0 : error_memory(err);
}

/* --- the dataset --- */

/* "1,234" */
static void grouped(long n, char out[32]) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%ld", n);
    int at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static void puts_value(Log *log, const char *before, const PyValue *value, const char *behind) {
    Buffer out = {0};
    py_print_repr(&out, value);
    const char *text = buffer_text(&out);
    log_printf(log, "%s%s%s", before, text ? text : "?", behind);
    buffer_free(&out);
}

static void normalization(Log *log, const Yacs *config) {
    log_puts(log, "+ to torch tensor of range [0, 1]\n");
    puts_value(log, "+ normalization (mean=", yacs_get(config, "INPUT.PIXEL_MEAN"), ", std=");
    puts_value(log, "", yacs_get(config, "INPUT.PIXEL_STD"), ")\n");
}

static void describe_transforms(Log *log, const Settings *settings) {
    const Yacs *config = &settings->config;
    const PyValue *size = yacs_get(config, "INPUT.SIZE");
    const int side = (int)size->items[0].integer;
    log_puts(log, "Building transform_train\n");
    puts_value(log, "+ random resized crop (size=", size, ", scale=");
    puts_value(log, "", yacs_get(config, "INPUT.RRCROP_SCALE"), ")\n+ random flip\n");
    normalization(log, config);
    log_printf(log, "Building transform_test\n+ resize the smaller edge to %d\n+ %dx%d center crop\n", side,
               side, side);
    normalization(log, config);
}

enum { MAX_ROWS = 8 };

typedef struct {
    const char *names[MAX_ROWS];
    char values[MAX_ROWS][64];
    int n;
} Table;

static void add_number(Table *table, const char *name, long number) {
    table->names[table->n] = name;
    grouped(number, table->values[table->n++]);
}

/* Two columns between rules, as tabulate sets them. */
static void print_table(Log *log, const Table *table) {
    size_t first = 0, second = 0;
    char rule[160];
    for (int i = 0; i < table->n; i++) {
        first = strlen(table->names[i]) > first ? strlen(table->names[i]) : first;
        second = strlen(table->values[i]) > second ? strlen(table->values[i]) : second;
    }
    memset(rule, '-', sizeof rule);
    log_printf(log, "%.*s  %.*s\n", (int)first, rule, (int)second, rule);
    for (int i = 0; i < table->n; i++)
        log_printf(log, "%-*s  %s\n", (int)first, table->names[i], table->values[i]);
    log_printf(log, "%.*s  %.*s\n", (int)first, rule, (int)second, rule);
}

/* The same in the older Dassl. */
static void print_list(Log *log, const Table *table) {
    log_puts(log, "***** Dataset statistics *****\n");
    for (int i = 0; i < table->n; i++) {
        const char *name = strcmp(table->names[i], "Source") == 0   ? "Source domains"
                           : strcmp(table->names[i], "Target") == 0 ? "Target domains"
                                                                    : table->names[i];
        log_printf(log, "  %s: %s\n", name, table->values[i]);
    }
}

static void add_domains(Table *table, const char *name, const PyValue *domains) {
    Buffer out = {0};
    if (domains->n == 0)
        return;
    py_print(&out, domains);
    const char *text = buffer_text(&out);
    table->names[table->n] = name;
    snprintf(table->values[table->n++], sizeof table->values[0], "%s", text ? text : "?");
    buffer_free(&out);
}

/* How the few-shot lists came about. */
static void describe_lists(Log *log, const Settings *settings, const Session *session) {
    const Yacs *config = &settings->config;
    const long long shots = yacs_int(config, "DATASET.NUM_SHOTS");
    const char *classes = yacs_text(config, "DATASET.SUBSAMPLE_CLASSES");
    const Dataset *dataset = &session->dataset;
    log_printf(log, "Loading dataset: %s\nReading split from %s\n", yacs_text(config, "DATASET.NAME"),
               dataset->source);
    Arena *arena = arena_create();
    const char *kept =
        original_lists_path(dataset, shots > 0 ? (int)shots : 0, (uint32_t)settings->seed, arena);
    if (kept && file_exists(kept))
        log_printf(log, "Loading preprocessed few-shot data from %s\n", kept);
    else if (shots >= 1 && dataset->train.n > 0)
        log_printf(log, "Creating a %lld-shot dataset\nCreating a %lld-shot dataset\n", shots,
                   shots < 4 ? shots : 4);
    arena_free(arena);
    if (strcmp(classes, "all") != 0)
        log_printf(log, "SUBSAMPLE %s CLASSES!\n", strcmp(classes, "base") == 0 ? "BASE" : "NEW");
}

int describe_dataset(Log *log, const Settings *settings, Session *session, Error *err) {
    const Yacs *config = &settings->config;
    const Dataset *dataset = &session->dataset;
    const long long shots = yacs_int(config, "DATASET.NUM_SHOTS");
    const char *name = yacs_text(config, "DATASET.NAME");
    const bool tests_itself = dataset->val.items == dataset->test.items; /* ImageNet */
    ItemList train, val;
    Arena *arena = arena_create();
    int status =
        arena ? session_lists(session, &train, &val, shots >= 1 ? (int)shots : 0, settings->seed, arena, err)
              : error_memory(err);
    if (status == 0) {
        Table table = {.names = {"Dataset"}, .n = 1};
        snprintf(table.values[0], sizeof table.values[0], "%s", name);
        add_domains(&table, "Source", yacs_get(config, "DATASET.SOURCE_DOMAINS"));
        add_domains(&table, "Target", yacs_get(config, "DATASET.TARGET_DOMAINS"));
        add_number(&table, "# classes", dataset->n_classes);
        add_number(&table, "# train_x", dataset->train.n > 0 ? train.n : dataset->test.n);
        if (dataset->val.n > 0)
            add_number(&table, "# val", tests_itself ? dataset->test.n : val.n);
        add_number(&table, "# test", dataset->test.n);
        describe_lists(log, settings, session);
        describe_transforms(log, settings);
        if (yacs_truth(config, "VERBOSE"))
            (settings->older ? print_list : print_table)(log, &table);
    }
    arena_free(arena);
    return status;
}

/* --- the model --- */

static void describe_templates(Log *log, const Session *session, const TextList *templates) {
    const Dataset *dataset = &session->dataset;
    if (templates->n != 1) {
        log_printf(log, "Prompt ensembling (n=%d)\n", templates->n);
        return;
    }
    const char *template = templates->values[0], *at = strstr(template, "{}");
    log_puts(log, "Prompts: [");
    for (int k = 0; at && k < dataset->n_classes; k++) {
        Buffer text = {0}, name = {0};
        for (const char *c = dataset->class_names[k]; *c; c++)
            buffer_putc(&name, *c == '_' ? ' ' : *c);
        buffer_printf(&text, "%.*s%s%s", (int)(at - template), template, name.size ? buffer_text(&name) : "",
                      at + 2);
        const char *prompt = buffer_text(&text);
        const PyValue value = py_str(prompt ? prompt : "?");
        puts_value(log, k > 0 ? ", " : "", &value, "");
        buffer_free(&name);
        buffer_free(&text);
    }
    log_puts(log, "]\n");
}

static void describe_contexts(Log *log, const Settings *settings) {
    const Yacs *config = &settings->config;
    const bool is_cocoop = strcmp(settings->trainer->name, "CoCoOp") == 0;
    const PyValue *start = yacs_get(config, is_cocoop ? "TRAINER.COCOOP.CTX_INIT" : "TRAINER.COOP.CTX_INIT");
    long long n_ctx = yacs_int(config, is_cocoop ? "TRAINER.COCOOP.N_CTX" : "TRAINER.COOP.N_CTX");
    const char *words = start->type == PY_STR ? start->text : "a photo of a";
    Buffer text = {0};
    if (py_truth(start)) {
        n_ctx = 1;
        for (const char *c = words; *c; c++) {
            buffer_putc(&text, *c == '_' ? ' ' : *c);
            n_ctx += *c == ' ' || *c == '_';
        }
    } else {
        const bool csc = !is_cocoop && yacs_truth(config, "TRAINER.COOP.CSC");
        if (!is_cocoop)
            log_printf(log, "Initializing %s\n", csc ? "class-specific contexts" : "a generic context");
        for (long long i = 0; i < n_ctx; i++)
            buffer_puts(&text, i > 0 ? " X" : "X");
    }
    const char *shown = text.size ? buffer_text(&text) : "";
    log_printf(log, "Initial context: \"%s\"\nNumber of context words (tokens): %lld\n", shown ? shown : "?",
               n_ctx);
    buffer_free(&text);
}

void describe_model(Log *log, const Settings *settings, const Session *session, const TextList *templates) {
    log_printf(log, "Loading CLIP (backbone: %s)\n", yacs_text(&settings->config, "MODEL.BACKBONE.NAME"));
    if (templates->n > 0 && !settings->trainer->trains) {
        describe_templates(log, session, templates);
    } else {
        log_puts(log, "Building custom CLIP\n");
        if (strcmp(settings->trainer->name, "ProGrad") != 0) /* whose words depend on the dataset */
            describe_contexts(log, settings);
        log_puts(log, "Turning off gradients in both the image and the text encoder\n");
    }
    log_puts(log, "Loading evaluator: Classification\n");
}

/* --- the result --- */

static void describe_class(Log *log, const Session *session, int label, const double *per_class,
                           const int *totals, int digits, double *sum, int *n) {
    char total[32], correct[32];
    if (totals[label] == 0)
        return;
    grouped(totals[label], total);
    grouped(lround(per_class[label] * totals[label] / 100), correct);
    log_printf(log, "* class: %d (%s)\ttotal: %s\tcorrect: %s\tacc: %.*f%%\n", label,
               session->dataset.class_names[label], total, correct, digits, per_class[label]);
    *sum += per_class[label];
    (*n)++;
}

static void describe_classes(Log *log, const Session *session, const double *per_class, int digits) {
    const Dataset *dataset = &session->dataset;
    Arena *arena = arena_create();
    int *totals = ARENA_NEW(arena, int, dataset->n_classes), n = 0;
    double sum = 0;
    for (int i = 0; totals && i < dataset->test.n; i++)
        totals[dataset->test.items[i].label]++;
    log_puts(log, "=> per-class result\n");
    for (int k = 0; totals && k < dataset->n_classes; k++)
        describe_class(log, session, k, per_class, totals, digits, &sum, &n);
    log_printf(log, "* average: %.*f%%\n", digits, n > 0 ? sum / n : NAN);
    arena_free(arena);
}

void describe_resumed(Log *log, const Settings *settings, const char *folder, const char *model, int epoch) {
    log_printf(log,
               settings->older ? "Found checkpoint in \"%s\". Will resume training\n"
                               : "Found checkpoint at %s (will resume training)\n",
               folder);
    if (*model)
        log_printf(
            log, "Loading checkpoint from \"%s\"\nLoaded model weights\nLoaded optimizer\nLoaded scheduler\n",
            model);
    log_printf(log, "Previous epoch: %d\n", epoch);
}

void describe_split(Log *log, const Settings *settings, const char *split) {
    log_printf(log, settings->older ? "Do evaluation on %s set\n" : "Evaluate on the *%s* set\n", split);
}

void describe_result(Log *log, const Settings *settings, const Session *session, double accuracy,
                     double macro_f1, const double *per_class) {
    const long n = session->dataset.test.n;
    const int digits = settings->older ? 2 : 1;
    char total[32], correct[32];
    grouped(n, total);
    grouped(lround(accuracy * (double)n / 100), correct);
    log_printf(log,
               "=> result\n* total: %s\n* correct: %s\n* accuracy: %.*f%%\n* error: %.*f%%\n* macro_f1: "
               "%.*f%%\n",
               total, correct, digits, accuracy, digits, 100 - accuracy, digits, macro_f1);
    if (per_class && yacs_truth(&settings->config, "TEST.PER_CLASS_RESULT"))
        describe_classes(log, session, per_class, digits);
}
