/* trainers.h: the trainers and datasets of the original code, under their names there and here. */
#ifndef EXPERIMENTS_ORIGINAL_TRAINERS_H
#define EXPERIMENTS_ORIGINAL_TRAINERS_H

#include "experiments/original/yacs_keys.h"

typedef struct {
    const char *name;   /* "CoOp" */
    const char *method; /* the method of an experiment file */
    YacsCode code;      /* whose train.py has it */
    bool trains;
    const char *precision; /* the key of its precision; NULL: none */
} OriginalTrainer;

const OriginalTrainer *original_trainer(const char *name); /* NULL when there is none here */
/* "CoOp, CoCoOp, ..." into out. */
enum { ORIGINAL_TRAINERS_TEXT = 128 };
void original_trainers_text(char out[ORIGINAL_TRAINERS_TEXT]);

/* "caltech101" of "Caltech101"; NULL when it is none of CoOp's. */
const char *original_dataset(const char *name);
/* The other way round. */
const char *original_dataset_title(const char *name);

#endif
