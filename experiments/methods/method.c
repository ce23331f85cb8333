/* method.c: see method.h */
#include "experiments/methods/method.h"

/* All specs are those of a Method, of which they are the beginning: methods.c makes the list. */
const Method *method_of(const Point *point) {
    return (const Method *)(const void *)point->method;
}
