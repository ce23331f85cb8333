/* command_pretrain.c: coop pretrain */
#include "clip/base/files.h"
#include "experiments/commands/commands.h"
#include "experiments/pretrain/followers.h"
#include "experiments/pretrain/pretrain_keys.h"
#include "experiments/pretrain/pretrain_open.h"
#include "experiments/pretrain/pretrain_plan.h"
#include "experiments/pretrain/pretrain_read.h"
#include "experiments/pretrain/pretrain_run.h"
#include "experiments/pretrain/pretrain_step.h"
#include "experiments/run/lock.h"
#include "experiments/stage/plan.h"
#include "experiments/terminal/printable.h"

/* What is refused has been refused before: from here on the folder is written to. */
static int train(PretrainSession *session, bool quiet, Error *err) {
    Lock *lock = NULL;
    const char *output = session->config->output;
    int status = make_folders(output, err);
    if (status == 0)
        status = lock_take(&lock, output, true, err);
    if (status == 0)
        status = pretrain_run(session, quiet, err);
    lock_release(lock);
    return status;
}

/* A plan that the run would refuse is refused, too: memory is taken as the run would. */
static int plan(const PretrainSession *session, Error *err) {
    PretrainStepper stepper = {0};
    BrokenPairs none = {0};
    const double rate = plan_rate(session->clip->precision, pool_threads(session->pool));
    int status = rate > 0 ? stepper_open(&stepper, session, &none, err) : error_memory(err);
    if (status == 0)
        status = pretrain_plan_print(stdout, session, rate, stepper_bytes(&stepper), err);
    stepper_close(&stepper);
    return status;
}

static int open_and_run(PretrainSession *session, const PretrainConfig *config, const CommandLine *line,
                        bool dry_run, Error *err) {
    RankGroup *ranks = line->ranks;
    const int n_threads = line->common.threads > 0 ? line->common.threads : ranks_threads(ranks);
    if (pretrain_open(session, config, n_threads, ranks, err) < 0)
        return -1;
    for (int i = 0; i < session->remarks.n && !line->common.quiet; i++)
        print_line(stderr, "note: %s", session->remarks.values[i]);
    if (!dry_run)
        return train(session, line->common.quiet, err);
    return plan(session, err);
}

/* Another rank than the first. What it lacks it says when it is asked for something: rank 0 may lack it, too.
 */
static void help(PretrainSession *session, const PretrainConfig *config, int status, const CommandLine *line,
                 Error *err) {
    PretrainStepper stepper = {0};
    BrokenPairs none = {0};
    const int n_threads = line->common.threads > 0 ? line->common.threads : ranks_threads(line->ranks);
    session->ranks = line->ranks;
    if (status == 0)
        status = pretrain_open(session, config, n_threads, line->ranks, err);
    if (status == 0)
        status = stepper_open(&stepper, session, &none, err);
    follow(&stepper, session, status, err);
    stepper_close(&stepper);
}

static int run(CommandLine *line, Error *err) {
    OptionTexts sets = {0};
    bool dry_run = false;
    const Option options[] = {{"set", OPTION_TEXTS, &sets, 0, 0, "KEY=VALUE",
                               "override a key: --set optim.lr=1e-4 --set augment=none"},
                              {"dry-run", OPTION_FLAG, &dry_run, 0, 0, NULL,
                               "print what would be done, what it needs and roughly how long it takes"}};
    int status = command_parse(line, &command_pretrain, options, 2, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    PretrainConfig config = {0};
    PretrainSession session = {0};
    status = pretrain_config_read(&config, line->words.values[0], sets.values, sets.n, line->arena, err);
    if (ranks_index(line->ranks) > 0)
        help(&session, &config, status, line, err);
    else if (status == 0)
        status = open_and_run(&session, &config, line, dry_run, err);
    pretrain_close(&session);
    return status;
}

const Command command_pretrain = {
    .name = "pretrain",
    .usage = "coop pretrain CONFIG.yaml [--set KEY=VALUE]... [--dry-run]",
    .summary = "train a CLIP on pairs of images and captions, from scratch or from a checkpoint",
    .help = "An interrupted training goes on where it was, with the same bits.\n",
    .more_help = pretrain_help,
    .example = "coop pretrain experiments/demo/pretrain.yaml",
    .min_words = 1,
    .max_words = 1,
    .is_shared = true,
    .run = run};
