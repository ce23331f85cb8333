/* yacs.h: a config of the original code: its keys with their defaults, overridden by files and by the command
 * line, by the rules of yacs: an unknown key and a value of another type are errors, a list may stand for a
 * tuple, and None for anything.
 */
#ifndef EXPERIMENTS_ORIGINAL_YACS_H
#define EXPERIMENTS_ORIGINAL_YACS_H

#include "clip/base/error.h"
#include "experiments/original/python_value.h"
#include "experiments/original/yacs_keys.h"

typedef struct {
    YacsCode code;
    bool lenient; /* unknown keys and other types are passed over: the config is of another version */
    PyValue values[YACS_N_KEYS];
    const char *places[YACS_N_KEYS]; /* "configs/a.yaml: line 7", "command line"; NULL: the default */
    Arena *arena;
} Yacs;

/* The defaults. Everything is owned by the arena. */
int yacs_start(Yacs *config, YacsCode code, Arena *arena, Error *err);

int yacs_merge_file(Yacs *config, const char *path, Error *err);
/* The same for a tree that was read already. */
int yacs_merge_tree(Yacs *config, const Node *root, Error *err);
/* n texts: key, value, key, value, ... as on the command line. */
int yacs_merge_pairs(Yacs *config, const char *const *texts, int n, Error *err);

/* As an assignment in a program: without looking at the type. The name must be known. */
void yacs_set(Yacs *config, const char *name, PyValue value, const char *place);

/* The name must be known to this code. */
const PyValue *yacs_get(const Yacs *config, const char *name);
const char *yacs_text(const Yacs *config, const char *name); /* of a str; "" for any other type */
double yacs_number(const Yacs *config, const char *name);
long long yacs_int(const Yacs *config, const char *name);
bool yacs_truth(const Yacs *config, const char *name);
bool yacs_is_default(const Yacs *config, int index);

/* "PLACE: NAME: ...", ERROR_INPUT, or ERROR_USAGE for what the command line says. Returns -1. */
int yacs_error(const Yacs *config, const char *name, Error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* print(cfg): the keys in order, two blanks for each level. */
void yacs_print(Buffer *out, const Yacs *config);

#endif
