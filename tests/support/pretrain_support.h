/* pretrain_support.h: a pretraining small enough for a test: 48 drawings with captions, a tower of two
 * layers of width 32 each. */
#ifndef TESTS_SUPPORT_PRETRAIN_SUPPORT_H
#define TESTS_SUPPORT_PRETRAIN_SUPPORT_H

#include "tests/support/cli_support.h"

#define PRETRAIN_IMAGES "experiments/demo/camouflage/images"
#define PRETRAIN_PAIRS 48

/* SCRATCH/model.json (a ViT, or instead a ResNet) and SCRATCH/pairs.tsv, as the next names them. */
void pretrain_write_model(Cli *cli);
void pretrain_write_resnet(Cli *cli);
void pretrain_write_pairs(Cli *cli);

/* Both, and SCRATCH/NAME.yaml with output SCRATCH/NAME, 3 epochs of 4 steps of 12 pairs; rest is what
 * follows, other keys of the top level. Returns its path. */
const char *pretrain_config(Cli *cli, const char *name, const char *rest);

/* The same bytes in the checkpoints and events of two runs, and the same numbers but for the times in
 * metrics.jsonl. */
void pretrain_assert_same(Cli *cli, const char *a, const char *b, int epochs);

#endif
