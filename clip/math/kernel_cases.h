/* kernel_cases.h: KERNEL (rows, vectors, block), which calls SUMS with both as constants. Included at the end
 * of a kernel that is written once for several widths of vectors (vectors.h) and sums a block of up to 6
 * rows; it undefines what that defined.
 */
#define CASE(rows, vectors)                                                                                  \
    case (vectors)*8 + (rows):                                                                               \
        SUMS(rows, vectors, block);                                                                          \
        break;
#define CASES(vectors)                                                                                       \
    CASE(1, vectors) CASE(2, vectors) CASE(3, vectors) CASE(4, vectors) CASE(5, vectors) CASE(6, vectors)

__attribute__((target(TARGET))) static void KERNEL(int rows, int vectors, const Block *block) {
    switch (vectors * 8 + rows) {
        CASES(1)
        CASES(2)
#if VECTORS == 4
        CASES(3)
        CASES(4)
#endif
    }
}

#undef CASES
#undef CASE
#undef SUMS
#undef KERNEL
#undef BITS
