/* command_report.c: coop report */
#include "clip/base/files.h"
#include "experiments/commands/commands.h"
#include "experiments/report/differences.h"
#include "experiments/report/report.h"
#include "experiments/report/report_groups.h"
#include "experiments/report/report_sections.h"
#include "experiments/results/result_files.h"
#include "experiments/tables/table.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *out, *baseline, *format_name; /* NULL when not given */
    SheetFormat format;
} Request;

/* --- tables --- */

static const char *group_title(const ReportGroups *data, const Group *group, Arena *arena) {
    const char *backbone = data->n_backbones == 1 ? data->first_backbone : "several backbones";
    const char *what = group_is_measures(group) ? "in %" : "accuracy in %, mean ± std over seeds";
    return arena_printf(arena, "%s, %s: %s", group->dataset, backbone, what);
}

static int print_group(const ReportGroups *data, const Group *group, Arena *arena, Error *err) {
    const char *title = group_title(data, group, arena);
    TableEntry *entries = ARENA_NEW(arena, TableEntry, group->n);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < group->n; i++) {
        const Score *score = &group->scores[i];
        entries[i] = (TableEntry){score->label, score->num_shots, score->seed, score->accuracy};
    }
    TableStyle style = table_style(stdout, title);
    style.measures = group_is_measures(group);
    const char *text = table_text(entries, group->n, &style, arena);
    if (!text)
        return error_memory(err);
    fputs(text, stdout);
    return 0;
}

static int print_groups(const ReportGroups *data, Arena *arena, Error *err) {
    for (int g = 0; g < data->n; g++) {
        if (g > 0)
            putchar('\n');
        if (print_group(data, &data->groups[g], arena, err) < 0)
            return -1;
    }
    return 0;
}

static int print_sheets(const Sheet *sheets, int n, SheetFormat format, Arena *arena, Error *err) {
    Buffer out = {0};
    sheets_write(&out, sheets, n, format, table_style(stdout, NULL).width, arena);
    const char *text = arena_failed(arena) ? NULL : buffer_text(&out);
    if (text)
        fputs(text, stdout);
    buffer_free(&out);
    return text ? 0 : error_memory(err);
}

/* Below the tables of accuracies, as much as a glance takes in; all that was asked for by a baseline. */
static int print_differences(const Differences *differences, bool all, Arena *arena, Error *err) {
    Sheet *sheets = ARENA_NEW(arena, Sheet, differences->n);
    int n = 0;
    for (int i = 0; sheets && i < differences->n; i++)
        if (all || differences->brief[i])
            sheets[n++] = differences->sheets[i];
    if (n > 0)
        putchar('\n');
    return print_sheets(sheets, n, SHEET_TEXT, arena, err);
}

/* Accuracies and differences, of which the first are sheets here too. */
static int print_formatted(const ReportGroups *data, const Differences *differences, SheetFormat format,
                           Arena *arena, Error *err) {
    Sheet *sheets = ARENA_NEW(arena, Sheet, data->n + differences->n);
    if (!sheets)
        return error_memory(err);
    for (int g = 0; g < data->n; g++) {
        sheets[g] = cells_sheet(&data->groups[g].cells, arena);
        if (group_is_measures(&data->groups[g]))
            sheets[g].columns[0] = "measure";
        sheets[g].name = arena_printf(arena, "accuracy-%s", data->groups[g].dataset);
        sheets[g].caption = group_title(data, &data->groups[g], arena);
    }
    memcpy(sheets + data->n, differences->sheets, (size_t)differences->n * sizeof *sheets);
    return arena_failed(arena) ? error_memory(err)
                               : print_sheets(sheets, data->n + differences->n, format, arena, err);
}

static int print_tables(const ReportGroups *data, const Request *request, Arena *arena, Error *err) {
    Differences differences;
    if (differences_find(&differences, data, request->baseline, arena, err) < 0)
        return -1;
    if (request->format != SHEET_TEXT) {
        if (print_formatted(data, &differences, request->format, arena, err) < 0)
            return -1;
    } else if (print_groups(data, arena, err) < 0 ||
               print_differences(&differences, request->baseline, arena, err) < 0)
        return -1;
    fflush(stdout); /* the tables first, also where both streams go to one file */
    for (int i = 0; i < differences.n_notes && (request->baseline || request->format != SHEET_TEXT); i++)
        print_line(stderr, "note: %s", differences.notes[i]);
    return 0;
}

/* --- files --- */

/* The folder may be read-only: the tables are worth having all the same. */
static int say_unwritten(const Error *why, const char *what, Error *err) {
    if (why->is_memory) {
        *err = *why;
        return -1;
    }
    fprintf(stderr, "note: %s; %s\n", why->text, what);
    return 0;
}

/* A page that was asked for by name must come about; the one beside the results need not. */
static int write_page(const CommandLine *line, const Request *request, Error *err) {
    Arena *arena = line->arena;
    const char *out = request->out;
    const char *path = out ? out : REPORT_FILE;
    if (!out && line->words.n == 1)
        path = path_join(arena, line->words.values[0], REPORT_FILE);
    if (!path)
        return error_memory(err);
    Buffer page = {0};
    Error why = {0};
    int status = report_make(&page, line->words.values, line->words.n, request->baseline, arena, err);
    bool written = status == 0 && file_write(path, buffer_text(&page), page.size, &why) == 0;
    buffer_free(&page);
    if (written && !line->common.quiet)
        print_line(stderr, "wrote %s", path);
    if (status < 0 || written)
        return status;
    if (!out)
        return say_unwritten(&why, "the page is not written (--out FILE puts it elsewhere)", err);
    *err = why;
    return -1;
}

/* Says what a page should not be trusted in; `coop run` mends it. */
static int tell_faults(const char *folder, Arena *arena, Error *err) {
    ResultList results;
    if (results_read(&results, folder, arena, err) < 0)
        return -1;
    for (int i = 0; i < results.n_faults && results.n > 0; i++) /* without results the first is an error */
        print_line(stderr, "note: %s; it is left out", results.faults[i]);
    const char *aside = results_aside(&results, folder, arena);
    if (aside)
        print_line(stderr, "note: %s", aside);
    TextMap latest = {.arena = arena}; /* results of folders: an earlier configuration's files are gone */
    for (int i = 0; i < results.n; i++)
        if (results.results[i].folder)
            text_map_put(&latest, results.results[i].folder, i);
    for (int i = 0; i < results.n; i++) {
        const char *own = results.results[i].folder;
        const int *last = own ? text_map_find(&latest, own) : NULL;
        const char *fault = NULL;
        if (last && *last == i && result_files_fault(&fault, &results.results[i], folder, arena, err) < 0)
            return -1;
        if (fault)
            print_line(stderr, "note: %s", fault);
    }
    return arena_failed(arena) ? error_memory(err) : 0;
}

static int rebuild_csv(const char *folder, Arena *arena, Error *err) {
    ResultList results;
    Error why = {0};
    if (results_read(&results, folder, arena, err) < 0)
        return -1;
    return results_write_csv(folder, &results, &why) < 0 ? say_unwritten(&why, "the file is not rebuilt", err)
                                                         : 0;
}

static int read_format(Request *request, Error *err) {
    for (int i = 0; i < N_SHEET_FORMATS; i++)
        if (!request->format_name || strcmp(request->format_name, SHEET_FORMATS[i]) == 0) {
            request->format = (SheetFormat)i;
            return 0;
        }
    return error_usage(err, "--format %s: known are text, latex and markdown", request->format_name);
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    Request request = {0};
    const Option options[] = {{"out", OPTION_TEXT, &request.out, 0, 0, "FILE",
                               "the page (default: DIR/report.html; of several folders: report.html here)"},
                              {"baseline", OPTION_TEXT, &request.baseline, 0, 0, "LABEL",
                               "the row that differences are from (default: the best)"},
                              {"format", OPTION_TEXT, &request.format_name, 0, 0, "NAME",
                               "of the tables: text (default), latex, markdown"}};
    int status = command_parse(line, &command_report, options, 3, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (read_format(&request, err) < 0)
        return -1;
    ReportGroups data;
    for (int i = 0; i < line->words.n; i++)
        if (tell_faults(line->words.values[i], arena, err) < 0)
            return -1;
    if (report_groups_read(&data, line->words.values, line->words.n, arena, err) < 0 ||
        print_tables(&data, &request, arena, err) < 0)
        return -1;
    for (int i = 0; i < line->words.n && request.format == SHEET_TEXT; i++)
        if (rebuild_csv(line->words.values[i], arena, err) < 0)
            return -1;
    return request.format == SHEET_TEXT || request.out ? write_page(line, &request, err) : 0;
}

const Command command_report = {
    .name = "report",
    .usage = "coop report DIR... [--format NAME] [--baseline LABEL] [--out FILE]",
    .summary = "tables, curves and one page about the results of one or more experiments",
    .help =
        "DIR is the output of an experiment. Prints its tables, and rebuilds DIR/results.csv and\n"
        "report.html from DIR/results.jsonl and the folders of the runs; nothing is trained or encoded.\n"
        "Several folders are compared on one page, with the average over their datasets. Curves are\n"
        "drawn by gnuplot where it is installed, else they are tables.\n"
        "Below the accuracies stand, at the most shots, the differences of all rows from the best, with\n"
        "the 95 % interval of Student's t for paired differences: of several datasets the datasets are\n"
        "the pairs (seeds are averaged first), of one its seeds. Each interval stands for itself: among\n"
        "twenty, one may well be off. Several datasets also have average ranks, with Friedman's test and\n"
        "Nemenyi's critical difference (Demsar, 2006). Rows that do not train stand at all numbers of\n"
        "shots. The page has all numbers of shots, as does the text with --baseline LABEL.\n"
        "--format latex (for \\usepackage{booktabs}) or markdown prints all these tables to be redirected\n"
        "into a file; then nothing is written but the FILE of --out, and notes go to stderr.\n"
        "Where DIR must not be written to, the tables are printed all the same, a note on stderr says\n"
        "which file is not written and why, and the exit status is 0. It is 4 when the FILE of --out\n"
        "cannot be written.\n",
    .example = "coop report runs/demo",
    .min_words = 1,
    .max_words = ANY_NUMBER,
    .run = run};
