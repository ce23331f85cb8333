/* test_attention_bf16_amx.c: test_attention_bf16.c with tiles in plain C. */
#include "tests/clip/math/amx_in_c.h"

#include "tests/clip/math/test_attention_bf16.c"
