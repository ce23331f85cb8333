/* yacs_keys.h: the keys of a config of the original code (CoOp on Dassl), and what becomes of each here. */
#ifndef EXPERIMENTS_ORIGINAL_YACS_KEYS_H
#define EXPERIMENTS_ORIGINAL_YACS_KEYS_H

#include <stdbool.h>

/* Whose train.py it is: those of KgCoOp, ProGrad and TCP have keys of their own, and CTX_INIT is a bool. */
typedef enum { YACS_COOP_CODE = 1, YACS_LATER_CODE = 2, YACS_ANY_CODE = 3 } YacsCode;

typedef enum {
    YACS_HONOURED, /* means here what it means there, or is refused where it cannot */
    YACS_SAID,     /* is otherwise here, which one line says: half precision, workers, GPU */
    YACS_FIXED,    /* refused unless it has its default */
    YACS_IDLE      /* has no effect on these trainers, there either */
} YacsUse;

typedef struct {
    const char *name;     /* "OPTIM.LR" */
    const char *fallback; /* the default, a literal of Python */
    YacsUse use;
    YacsCode codes; /* who has the key */
} YacsKey;

enum { YACS_N_KEYS = 153 };

const YacsKey *yacs_key_at(int index); /* NULL past the end */
/* The index of a key; -1 when this code has none of that name. */
int yacs_key_find(const char *name, YacsCode code);
bool yacs_is_section(const char *name, YacsCode code); /* "OPTIM", "TRAINER.COOP" */

#endif
