/* command.c: options and help that all subcommands share. */
#include "experiments/commands/command.h"

#include <errno.h>
#include <string.h>

#define MAX_OPTIONS 32
#define MAX_THREADS 1024

static void print_help(const Command *command, const Option *options, int n_options) {
    printf("usage: %s\n\n%s\n\noptions:\n", command->usage, command->summary);
    options_help(stdout, options, n_options);
    if (command->help)
        printf("\n%s", command->help);
    printf("\nexample:\n  %s\n", command->example);
    if (command->more_help) {
        printf("\n");
        command->more_help(stdout);
    }
}

static bool has_option(const Option *options, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(options[i].name, name) == 0)
            return true;
    return false;
}

/* The usage, which may have several lines, as one. */
static int wrong_words(const Command *command, Arena *arena, Error *err) {
    char *usage = arena_strdup(arena, command->usage), *to = usage;
    if (!usage)
        return error_memory(err);
    for (const char *at = command->usage; *at; at++)
        if (*at == '\n')
            *to++ = ' ';
        else if (*at != ' ' || to[-1] != ' ') /* a usage begins with "coop" */
            *to++ = *at;
    *to = '\0';
    return error_usage(err, "usage: %s", usage);
}

int command_parse(CommandLine *line, const Command *command, const Option *options, int n_options,
                  Error *err) {
    CommonOptions *common = &line->common;
    const Option shared[] = {
        {"threads", OPTION_INT, &common->threads, 1, MAX_THREADS, "N",
         "threads (default: one per core, or a container's share); results do not depend on it"},
        {"quiet", OPTION_FLAG, &common->quiet, 0, 0, NULL, "no progress and no talk on stderr"},
        {"help", OPTION_FLAG, &common->help, 0, 0, NULL, "this text"}};
    Option all[MAX_OPTIONS];
    int n = 0;
    for (int i = 0; i < n_options; i++)
        all[n++] = options[i];
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (!has_option(options, n_options, shared[i].name))
            all[n++] = shared[i];
    for (int i = 0; i < line->argc; i++) /* asking for help goes before any complaint */
        if (strcmp(line->argv[i], "--help") == 0 || strcmp(line->argv[i], "-h") == 0) {
            print_help(command, all, n);
            return 1;
        }
    if (options_parse(&line->words, line->argc, line->argv, all, n, line->arena, err) < 0)
        return -1;
    const bool too_many = command->max_words != ANY_NUMBER && line->words.n > command->max_words;
    if (line->words.n < command->min_words || too_many)
        return wrong_words(command, line->arena, err);
    return 0;
}
