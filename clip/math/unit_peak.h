/* unit_peak.h: what the units that multiply and add reach at most: a loop that touches nothing but registers.
 *
 * Every product is measured against these: sgemm and the kernels here also load, store and pack.
 */
#ifndef CLIP_MATH_UNIT_PEAK_H
#define CLIP_MATH_UNIT_PEAK_H

#include "clip/math/precision.h"

/* One thread's, in GFLOP/s: fused multiply-adds in float of the widest vectors, or for BFLOAT16 the unit that
 * multiplies such numbers (AUTO: whichever precision_here takes). The best of some short tries; 0 where there
 * is no such unit. */
double unit_peak_gflops(Precision precision);
/* "AVX-512 FMA", "AVX2 FMA", "AVX-512 BF16", "AMX BF16"; "none" */
const char *unit_name(Precision precision);

#endif
