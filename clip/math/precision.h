/* precision.h: in which numbers the products with frozen weights are computed. */
#ifndef CLIP_MATH_PRECISION_H
#define CLIP_MATH_PRECISION_H

/* BFLOAT16 rounds both factors to 8 bits of mantissa and adds in float; AUTO is BFLOAT16 where the processor
 * multiplies such numbers (packed_bf16.h), else FLOAT32. */
typedef enum { PRECISION_FLOAT32, PRECISION_BFLOAT16, PRECISION_AUTO } Precision;

const char *precision_name(Precision precision);            /* "float32", "bfloat16", "auto" */
int precision_from(Precision *precision, const char *name); /* -1: none of these */

/* What there is to say when BFLOAT16 was asked for and is not to be had. */
#define PRECISION_NOTE "bfloat16: this processor has neither AMX nor AVX-512 BF16; using float32"

/* What a choice comes to on this processor: FLOAT32 or BFLOAT16. */
Precision precision_here(Precision choice);

#endif
