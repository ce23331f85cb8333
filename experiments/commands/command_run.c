/* command_run.c: coop run */
#include "experiments/commands/commands.h"
#include "experiments/config/config_keys.h"
#include "experiments/crew/rank_work.h"
#include "experiments/crew/stage_in.h"
#include "experiments/methods/methods.h"
#include "experiments/run/run.h"

static void print_keys(FILE *out) {
    experiment_help(out, method_list());
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    OptionTexts sets = {0};
    bool dry_run = false, stage_in = false;
    int jobs = 1;
    const Option options[] = {
        {"set", OPTION_TEXTS, &sets, 0, 0, "KEY=VALUE",
         "override a key: --set optim.lr=0.01 --set grid.seed=[1,2]"},
        {"jobs", OPTION_INT, &jobs, 1, 1024, "N", "points side by side, sharing threads and memory (1)"},
        {"dry-run", OPTION_FLAG, &dry_run, 0, 0, NULL,
         "print the points and roughly how long they will take"},
        {"stage-in", OPTION_FLAG, &stage_in, 0, 0, NULL,
         "rank 0 sends the checkpoint to the others: MPI alone"}};
    int status = command_parse(line, &command_run, options, 4, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    RankGroup *ranks = line->ranks;
    const int n_threads = line->common.threads > 0 ? line->common.threads : ranks_threads(ranks);
    if (ranks_count(ranks) > 1 && jobs > 1)
        return error_usage(err, "--jobs %d: each rank runs one point at a time; start more ranks instead",
                           jobs);
    if (ranks_index(ranks) > 0) {
        const RankStudy source = {line->words.values[0], sets.values, sets.n,
                                  method_list(),         n_threads,   stage_in};
        rank_work(ranks, &source, arena);
        return 0;
    }
    Study study;
    if (study_read(&study, line->words.values[0], sets.values, sets.n, method_list(), arena, err) < 0)
        return -1;
    RunOptions run_options = {.n_threads = n_threads,
                              .n_jobs = jobs,
                              .quiet = line->common.quiet,
                              .dry_run = dry_run,
                              .ranks = ranks};
    Staged staged = {0};
    if (stage_in && !dry_run && ranks_count(ranks) > 1 &&
        stage_in_give(&staged, &study, ranks, arena, err) < 0) {
        stage_in_close(&staged);
        return -1;
    }
    status = study_run(&study, &run_options, err);
    stage_in_close(&staged);
    return status;
}

const Command command_run = {
    .name = "run",
    .usage = "coop run EXPERIMENT.yaml [--set KEY=VALUE]... [--jobs N] [--dry-run] [--stage-in]",
    .summary = "run an experiment, or finish it; prints the table of its results",
    .help = "Finished points are skipped, interrupted ones are finished.\n",
    .more_help = print_keys,
    .example = "coop run experiments/demo/demo.yaml --set grid.num_shots=[1,16]",
    .min_words = 1,
    .max_words = 1,
    .is_shared = true,
    .run = run};
