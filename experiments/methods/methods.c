/* methods.c: the methods there are, in the order of the help. A new one is a line here. */
#include "experiments/methods/method.h"

#define METHODS(M)                                                                                           \
    M(zeroshot)                                                                                              \
    M(linear_probe)                                                                                          \
    M(coop)                                                                                                  \
    M(text_layer)                                                                                            \
    M(tip_adapter)

#define DECLARE(name) extern const Method method_##name;
#define LIST(name) &method_##name,

METHODS(DECLARE)
static const Method *const methods[] = {METHODS(LIST)};

int method_count(void) {
    return (int)(sizeof methods / sizeof *methods);
}

const Method *method_at(int index) {
    return methods[index];
}
