/* command_report.c: coop report */
#include "clip/base/files.h"
#include "experiments/commands/commands.h"
#include "experiments/report/report.h"
#include "experiments/report/report_groups.h"
#include "experiments/report/table.h"

#include <stdio.h>

static int print_group(const ReportGroups *data, const Group *group, Arena *arena, Error *err) {
    const char *backbone = data->n_backbones == 1 ? data->first_backbone : "several backbones";
    const char *title =
        arena_printf(arena, "%s, %s: accuracy in %%, mean ± std over seeds", group->dataset, backbone);
    TableEntry *entries = ARENA_NEW(arena, TableEntry, group->n);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < group->n; i++) {
        const Score *score = &group->scores[i];
        entries[i] = (TableEntry){score->label, score->num_shots, score->seed, score->accuracy};
    }
    TableStyle style = table_style(stdout, title);
    const char *text = table_text(entries, group->n, &style, arena);
    if (!text)
        return error_memory(err);
    fputs(text, stdout);
    return 0;
}

static int rebuild_csv(const char *folder, Arena *arena, Error *err) {
    ResultList results;
    return results_read(&results, folder, arena, err) < 0 ? -1 : results_write_csv(folder, &results, err);
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    const char *path = NULL;
    const Option options[] = {{"out", OPTION_TEXT, &path, 0, 0, "FILE",
                               "the page (default: DIR/report.html; of several folders: report.html here)"}};
    int status = command_parse(line, &command_report, options, 1, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!path)
        path = line->words.n == 1 ? path_join(arena, line->words.values[0], REPORT_FILE) : REPORT_FILE;
    ReportGroups data;
    if (!path)
        return error_memory(err);
    if (report_groups_read(&data, line->words.values, line->words.n, arena, err) < 0 ||
        report_write(path, line->words.values, line->words.n, arena, err) < 0)
        return -1;
    for (int i = 0; i < line->words.n; i++)
        if (rebuild_csv(line->words.values[i], arena, err) < 0)
            return -1;
    for (int g = 0; g < data.n; g++) {
        if (g > 0)
            putchar('\n');
        if (print_group(&data, &data.groups[g], arena, err) < 0)
            return -1;
    }
    if (!line->common.quiet)
        fprintf(stderr, "wrote %s\n", path);
    return 0;
}

const Command command_report = {
    .name = "report",
    .usage = "coop report DIR... [--out FILE]",
    .summary = "tables, curves and one page about the results of one or more experiments",
    .help = "DIR is the output of an experiment. Prints its tables, and rebuilds DIR/results.csv and\n"
            "report.html from DIR/results.jsonl and the folders of the runs; nothing is trained or encoded.\n"
            "Several folders are compared on one page, with the average over their datasets. Curves are\n"
            "drawn by gnuplot where it is installed, else they are tables.\n",
    .example = "coop report runs/demo",
    .min_words = 1,
    .max_words = ANY_NUMBER,
    .run = run};
