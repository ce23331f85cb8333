/* command_match.c: coop match */
#include "experiments/commands/commands.h"
#include "experiments/retrieve/match.h"
#include "experiments/session/cli_model.h"

static int print_json(const ScoreList *lists, const MatchOptions *options, const char *const *models,
                      Error *err) {
    const int n_models = options->checkpoints.weights.n;
    for (int m = 0; m < n_models; m++)
        for (int i = 0; i < options->n_files; i++) {
            json_begin();
            if (score_list_print_json(&lists[i * n_models + m], models[m], NULL, err) < 0)
                return -1;
        }
    return 0;
}

static int run(CommandLine *line, Error *err) {
    const char *activation = NULL, *precision = NULL, *exif = NULL;
    OptionTexts weights = {0};
    bool json = false;
    MatchOptions given = {0};
    const Option options[] = {
        {"model", OPTION_TEXTS, &weights, 0, 0, "FILE|NAME",
         "the checkpoint: a file, its folder, or a name (coop models); several stand side by side"},
        {"images", OPTION_TEXT, &given.images, 0, 0, "DIR", "the folder that paths start from"},
        {"tags", OPTION_TEXT, &given.tags, 0, 0, "FILE",
         "of Winoground: more tags, {\"ID\": [\"Unusual Image\"]}; scores of each are shown"},
        {"out", OPTION_TEXT, &given.output, 0, 0, "DIR", "leaves results there, for coop report"},
        {"json", OPTION_FLAG, &json, 0, 0, NULL,
         "an object per checkpoint and file, with every relation of ARO"},
        OPTION_VOCAB(&given.checkpoints.vocab),
        OPTION_ACTIVATION(&activation),
        OPTION_HEADS(&given.checkpoints.heads),
        OPTION_PRECISION(&precision),
        OPTION_EXIF(&exif)};
    int status = command_parse(line, &command_match, options, 10, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (weights.n == 0 || !given.images)
        return error_usage(err, "--model and --images are needed");
    if (cli_activation(&given.checkpoints.activation, activation, err) < 0 ||
        cli_precision(&given.checkpoints.precision, precision, err) < 0 ||
        cli_exif(&given.upright, exif, err) < 0)
        return -1;
    given.checkpoints.weights = (TextList){weights.values, weights.n};
    given.files = line->words.values;
    given.n_files = line->words.n;
    given.n_threads = line->common.threads;
    given.quiet = line->common.quiet;
    ScoreList *lists;
    const char **models;
    if (match_run(&lists, &models, &given, line->arena, err) < 0)
        return -1;
    if (json)
        return print_json(lists, &given, models, err);
    score_table_print(lists, given.n_files, models, weights.n, line->arena);
    return 0;
}

const Command command_match = {
    .name = "match",
    .usage =
        "coop match --model FILE [--model FILE]... --images DIR FILE... [--tags FILE] [--out DIR] [--json]",
    .summary = "which of two captions fits: Winoground, SugarCrepe, ARO, own tables",
    .help =
        "FILE is told apart by its content: Winoground's examples.jsonl (text, image and group score, of "
        "each\n"
        "tag, too), SugarCrepe's and ARO's JSON files (ARO's boxes are cut out, and accuracy is averaged "
        "over\n"
        "relations or pairs of attributes, too), or a table with the columns image, caption, "
        "negative_caption\n"
        "and maybe tag. A case is right when the right caption scores higher; equal is wrong (but in ARO's\n"
        "orders, whose evaluation takes the first).\n",
    .example = "coop match --model ViT-B/32 --images val2017 swap_att.json swap_obj.json",
    .min_words = 1,
    .max_words = ANY_NUMBER,
    .run = run};
