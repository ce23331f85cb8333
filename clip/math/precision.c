/* precision.c: see precision.h */
#include "clip/math/precision.h"

#include "clip/math/packed_bf16.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {"float32", "bfloat16", "auto"};
enum { N_NAMES = sizeof names / sizeof *names };

const char *precision_name(Precision precision) {
    return names[precision];
}

int precision_from(Precision *precision, const char *name) {
    for (int i = 0; i < N_NAMES; i++)
        if (strcmp(names[i], name) == 0) {
            *precision = (Precision)i;
            return 0;
        }
    return -1;
}

Precision precision_here(Precision choice) {
    return choice != PRECISION_FLOAT32 && bf16_best_kernel() != BF16_NONE ? PRECISION_BFLOAT16
                                                                          : PRECISION_FLOAT32;
}
