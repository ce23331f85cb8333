/* commands.h: the subcommands of `coop`, a file each. */
#ifndef EXPERIMENTS_COMMANDS_COMMANDS_H
#define EXPERIMENTS_COMMANDS_COMMANDS_H

#include "experiments/commands/command.h"

extern const Command command_init, command_run, command_eval, command_classify, command_zeroshot,
    command_words, command_encode, command_inspect, command_export, command_models, command_datasets,
    command_report, command_bench, command_pretrain, command_check, command_retrieve, command_train,
    command_index, command_search, command_import, command_match, command_ask, command_serve;

#endif
