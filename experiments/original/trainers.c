/* trainers.c: see trainers.h */
#include "experiments/original/trainers.h"

#include <stdio.h>
#include <string.h>

static const OriginalTrainer trainers[] = {
    {"CoOp", "coop", YACS_COOP_CODE, true, "TRAINER.COOP.PREC"},
    {"CoCoOp", "cocoop", YACS_COOP_CODE, true, "TRAINER.COCOOP.PREC"},
    {"KgCoOp", "kgcoop", YACS_LATER_CODE, true, "TRAINER.COOP.PREC"},
    {"ProGrad", "prograd", YACS_LATER_CODE, true, "TRAINER.COOP.PREC"},
    {"TCP", "tcp", YACS_LATER_CODE, true, "TRAINER.COOP.PREC"},
    {"ZeroshotCLIP", "zeroshot", YACS_COOP_CODE, false, NULL},
    {"ZeroshotCLIP2", "zeroshot", YACS_COOP_CODE, false, NULL},
};
enum { N_TRAINERS = sizeof trainers / sizeof *trainers };

const OriginalTrainer *original_trainer(const char *name) {
    for (int i = 0; i < N_TRAINERS; i++)
        if (strcmp(trainers[i].name, name) == 0)
            return &trainers[i];
    return NULL;
}

void original_trainers_text(char out[ORIGINAL_TRAINERS_TEXT]) {
    int n = 0;
    for (int i = 0; i < N_TRAINERS; i++)
        n += snprintf(out + n, (size_t)(ORIGINAL_TRAINERS_TEXT - n), "%s%s", i > 0 ? ", " : "",
                      trainers[i].name);
}

/* There and here. */
static const char *const datasets[][2] = {
    {"Caltech101", "caltech101"},
    {"OxfordPets", "oxford_pets"},
    {"StanfordCars", "stanford_cars"},
    {"OxfordFlowers", "oxford_flowers"},
    {"Food101", "food101"},
    {"FGVCAircraft", "fgvc_aircraft"},
    {"SUN397", "sun397"},
    {"DescribableTextures", "dtd"},
    {"EuroSAT", "eurosat"},
    {"UCF101", "ucf101"},
    {"ImageNet", "imagenet"},
    {"ImageNetV2", "imagenetv2"},
    {"ImageNetSketch", "imagenet_sketch"},
    {"ImageNetA", "imagenet_a"},
    {"ImageNetR", "imagenet_r"},
};
enum { N_DATASETS = sizeof datasets / sizeof *datasets };

const char *original_dataset(const char *name) {
    for (int i = 0; i < N_DATASETS; i++)
        if (strcmp(datasets[i][0], name) == 0)
            return datasets[i][1];
    return NULL;
}

const char *original_dataset_title(const char *name) {
    for (int i = 0; i < N_DATASETS; i++)
        if (strcmp(datasets[i][1], name) == 0)
            return datasets[i][0];
    return NULL;
}
