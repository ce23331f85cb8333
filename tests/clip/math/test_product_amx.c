/* test_product_amx.c: test_product.c with tiles in plain C. */
#include "tests/clip/math/amx_in_c.h"

#include "tests/clip/math/test_product.c"
