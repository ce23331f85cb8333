/* command_original.c: coop train, coop import */
#include "experiments/commands/commands.h"
#include "experiments/original/import.h"
#include "experiments/original/train.h"
#include "experiments/terminal/printable.h"

#include <string.h>

/* argparse's rules are not those of the other commands: options may be cut, and KEY VALUE pairs end them. */
static int run(CommandLine *line, Error *err) {
    Arguments arguments;
    if (line->argc > 0 && (strcmp(line->argv[0], "--help") == 0 || strcmp(line->argv[0], "-h") == 0)) {
        printf("usage: %s\n\n%s\n\noptions:\n", command_train.usage, command_train.summary);
        arguments_help(stdout);
        printf("\n%s\nexample:\n  %s\n", command_train.help, command_train.example);
        return 0;
    }
    if (arguments_parse(&arguments, line->argc, line->argv, line->arena, err) < 0)
        return -1;
    return train_original(&arguments, line->arena, err);
}

static int run_import(CommandLine *line, Error *err) {
    const char *out = NULL;
    Imported imported;
    const Option options[] = {
        {"out", OPTION_TEXT, &out, 0, 0, "DIR", "whose results.jsonl gets them (default: FOLDER)"}};
    int status = command_parse(line, &command_import, options, 1, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    const char *folder = line->words.values[0];
    out = out ? out : folder;
    if (import_logs(&imported, folder, out, line->arena, err) < 0)
        return -1;
    printf("%d result%s imported", imported.n_imported, imported.n_imported == 1 ? "" : "s");
    printf(imported.n_known > 0 ? ", %d known" : "", imported.n_known);
    printf(imported.n_left_out > 0 ? ", %d log%s left out" : "", imported.n_left_out,
           imported.n_left_out == 1 ? "" : "s");
    print_line(stdout, ": coop report %s", out);
    return 0;
}

const Command command_import = {
    .name = "import",
    .usage = "coop import FOLDER [--out DIR]",
    .summary = "take results of the original CoOp code, from the logs that it has left",
    .help = "Reads every log.txt below FOLDER, of CoOp, CoCoOp, KgCoOp, ProGrad, TCP and zero-shot CLIP.\n"
            "What has not finished, or is of another trainer, is named and left out.\n",
    .example = "coop import ~/CoOp/output --out runs/original && coop report runs/original runs/mine",
    .min_words = 1,
    .max_words = 1,
    .run = run_import};

const Command command_train = {
    .name = "train",
    .usage = "coop train [OPTION]... [KEY VALUE]...",
    .summary = "train or test as the original CoOp's train.py does, from its configs into its folders",
    .help =
        "Takes the place of `python train.py` in the scripts of CoOp, KgCoOp, ProGrad and TCP. The output\n"
        "folder gets log.txt, prompt_learner/ and tensorboard/; its subfolder coop is for `coop report`.\n",
    .example = "coop train --root ~/data --seed 1 --trainer CoOp --output-dir output/pets/seed1\n"
               "             --dataset-config-file configs/datasets/oxford_pets.yaml\n"
               "             --config-file configs/trainers/CoOp/rn50_ep50.yaml DATASET.NUM_SHOTS 4",
    .min_words = 0,
    .max_words = ANY_NUMBER,
    .run = run};
