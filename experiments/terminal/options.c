/* options.c: see options.h */
#include "experiments/terminal/options.h"

#include "clip/base/nearest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 32

static const Option *find_option(const Option *options, int n, const char *name, size_t length) {
    for (int i = 0; i < n; i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

static int unknown_option(const char *word, size_t length, const Option *options, int n, Error *err) {
    const char *names[MAX_OPTIONS];
    char given[64];
    snprintf(given, sizeof given, "%.*s", (int)length, word);
    for (int i = 0; i < n && i < MAX_OPTIONS; i++)
        names[i] = options[i].name;
    const char *nearest = nearest_word(given, names, n);
    if (nearest)
        return error_usage(err, "unknown option --%s (did you mean --%s?)", given, nearest);
    return error_usage(err, "unknown option --%s", given);
}

static int set_int(const Option *option, const char *text, Error *err) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno || value < option->min || value > option->max)
        return error_usage(err, "--%s %s: a whole number from %d to %d is needed", option->name, text,
                           option->min, option->max);
    *(int *)option->value = (int)value;
    return 0;
}

static int set_option(const Option *option, const char *text, Error *err) {
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->value = true;
        return 0;
    case OPTION_INT:
        return set_int(option, text, err);
    case OPTION_TEXT:
        *(const char **)option->value = text;
        return 0;
    case OPTION_TEXTS: {
        OptionTexts *texts = option->value;
        texts->values[texts->n++] = text;
        return 0;
    }
    }
    return 0;
}

int options_parse(OptionTexts *words, int argc, char **argv, const Option *options, int n_options,
                  Arena *arena, Error *err) {
    words->values = ARENA_NEW(arena, const char *, argc + 1);
    words->n = 0;
    for (int i = 0; i < n_options; i++)
        if (options[i].kind == OPTION_TEXTS)
            ((OptionTexts *)options[i].value)->values = ARENA_NEW(arena, const char *, argc + 1);
    if (arena_failed(arena))
        return error_memory(err);
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-' || word[1] == '\0') {
            words->values[words->n++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_words = true;
            continue;
        }
        if (word[1] != '-')
            return error_usage(err, "unknown option %s (options begin with --)", word);
        const char *name = word + 2, *equals = strchr(name, '=');
        size_t length = equals ? (size_t)(equals - name) : strlen(name);
        const Option *option = find_option(options, n_options, name, length);
        if (!option)
            return unknown_option(name, length, options, n_options, err);
        const char *text = equals ? equals + 1 : NULL;
        if (option->kind == OPTION_FLAG && text)
            return error_usage(err, "--%s takes no value", option->name);
        if (option->kind != OPTION_FLAG && !text && i + 1 == argc)
            return error_usage(err, "--%s needs a value: --%s %s", option->name, option->name,
                               option->argument);
        if (option->kind != OPTION_FLAG && !text)
            text = argv[++i];
        if (set_option(option, text, err) < 0)
            return -1;
    }
    return 0;
}

void options_help(FILE *out, const Option *options, int n_options) {
    for (int i = 0; i < n_options; i++) {
        char left[48];
        snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].argument ? " " : "",
                 options[i].argument ? options[i].argument : "");
        fprintf(out, "  %-22s %s\n", left, options[i].help);
    }
}
