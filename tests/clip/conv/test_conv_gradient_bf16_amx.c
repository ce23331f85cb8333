/* test_conv_gradient_bf16_amx.c: test_conv_gradient_bf16.c with tiles in plain C. */
#include "tests/clip/math/amx_in_c.h"

#include "tests/clip/conv/test_conv_gradient_bf16.c"
