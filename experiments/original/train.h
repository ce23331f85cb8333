/* train.h: the original's train.py: from its command line to the folder that it leaves.
 *
 * OUTPUT_DIR gets log.txt, prompt_learner/ and tensorboard/ as the original has them. Its subfolder coop is
 * the output of an experiment of this one point: results.jsonl for `coop report`, and the state from which
 * the same command goes on after an interruption.
 */
#ifndef EXPERIMENTS_ORIGINAL_TRAIN_H
#define EXPERIMENTS_ORIGINAL_TRAIN_H

#include "experiments/original/arguments.h"

int train_original(const Arguments *arguments, Arena *arena, Error *err);

#endif
