/* command_bench.c: coop bench */
#include "experiments/command.h"

static int run(int argc, char **argv, Arena *arena, Error *err)
{
    CommonOptions common;
    OptionTexts words;
    int status = command_parse(&command_bench, &words, &common, argc, argv, NULL, 0, 0, 0, arena, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    return error_run(err, "not yet");
}

const Command command_bench = {.name = "bench", .usage = "coop bench", .summary = "this machine's speed", .example = "coop bench", .run = run};
