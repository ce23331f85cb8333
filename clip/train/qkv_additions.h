/* qkv_additions.h: what is trained beside the weights of a block and adds to its queries, keys and values, as
 * low-rank matrices do. The blocks call it; they do not know what it computes. */
#ifndef CLIP_TRAIN_QKV_ADDITIONS_H
#define CLIP_TRAIN_QKV_ADDITIONS_H

/* One block. All R rows have keys and values, Q of them queries: in every block but the last these are the
 * same rows, and h_q is h, d_h_q is d_h. */
typedef struct {
    int layer, width;      /* C */
    int n_queries, n_rows; /* Q, R */
    const float *h_q, *h;  /* (Q, C), (R, C): ln_1(x), the input of in_proj */
    float *q, *kv;         /* (Q, q_stride), (R, kv_stride), C and 2C of each row used: keys, then values.
                            * Forward: what in_proj gave, to add to. Backward: their gradients, to read */
    int q_stride, kv_stride;
    float *d_h_q, *d_h; /* backward: (Q, C), (R, C), to add to; NULL: nothing below needs a gradient */
} QkvRows;

typedef struct {
    void *context;
    /* Called for every block, in every pass. Before `backward` it may be called again for the same rows, and
     * must then add the same bits. */
    void (*forward)(void *context, const QkvRows *rows);
    void (*backward)(void *context, const QkvRows *rows);
    int lowest; /* the lowest block for which `backward` is to be called */
} QkvAdditions;

#endif
