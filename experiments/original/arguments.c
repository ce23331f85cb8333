/* arguments.c: see arguments.h */
#include "experiments/original/arguments.h"

#include "clip/base/nearest.h"
#include "experiments/original/python_value.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum { TEXT, NUMBER, FLAG, SEVERAL } Kind;

typedef struct {
    const char *name; /* "output-dir" */
    Kind kind;
    size_t offset; /* of the field */
    bool ours;
    const char *argument, *help;
} Argument;

#define AT(field) offsetof(Arguments, field)

/* By name, as print_args sorts them. */
static const Argument table[] = {
    {"backbone", TEXT, AT(backbone), false, "NAME", "name of CNN backbone (MODEL.BACKBONE.NAME)"},
    {"config-file", TEXT, AT(config_file), false, "FILE", "config of the trainer"},
    {"dataset-config-file", TEXT, AT(dataset_config_file), false, "FILE", "config of the dataset"},
    {"eval-only", FLAG, AT(eval_only), false, NULL, "evaluation only"},
    {"head", TEXT, AT(head), false, "NAME", "name of head (no effect)"},
    {"load-epoch", NUMBER, AT(load_epoch), false, "N", "the epoch whose model --eval-only loads"},
    {"model-dir", TEXT, AT(model_dir), false, "DIR", "the output folder whose model --eval-only loads"},
    {"no-train", FLAG, AT(no_train), false, NULL, "read everything, and train nothing"},
    {"output-dir", TEXT, AT(output_dir), false, "DIR", "output folder"},
    {"resume", TEXT, AT(resume), false, "DIR", "the output folder whose training goes on"},
    {"root", TEXT, AT(root), false, "DIR", "the folder of all datasets"},
    {"seed", NUMBER, AT(seed), false, "N", "of the few-shot draw, the start and the order"},
    {"source-domains", SEVERAL, AT(source_domains), false, "NAME...", "source domains (no effect)"},
    {"target-domains", SEVERAL, AT(target_domains), false, "NAME...", "target domains (no effect)"},
    {"trainer", TEXT, AT(trainer), false, "NAME",
     "CoOp, CoCoOp, KgCoOp, ProGrad, TCP, ZeroshotCLIP or ZeroshotCLIP2"},
    {"transforms", SEVERAL, AT(transforms), false, "NAME...", "data augmentation (INPUT.TRANSFORMS)"},
    {"cache", TEXT, AT(cache), true, "DIR", "where encoded images are kept (default: coop's cache)"},
    {"quiet", FLAG, AT(quiet), true, NULL, "no progress and no talk on stderr"},
    {"threads", NUMBER, AT(threads), true, "N", "threads (default: one per core)"},
    {"write-split-fewshot", FLAG, AT(write_split_fewshot), true, NULL,
     "write split_fewshot/shot_N-seed_S.pkl, which the original reads"},
};
enum { N_ARGUMENTS = sizeof table / sizeof *table };

/* --- names --- */

/* The option that a word names, cut or not; *value is what follows '='. */
static const Argument *find(const char *word, const char **value, Error *err) {
    const char *name = word + 2, *names[N_ARGUMENTS];
    const size_t n = strcspn(name, "=");
    const Argument *found = NULL;
    *value = name[n] ? name + n + 1 : NULL;
    for (int i = 0; i < N_ARGUMENTS; i++) {
        names[i] = table[i].name;
        if (strncmp(table[i].name, name, n) != 0)
            continue;
        if (!table[i].name[n])
            return &table[i];
        if (found) {
            error_usage(err, "--%.*s: may be --%s or --%s", (int)n, name, found->name, table[i].name);
            return NULL;
        }
        found = &table[i];
    }
    const char *nearest = nearest_word(name, names, N_ARGUMENTS);
    if (!found)
        error_usage(err, "unknown option '%.*s'%s%s%s", (int)n + 2, word, nearest ? " (did you mean '--" : "",
                    nearest ? nearest : "", nearest ? "'?)" : "");
    return found;
}

/* As argparse has it, a number with a minus is no option. */
static bool is_option(const char *word) {
    if (word[0] != '-' || !word[1])
        return false;
    return word[1] < '0' || word[1] > '9';
}

/* --- values --- */

static int read_number(int *number, const Argument *argument, const char *text, Error *err) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (!*text || *end || errno != 0 || value > INT_MAX || value < INT_MIN)
        return error_usage(err, "--%s %s: an integer is needed", argument->name, text);
    *number = (int)value;
    return 0;
}

static int take(Arguments *arguments, const Argument *argument, const char *text, Error *err) {
    void *field = (char *)arguments + argument->offset;
    if (argument->kind == NUMBER)
        return read_number(field, argument, text, err);
    *(const char **)field = text;
    return 0;
}

/* The words up to the next option; at least one. */
static int take_several(Arguments *arguments, const Argument *argument, const char *first, int argc,
                        char **argv, int *at, Arena *arena, Error *err) {
    Words words = {.values = ARENA_NEW(arena, const char *, argc + 1)};
    if (!words.values)
        return error_memory(err);
    if (first)
        words.values[words.n++] = first;
    while (!first && *at < argc && !is_option(argv[*at]))
        words.values[words.n++] = argv[(*at)++];
    if (words.n == 0)
        return error_usage(err, "--%s: at least one value is needed", argument->name);
    *(Words *)((char *)arguments + argument->offset) = words;
    return 0;
}

static int read_option(Arguments *arguments, int argc, char **argv, int *at, Arena *arena, Error *err) {
    const char *word = argv[(*at)++], *value;
    const Argument *argument = word[1] == '-' ? find(word, &value, err) : NULL;
    if (!argument)
        return word[1] == '-' ? -1 : error_usage(err, "unknown option '%s'", word);
    if (argument->kind == FLAG) {
        if (value)
            return error_usage(err, "--%s takes no value", argument->name);
        *(bool *)((char *)arguments + argument->offset) = true;
        return 0;
    }
    if (argument->kind == SEVERAL)
        return take_several(arguments, argument, value, argc, argv, at, arena, err);
    if (!value && (*at >= argc || is_option(argv[*at])))
        return error_usage(err, "--%s: a value is needed", argument->name);
    return take(arguments, argument, value ? value : argv[(*at)++], err);
}

int arguments_parse(Arguments *arguments, int argc, char **argv, Arena *arena, Error *err) {
    *arguments = (Arguments){.seed = -1, .load_epoch = -1};
    for (int i = 0; i < N_ARGUMENTS; i++)
        if (table[i].kind == TEXT)
            *(const char **)((char *)arguments + table[i].offset) = "";
    for (int at = 0; at < argc;) {
        if (!is_option(argv[at])) { /* the rest, whatever it looks like */
            arguments->opts = (Words){.values = (const char **)argv + at, .n = argc - at};
            break;
        }
        if (read_option(arguments, argc, argv, &at, arena, err) < 0)
            return -1;
    }
    if (arguments->threads < 0 || arguments->threads > 1024)
        return error_usage(err, "--threads %d: 1 to 1024 is needed", arguments->threads);
    return 0;
}

/* --- printing --- */

static void print_words(Buffer *out, const Words *words) {
    if (words->n == 0) {
        buffer_puts(out, "None");
        return;
    }
    for (int i = 0; i < words->n; i++) {
        const PyValue text = py_str(words->values[i]);
        buffer_puts(out, i > 0 ? ", " : "[");
        py_print_repr(out, &text);
    }
    buffer_putc(out, ']');
}

static void print_argument(Buffer *out, const Arguments *arguments, const Argument *argument) {
    const void *field = (const char *)arguments + argument->offset;
    for (const char *c = argument->name; *c; c++)
        buffer_putc(out, *c == '-' ? '_' : *c);
    buffer_puts(out, ": ");
    if (argument->kind == TEXT)
        buffer_puts(out, *(const char *const *)field);
    else if (argument->kind == FLAG)
        buffer_puts(out, *(const bool *)field ? "True" : "False");
    else if (argument->kind == SEVERAL)
        print_words(out, field);
    else if (argument->offset == AT(load_epoch) && arguments->load_epoch < 0)
        buffer_puts(out, "None");
    else
        buffer_printf(out, "%d", *(const int *)field);
    buffer_putc(out, '\n');
}

void arguments_print(Buffer *out, const Arguments *arguments) {
    for (int i = 0; i < N_ARGUMENTS; i++) {
        if (table[i].ours)
            continue;
        if (strcmp(table[i].name, "output-dir") == 0) { /* opts stands before it */
            buffer_puts(out, "opts: ");
            if (arguments->opts.n > 0)
                print_words(out, &arguments->opts);
            else
                buffer_puts(out, "[]");
            buffer_putc(out, '\n');
        }
        print_argument(out, arguments, &table[i]);
    }
}

void arguments_help(FILE *out) {
    for (int i = 0; i < N_ARGUMENTS; i++) {
        char name[48];
        snprintf(name, sizeof name, "--%s %s", table[i].name, table[i].argument ? table[i].argument : "");
        fprintf(out, "  %-28s %s\n", name, table[i].help);
    }
}
