/* python_value.h: the values of a yacs config: what Python's literals and YAML's scalars mean, and how Python
 * prints them.
 */
#ifndef EXPERIMENTS_ORIGINAL_PYTHON_VALUE_H
#define EXPERIMENTS_ORIGINAL_PYTHON_VALUE_H

#include "clip/base/arena.h"
#include "clip/base/buffer.h"
#include "experiments/config/yaml_tree.h"

#include <stdbool.h>

typedef enum { PY_NONE, PY_BOOL, PY_INT, PY_FLOAT, PY_STR, PY_TUPLE, PY_LIST } PyType;

typedef struct PyValue {
    PyType type;
    long long integer;     /* PY_BOOL, PY_INT */
    double real;           /* PY_FLOAT */
    const char *text;      /* PY_STR */
    struct PyValue *items; /* (n) of a tuple or list */
    int n;
} PyValue;

PyValue py_str(const char *text); /* borrowed */
PyValue py_int(long long integer);

/* What yacs makes of a text: a literal of Python ("16", "1e-5", "(224, 224)", "'a'"), else the text itself.
 * Owned by the arena. */
PyValue py_decode(const char *text, Arena *arena);

/* The same for a node of a YAML file: PyYAML's scalars (in which 1e-5 is a text), and, of a text that is not
 * within a list, what yacs makes of it. -1 with an error for a map. */
int py_from_yaml(PyValue *value, const Node *node, Arena *arena, Error *err);

const char *py_type_name(PyType type);                 /* "float" */
double py_number(const PyValue *value);                /* of PY_INT and PY_FLOAT */
bool py_truth(const PyValue *value);                   /* bool(value) */
bool py_equal(const PyValue *a, const PyValue *b);     /* a == b, a tuple and a list being the same */
void py_print(Buffer *out, const PyValue *value);      /* str(value) */
void py_print_repr(Buffer *out, const PyValue *value); /* repr(value) */
void py_print_float(Buffer *out, double value);        /* repr: the shortest digits that lead back */

#endif
