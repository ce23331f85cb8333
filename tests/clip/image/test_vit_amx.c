/* test_vit_amx.c: test_vit.c with tiles in plain C. */
#include "tests/clip/math/amx_in_c.h"

#include "tests/clip/image/test_vit.c"
