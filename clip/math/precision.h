/* precision.h: the kind of numbers in which products with frozen weights are computed, and in an image tower
 * those of attention (attention_bf16.h). */
#ifndef CLIP_MATH_PRECISION_H
#define CLIP_MATH_PRECISION_H

/* BFLOAT16 rounds both factors to 8 bits of mantissa and adds in float; AUTO is BFLOAT16 where the processor
 * multiplies such numbers (packed_bf16.h), else FLOAT32. */
typedef enum { PRECISION_FLOAT32, PRECISION_BFLOAT16, PRECISION_AUTO } Precision;

const char *precision_name(Precision precision);            /* "float32", "bfloat16", "auto" */
int precision_from(Precision *precision, const char *name); /* -1: none of these */

/* What to tell a user who asked for BFLOAT16 where the processor does not have it. */
#define PRECISION_NOTE "bfloat16: this processor has neither AMX nor AVX-512 BF16; using float32"

/* What a choice means on this processor: FLOAT32 or BFLOAT16. */
Precision precision_here(Precision choice);

#endif
