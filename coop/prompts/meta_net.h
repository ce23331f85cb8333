/* meta_net.h: two linear layers that make vectors for prompts, of image features (CoCoOp) or text features
 * (TCP).
 *
 *     out = W2 act(W1 in + b1) + b2
 *
 * Its parameters are one array [ W1 (H, I) | b1 (H) | W2 (O, H) | b2 (O) ] of the caller's.
 */
#ifndef COOP_PROMPTS_META_NET_H
#define COOP_PROMPTS_META_NET_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/base/random.h"

typedef enum { META_RELU, META_QUICK_GELU } MetaActivation;

typedef struct {
    int n_in, n_hidden, n_out; /* I, H, O */
    MetaActivation activation;
    Pool *pool;
    int max_rows;
    float *sum, *hidden, *d_hidden; /* (max_rows, H): before and behind the activation */
} MetaNet;

/* For at most max_rows vectors at a time. Owned by the arena: ask arena_failed. */
MetaNet meta_net(int n_in, int n_hidden, int n_out, MetaActivation activation, Pool *pool, int max_rows,
                 Arena *arena);

size_t meta_net_size(const MetaNet *net); /* parameters */

/* Draws parameters as torch.nn.Linear does, the first layer first, weights before biases. */
void meta_net_start(const MetaNet *net, float *parameters, Rng *generator);

/* out (rows, O) of in (rows, I). */
void meta_net_forward(MetaNet *net, float *out, const float *in, const float *parameters, int rows);

/* gradient, like the parameters: overwritten, given d_out (rows, O) of the last forward pass. */
void meta_net_backward(MetaNet *net, float *gradient, const float *d_out, const float *in,
                       const float *parameters, int rows);

#endif
