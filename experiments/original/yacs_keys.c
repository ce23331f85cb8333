/* yacs_keys.c: the keys of a config of the original code, with their defaults, and what becomes of each here.
 *
 * Names and defaults are those of Dassl's config (dassl/config/defaults.py) and of extend_cfg in the train.py
 * of CoOp, KgCoOp, ProGrad and TCP. Those of the other trainers of Dassl have no effect on these, there
 * either.
 */
#include "experiments/original/yacs_keys.h"

#include <string.h>

#define HONOURED YACS_HONOURED
#define SAID YACS_SAID
#define FIXED YACS_FIXED
#define IDLE YACS_IDLE
#define ANY YACS_ANY_CODE
#define FIRST YACS_COOP_CODE
#define LATER YACS_LATER_CODE

static const YacsKey keys[] = {
    {"VERSION", "1", IDLE, ANY},
    {"OUTPUT_DIR", "'./output'", HONOURED, ANY},
    {"RESUME", "''", HONOURED, ANY},
    {"SEED", "-1", HONOURED, ANY},
    {"USE_CUDA", "True", SAID, ANY},
    {"VERBOSE", "True", HONOURED, ANY},
    {"INPUT.SIZE", "(224, 224)", HONOURED, ANY},
    {"INPUT.INTERPOLATION", "'bilinear'", HONOURED, ANY},
    {"INPUT.TRANSFORMS", "()", HONOURED, ANY},
    {"INPUT.NO_TRANSFORM", "False", FIXED, ANY},
    {"INPUT.PIXEL_MEAN", "[0.485, 0.456, 0.406]", HONOURED, ANY},
    {"INPUT.PIXEL_STD", "[0.229, 0.224, 0.225]", HONOURED, ANY},
    {"INPUT.CROP_PADDING", "4", IDLE, ANY},
    {"INPUT.RRCROP_SCALE", "(0.08, 1.0)", FIXED, ANY},
    {"INPUT.CUTOUT_N", "1", IDLE, ANY},
    {"INPUT.CUTOUT_LEN", "16", IDLE, ANY},
    {"INPUT.GN_MEAN", "0.0", IDLE, ANY},
    {"INPUT.GN_STD", "0.15", IDLE, ANY},
    {"INPUT.RANDAUGMENT_N", "2", IDLE, ANY},
    {"INPUT.RANDAUGMENT_M", "10", IDLE, ANY},
    {"INPUT.COLORJITTER_B", "0.4", IDLE, ANY},
    {"INPUT.COLORJITTER_C", "0.4", IDLE, ANY},
    {"INPUT.COLORJITTER_S", "0.4", IDLE, ANY},
    {"INPUT.COLORJITTER_H", "0.1", IDLE, ANY},
    {"INPUT.RGS_P", "0.2", IDLE, ANY},
    {"INPUT.GB_P", "0.5", IDLE, ANY},
    {"INPUT.GB_K", "21", IDLE, ANY},
    {"DATASET.ROOT", "''", HONOURED, ANY},
    {"DATASET.NAME", "''", HONOURED, ANY},
    {"DATASET.SOURCE_DOMAINS", "()", HONOURED, ANY},
    {"DATASET.TARGET_DOMAINS", "()", HONOURED, ANY},
    {"DATASET.NUM_LABELED", "-1", IDLE, ANY},
    {"DATASET.NUM_SHOTS", "-1", HONOURED, ANY},
    {"DATASET.VAL_PERCENT", "0.1", IDLE, ANY},
    {"DATASET.STL10_FOLD", "-1", IDLE, ANY},
    {"DATASET.CIFAR_C_TYPE", "''", IDLE, ANY},
    {"DATASET.CIFAR_C_LEVEL", "1", IDLE, ANY},
    {"DATASET.ALL_AS_UNLABELED", "False", IDLE, ANY},
    {"DATALOADER.NUM_WORKERS", "4", SAID, ANY},
    {"DATALOADER.K_TRANSFORMS", "1", FIXED, ANY},
    {"DATALOADER.RETURN_IMG0", "False", IDLE, ANY},
    {"DATALOADER.TRAIN_X.SAMPLER", "'RandomSampler'", FIXED, ANY},
    {"DATALOADER.TRAIN_X.BATCH_SIZE", "32", HONOURED, ANY},
    {"DATALOADER.TRAIN_X.N_DOMAIN", "0", IDLE, ANY},
    {"DATALOADER.TRAIN_X.N_INS", "16", IDLE, ANY},
    {"DATALOADER.TRAIN_U.SAME_AS_X", "True", IDLE, ANY},
    {"DATALOADER.TRAIN_U.SAMPLER", "'RandomSampler'", IDLE, ANY},
    {"DATALOADER.TRAIN_U.BATCH_SIZE", "32", IDLE, ANY},
    {"DATALOADER.TRAIN_U.N_DOMAIN", "0", IDLE, ANY},
    {"DATALOADER.TRAIN_U.N_INS", "16", IDLE, ANY},
    {"DATALOADER.TEST.SAMPLER", "'SequentialSampler'", FIXED, ANY},
    {"DATALOADER.TEST.BATCH_SIZE", "32", IDLE, ANY},
    {"MODEL.INIT_WEIGHTS", "''", HONOURED, ANY},
    {"MODEL.BACKBONE.NAME", "''", HONOURED, ANY},
    {"MODEL.BACKBONE.PRETRAINED", "True", FIXED, ANY},
    {"MODEL.HEAD.NAME", "''", IDLE, ANY},
    {"MODEL.HEAD.HIDDEN_LAYERS", "()", IDLE, ANY},
    {"MODEL.HEAD.ACTIVATION", "'relu'", IDLE, ANY},
    {"MODEL.HEAD.BN", "True", IDLE, ANY},
    {"MODEL.HEAD.DROPOUT", "0.0", IDLE, ANY},
    {"OPTIM.NAME", "'adam'", HONOURED, ANY},
    {"OPTIM.LR", "0.0003", HONOURED, ANY},
    {"OPTIM.WEIGHT_DECAY", "0.0005", HONOURED, ANY},
    {"OPTIM.MOMENTUM", "0.9", HONOURED, ANY},
    {"OPTIM.SGD_DAMPNING", "0", FIXED, ANY},
    {"OPTIM.SGD_NESTEROV", "False", FIXED, ANY},
    {"OPTIM.RMSPROP_ALPHA", "0.99", HONOURED, ANY},
    {"OPTIM.ADAM_BETA1", "0.9", HONOURED, ANY},
    {"OPTIM.ADAM_BETA2", "0.999", HONOURED, ANY},
    {"OPTIM.STAGED_LR", "False", FIXED, ANY},
    {"OPTIM.NEW_LAYERS", "()", IDLE, ANY},
    {"OPTIM.BASE_LR_MULT", "0.1", IDLE, ANY},
    {"OPTIM.LR_SCHEDULER", "'single_step'", HONOURED, ANY},
    {"OPTIM.STEPSIZE", "(-1,)", HONOURED, ANY},
    {"OPTIM.GAMMA", "0.1", HONOURED, ANY},
    {"OPTIM.MAX_EPOCH", "10", HONOURED, ANY},
    {"OPTIM.WARMUP_EPOCH", "-1", HONOURED, ANY},
    {"OPTIM.WARMUP_TYPE", "'linear'", HONOURED, ANY},
    {"OPTIM.WARMUP_CONS_LR", "1e-05", HONOURED, ANY},
    {"OPTIM.WARMUP_MIN_LR", "1e-05", HONOURED, ANY},
    {"OPTIM.WARMUP_RECOUNT", "True", FIXED, ANY},
    {"TRAIN.CHECKPOINT_FREQ", "0", HONOURED, ANY},
    {"TRAIN.PRINT_FREQ", "10", HONOURED, ANY},
    {"TRAIN.COUNT_ITER", "'train_x'", IDLE, ANY},
    {"TEST.EVALUATOR", "'Classification'", FIXED, ANY},
    {"TEST.PER_CLASS_RESULT", "False", HONOURED, ANY},
    {"TEST.COMPUTE_CMAT", "False", HONOURED, ANY},
    {"TEST.NO_TEST", "False", HONOURED, ANY},
    {"TEST.SPLIT", "'test'", HONOURED, ANY},
    {"TEST.FINAL_MODEL", "'last_step'", HONOURED, ANY},
    {"TRAINER.NAME", "''", HONOURED, ANY},
    {"TRAINER.MCD.N_STEP_F", "4", IDLE, ANY},
    {"TRAINER.MME.LMDA", "0.1", IDLE, ANY},
    {"TRAINER.CDAC.CLASS_LR_MULTI", "10", IDLE, ANY},
    {"TRAINER.CDAC.RAMPUP_COEF", "30", IDLE, ANY},
    {"TRAINER.CDAC.RAMPUP_ITRS", "1000", IDLE, ANY},
    {"TRAINER.CDAC.TOPK_MATCH", "5", IDLE, ANY},
    {"TRAINER.CDAC.P_THRESH", "0.95", IDLE, ANY},
    {"TRAINER.CDAC.STRONG_TRANSFORMS", "()", IDLE, ANY},
    {"TRAINER.SE.EMA_ALPHA", "0.999", IDLE, ANY},
    {"TRAINER.SE.CONF_THRE", "0.95", IDLE, ANY},
    {"TRAINER.SE.RAMPUP", "300", IDLE, ANY},
    {"TRAINER.M3SDA.LMDA", "0.5", IDLE, ANY},
    {"TRAINER.M3SDA.N_STEP_F", "4", IDLE, ANY},
    {"TRAINER.DAEL.WEIGHT_U", "0.5", IDLE, ANY},
    {"TRAINER.DAEL.CONF_THRE", "0.95", IDLE, ANY},
    {"TRAINER.DAEL.STRONG_TRANSFORMS", "()", IDLE, ANY},
    {"TRAINER.CROSSGRAD.EPS_F", "1.0", IDLE, ANY},
    {"TRAINER.CROSSGRAD.EPS_D", "1.0", IDLE, ANY},
    {"TRAINER.CROSSGRAD.ALPHA_F", "0.5", IDLE, ANY},
    {"TRAINER.CROSSGRAD.ALPHA_D", "0.5", IDLE, ANY},
    {"TRAINER.DDAIG.G_ARCH", "''", IDLE, ANY},
    {"TRAINER.DDAIG.LMDA", "0.3", IDLE, ANY},
    {"TRAINER.DDAIG.CLAMP", "False", IDLE, ANY},
    {"TRAINER.DDAIG.CLAMP_MIN", "-1.0", IDLE, ANY},
    {"TRAINER.DDAIG.CLAMP_MAX", "1.0", IDLE, ANY},
    {"TRAINER.DDAIG.WARMUP", "0", IDLE, ANY},
    {"TRAINER.DDAIG.ALPHA", "0.5", IDLE, ANY},
    {"TRAINER.DAELDG.WEIGHT_U", "0.5", IDLE, ANY},
    {"TRAINER.DAELDG.CONF_THRE", "0.95", IDLE, ANY},
    {"TRAINER.DAELDG.STRONG_TRANSFORMS", "()", IDLE, ANY},
    {"TRAINER.DOMAINMIX.TYPE", "'crossdomain'", IDLE, ANY},
    {"TRAINER.DOMAINMIX.ALPHA", "1.0", IDLE, ANY},
    {"TRAINER.DOMAINMIX.BETA", "1.0", IDLE, ANY},
    {"TRAINER.ENTMIN.LMDA", "0.001", IDLE, ANY},
    {"TRAINER.MEANTEACHER.WEIGHT_U", "1.0", IDLE, ANY},
    {"TRAINER.MEANTEACHER.EMA_ALPHA", "0.999", IDLE, ANY},
    {"TRAINER.MEANTEACHER.RAMPUP", "5", IDLE, ANY},
    {"TRAINER.MIXMATCH.WEIGHT_U", "100.0", IDLE, ANY},
    {"TRAINER.MIXMATCH.TEMP", "2.0", IDLE, ANY},
    {"TRAINER.MIXMATCH.MIXUP_BETA", "0.75", IDLE, ANY},
    {"TRAINER.MIXMATCH.RAMPUP", "20000", IDLE, ANY},
    {"TRAINER.FIXMATCH.WEIGHT_U", "1.0", IDLE, ANY},
    {"TRAINER.FIXMATCH.CONF_THRE", "0.95", IDLE, ANY},
    {"TRAINER.FIXMATCH.STRONG_TRANSFORMS", "()", IDLE, ANY},
    {"DATASET.SUBSAMPLE_CLASSES", "'all'", HONOURED, ANY},
    {"TRAINER.COOP.N_CTX", "16", HONOURED, ANY},
    {"TRAINER.COOP.CSC", "False", HONOURED, ANY},
    {"TRAINER.COOP.CTX_INIT", "''", HONOURED, FIRST},
    {"TRAINER.COOP.CTX_INIT", "False", HONOURED, LATER},
    {"TRAINER.COOP.PREC", "'fp16'", SAID, ANY},
    {"TRAINER.COOP.CLASS_TOKEN_POSITION", "'end'", HONOURED, ANY},
    {"TRAINER.COCOOP.N_CTX", "16", HONOURED, ANY},
    {"TRAINER.COCOOP.CTX_INIT", "''", HONOURED, FIRST},
    {"TRAINER.COCOOP.CTX_INIT", "False", IDLE, LATER},
    {"TRAINER.COCOOP.PREC", "'fp16'", SAID, ANY},
    {"TRAINER.COOP.ALPHA", "1.0", IDLE, LATER},
    {"TRAINER.COOP.W", "1.0", HONOURED, LATER},
    {"LOSS.GM", "False", IDLE, LATER},
    {"LOSS.NAME", "''", HONOURED, LATER},
    {"LOSS.ALPHA", "0.0", IDLE, LATER},
    {"LOSS.T", "1.0", HONOURED, LATER},
    {"LOSS.LAMBDA", "1.0", HONOURED, LATER},
};

const YacsKey *yacs_key_at(int index) {
    return index < YACS_N_KEYS ? &keys[index] : NULL;
}

int yacs_key_find(const char *name, YacsCode code) {
    for (int i = 0; i < YACS_N_KEYS; i++)
        if (keys[i].codes & code && strcmp(keys[i].name, name) == 0)
            return i;
    return -1;
}

bool yacs_is_section(const char *name, YacsCode code) {
    const size_t n = strlen(name);
    for (int i = 0; i < YACS_N_KEYS; i++)
        if (keys[i].codes & code && strncmp(keys[i].name, name, n) == 0 && keys[i].name[n] == '.')
            return true;
    return false;
}
