/* random.h: one generator for everything random, MT19937, seeded explicitly.
 *
 * Seeded with one word it is Python's random.Random(seed), bit for bit (few-shot sampling depends on it);
 * seeded by rng_torch_seed it is PyTorch's CPU generator (so that training starts from the values, and visits
 * images in the order, of a PyTorch program). Other purposes have streams of their own: rng_seed with a
 * longer key.
 */
#ifndef CLIP_BASE_RANDOM_H
#define CLIP_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state[624];
    int index;
    bool has_sine; /* PyTorch's generator alone: the other half of a normal draw waits for the next */
    double sine;
} Rng;

/* init_by_array of the reference implementation (Matsumoto and Nishimura, mt19937ar.c, 2002). rng_seed(&rng,
 * (uint32_t[]){s}, 1) equals Python's random.seed(s) for 0 <= s < 2^32. */
void rng_seed(Rng *rng, const uint32_t *key, int n_key);

/* What the streams of a run are for. */
typedef enum {
    STREAM_AUGMENT = 1,
    STREAM_SPLIT = 2,
    STREAM_BENCH = 3,
    STREAM_CAPTION = 4,
    STREAM_CROP = 5
} Stream;
void rng_stream(Rng *rng, uint32_t seed, Stream stream, uint32_t item, uint32_t view);

uint32_t rng_bits(Rng *rng, int n_bits);               /* Python's getrandbits(n_bits), 1 <= n_bits <= 32 */
uint32_t rng_below(Rng *rng, uint32_t n);              /* Python's _randbelow(n), n >= 1 */
double rng_double(Rng *rng);                           /* Python's random(): [0, 1), 53 bits */
double rng_uniform(Rng *rng, double low, double high); /* low + (high - low) * rng_double */
double rng_normal(Rng *rng);                           /* N(0, 1) by Box and Muller, the cosine half */
void rng_shuffle(Rng *rng, int *items, int n);         /* Python's shuffle */
void rng_sample(Rng *rng, int n, int k,
                int *out); /* Python's sample(range(n), k): k distinct indices; k <= n */

/* --- PyTorch's CPU generator (ATen/core/MT19937RNGEngine.h) --- */

void rng_torch_seed(Rng *rng, uint32_t seed); /* torch.manual_seed(seed) */
/* torch.empty(n).normal_(std=std), to a few units in the last place. */
void rng_torch_normal(Rng *rng, float *out, size_t n, double std);
/* torch.empty(n).uniform_(low, high), the same bits. */
void rng_torch_uniform(Rng *rng, float *out, size_t n, float low, float high);
void rng_torch_permutation(Rng *rng, int *out, int n); /* torch.randperm(n) */

#endif
