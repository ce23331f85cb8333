/* simd.h: one binary, wider vectors where the processor has them.
 *
 * A function marked VECTOR_CLONES is compiled for several instruction sets, of which the loader picks one, so
 * the default build runs on any x86-64 (and on arm64, where there is only one version). Sanitizer builds
 * define NO_VECTOR_CLONES, because the resolvers would run before the sanitizer is set up.
 */
#ifndef CLIP_BASE_SIMD_H
#define CLIP_BASE_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(NO_VECTOR_CLONES)
#define VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR_CLONES
#endif

#endif
