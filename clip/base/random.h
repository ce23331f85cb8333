/* random.h: one generator for everything random, MT19937, seeded explicitly.
 *
 * Seeded with one word it is Python's random.Random(seed) to the bit (few-shot sampling depends on it).
 * Each purpose (sampling, init, order, augmentation) has a stream of its own: rng_seed with a longer key.
 */
#ifndef CLIP_BASE_RANDOM_H
#define CLIP_BASE_RANDOM_H

#include <stdint.h>

typedef struct {
    uint32_t state[624];
    int index;
} Rng;

/* init_by_array of the reference implementation (Matsumoto and Nishimura, mt19937ar.c, 2002). rng_seed(&rng,
 * (uint32_t[]){s}, 1) equals Python's random.seed(s) for 0 <= s < 2^32. */
void rng_seed(Rng *rng, const uint32_t *key, int n_key);

/* What the streams of a run are for. */
typedef enum { STREAM_INIT = 1, STREAM_ORDER = 2, STREAM_AUGMENT = 3, STREAM_SPLIT = 4, STREAM_BENCH = 5 } Stream;
void rng_stream(Rng *rng, uint32_t seed, Stream stream, uint32_t item, uint32_t view);

uint32_t rng_bits(Rng *rng, int n_bits);             /* Python's getrandbits(n_bits), 1 <= n_bits <= 32 */
uint32_t rng_below(Rng *rng, uint32_t n);            /* Python's _randbelow(n), n >= 1 */
double rng_double(Rng *rng);                         /* Python's random(): [0, 1), 53 bits */
double rng_uniform(Rng *rng, double low, double high); /* low + (high - low) * rng_double */
double rng_normal(Rng *rng);                         /* N(0, 1) by Box and Muller, the cosine half */
void rng_shuffle(Rng *rng, int *items, int n);       /* Python's shuffle */
void rng_sample(Rng *rng, int n, int k, int *out);   /* Python's sample(range(n), k): k distinct indices; k <= n */

#endif
