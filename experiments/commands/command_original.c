/* command_original.c: coop train */
#include "experiments/commands/commands.h"
#include "experiments/original/train.h"

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
