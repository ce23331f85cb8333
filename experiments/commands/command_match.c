/* command_match.c: coop match */
#include "experiments/commands/commands.h"
#include "experiments/retrieve/match.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>

static double percent(int n, const Matches *matches) {
    return 100.0 * n / matches->n;
}

static void print_match(const Matched *found) {
    const Matches *m = &found->matches;
    if (found->pairs)
        print_line(stdout, "%s: %d pairs: text %.2f %%, image %.2f %%, group %.2f %%", found->name, m->n,
                   percent(m->text, m), percent(m->image, m), percent(m->group, m));
    else
        print_line(stdout, "%s: %d images: text %.2f %%", found->name, m->n, percent(m->text, m));
}

static int match(const CommandLine *line, LoadedModel *model, const MatchOptions *options, Error *err) {
    for (int i = 0; i < line->words.n; i++) {
        Matched found;
        Arena *arena = arena_create();
        int status =
            arena ? match_run(&found, model, line->words.values[i], options, arena, err) : error_memory(err);
        if (status == 0)
            print_match(&found);
        arena_free(arena);
        if (status < 0)
            return -1;
    }
    return 0;
}

static int run(CommandLine *line, Error *err) {
    const char *weights = NULL, *activation = NULL, *precision = NULL, *exif = NULL;
    LoadedModelOptions given = {.towers = CLIP_BOTH | CLIP_DIGEST};
    MatchOptions match_options = {0};
    const Option options[] = {
        {"model", OPTION_TEXT, &weights, 0, 0, "FILE|NAME",
         "the checkpoint: a file, its folder, or a name (coop models)"},
        {"images", OPTION_TEXT, &match_options.images, 0, 0, "DIR", "the folder that paths start from"},
        {"out", OPTION_TEXT, &match_options.output, 0, 0, "DIR", "leaves results there, for coop report"},
        OPTION_VOCAB(&given.vocab),
        OPTION_ACTIVATION(&activation),
        OPTION_HEADS(&given.heads),
        OPTION_PRECISION(&precision),
        OPTION_EXIF(&exif)};
    int status = command_parse(line, &command_match, options, 8, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!weights || !match_options.images)
        return error_usage(err, "--model and --images are needed");
    if (cli_activation(&given.activation, activation, err) < 0 ||
        cli_precision(&given.precision, precision, err) < 0 ||
        cli_exif(&match_options.upright, exif, err) < 0)
        return -1;
    match_options.quiet = line->common.quiet;
    given.n_threads = line->common.threads;
    LoadedModel model;
    status = cli_model_open(&model, weights, given, err);
    model.upright = match_options.upright;
    if (status == 0) {
        cli_model_print_note(&model, line->common.quiet);
        status = match(line, &model, &match_options, err);
    }
    loaded_model_close(&model);
    return status;
}

const Command command_match = {
    .name = "match",
    .usage = "coop match --model FILE --images DIR FILE... [--out DIR]",
    .summary = "which of two captions fits: Winoground, SugarCrepe, ARO, own tables",
    .help =
        "FILE is told apart by its content: Winoground's examples.jsonl (text, image and group score),\n"
        "SugarCrepe's and ARO's JSON files (ARO's boxes are cut out), or a table with the columns image,\n"
        "caption and negative_caption. A case is right when the right caption scores higher; equal is "
        "wrong.\n",
    .example = "coop match --model ViT-B/32 --images val2017 swap_att.json swap_obj.json",
    .min_words = 1,
    .max_words = ANY_NUMBER,
    .run = run};
