/* pretrain_session.h: what a pretraining is made of: the model, its vocabulary, the pairs. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_SESSION_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_SESSION_H

#include "clip/text/tokenizer.h"
#include "clip/train/contrastive_trainer.h"
#include "clip/train/parameter_optimizer.h"
#include "datasets/images/transform.h"
#include "datasets/lists/dataset.h"
#include "datasets/pairs/pairs.h"
#include "experiments/pretrain/pretrain_config.h"
#include "experiments/ranks/ranks.h"

typedef struct {
    const PretrainConfig *config;
    RankGroup *ranks;    /* who share each step */
    PretrainOptim optim; /* with beta2 and eps filled in */
    Pool *pool;
    TrainableClip *clip;
    Tokenizer *tokenizer;
    const char *vocabulary; /* path of its file */
    PairSource *train, *val;
    struct {
        Dataset dataset;
        PairSource *images; /* its test images; the caption of each is the number of its class */
    } zeroshot;
    int effective_batch; /* pairs of a step */
    int steps_per_epoch;
    const char *identity; /* all that the numbers depend on (pretrain_state.h) */
    TextList remarks;     /* what should be known, a line each */
    int remarks_capacity;
    Arena *arena;
} PretrainSession;

#endif
