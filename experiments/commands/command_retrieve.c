/* command_retrieve.c: coop retrieve */
#include "experiments/commands/commands.h"
#include "experiments/retrieve/retrieve.h"
#include "experiments/retrieve/retrieve_keys.h"
#include "experiments/retrieve/retrieve_read.h"
#include "experiments/terminal/printable.h"

static int run(CommandLine *line, Error *err) {
    OptionTexts sets = {0};
    bool json = false;
    const Option options[] = {{"set", OPTION_TEXTS, &sets, 0, 0, "KEY=VALUE",
                               "override a key: --set data.split=val --set model.weights=RN50"},
                              {"json", OPTION_FLAG, &json, 0, 0, NULL, "an object per checkpoint and line"}};
    int status = command_parse(line, &command_retrieve, options, 2, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    RetrieveConfig config;
    Retrieval retrieval;
    const bool quiet = line->common.quiet;
    if (retrieve_config_read(&config, line->words.values[0], sets.values, sets.n, line->arena, err) < 0 ||
        retrieve_run(&retrieval, &config, line->common.threads, quiet, line->arena, err) < 0 ||
        retrieve_print(&retrieval, json, line->arena, err) < 0)
        return -1;
    if (!quiet)
        print_line(stderr, "results: %s/results.jsonl (coop report %s)", config.output, config.output);
    return 0;
}

const Command command_retrieve = {
    .name = "retrieve",
    .usage = "coop retrieve CONFIG.yaml [--set KEY=VALUE]... [--json]",
    .summary = "how well captions find their images, and images their captions",
    .help = "Recall at 1, 5 and 10, mean and median rank, in both directions, of one checkpoint or several.\n"
            "A query counts as found at K when any of its answers is among the first K, as CLIP_benchmark\n"
            "counts. Encoded images are kept as those of an experiment are.\n",
    .more_help = retrieve_help,
    .example = "coop retrieve experiments/demo/retrieve.yaml",
    .min_words = 1,
    .max_words = 1,
    .run = run};
