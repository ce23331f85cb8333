/* transformer_block.c: the block as a sequence of products (product.h) and stages over rows. */
#include "clip/train/transformer_block.h"

#include "clip/base/place.h"
#include "clip/math/activation_pair.h"
#include "clip/math/column_sums.h"
#include "clip/math/norm_rows.h"
#include "clip/math/product.h"
#include "clip/text/tree_attention.h"
#include "clip/train/dense_attention.h"

#include <string.h>

/* --- parameters --- */

typedef struct {
    const char *name;
    size_t at; /* in BlockParameters */
    bool optional;
} Part;

#define PART(name, field)                                                                                    \
    { name, offsetof(BlockParameters, field), false }
static const Part parts[] = {
    PART("ln_1.weight", ln_1_w),
    PART("ln_1.bias", ln_1_b),
    PART("attn.in_proj_weight", in_proj_w),
    PART("attn.in_proj_bias", in_proj_b),
    PART("attn.out_proj.weight", out_proj_w),
    PART("attn.out_proj.bias", out_proj_b),
    PART("ln_2.weight", ln_2_w),
    PART("ln_2.bias", ln_2_b),
    PART("mlp.c_fc.weight", c_fc_w),
    PART("mlp.c_fc.bias", c_fc_b),
    PART("mlp.c_proj.weight", c_proj_w),
    PART("mlp.c_proj.bias", c_proj_b),
    {"ls_1.gamma", offsetof(BlockParameters, ls_1), true},
    {"ls_2.gamma", offsetof(BlockParameters, ls_2), true},
};
enum { N_PARTS = sizeof parts / sizeof *parts };

static Parameter **part_of(const BlockParameters *block, int i) {
    return (Parameter **)(void *)((char *)block + parts[i].at);
}

int block_parameters_find(BlockParameters *block, const Parameters *parameters, const char *prefix, int layer,
                          Error *err) {
    for (int i = 0; i < N_PARTS; i++) {
        Parameter *found =
            parameters_find(parameters, "%stransformer.resblocks.%d.%s", prefix, layer, parts[i].name);
        if (!found && !parts[i].optional)
            return error_run(err, "%stransformer.resblocks.%d.%s: no such parameter", prefix, layer,
                             parts[i].name);
        *part_of(block, i) = found;
    }
    return 0;
}

static bool is_trained(const Parameter *p) {
    return p && p->gradient;
}

bool block_parameters_trained(const BlockParameters *block) {
    for (int i = 0; i < N_PARTS; i++)
        if (is_trained(*part_of(block, i)))
            return true;
    return false;
}

/* --- memory --- */

static int queries_of(const BlockContext *context, bool last) {
    return last ? context->rows->n_queries : context->rows->n;
}

/* Numbers of all probabilities of the attention. */
static size_t count_probs(const BlockContext *context, bool last) {
    const BlockRows *rows = context->rows;
    if (rows->tree)
        return rows->tree->path_start[rows->n] * (size_t)context->n_heads;
    return (size_t)queries_of(context, last) * (size_t)rows->n_tokens * (size_t)context->n_heads;
}

int transformer_block_wide(const BlockContext *context) {
    const int qkv = 3 * context->width;
    return qkv > context->mlp_width ? qkv : context->mlp_width;
}

size_t transformer_block_place(BlockActivations *activations, const BlockContext *context,
                               const BlockParameters *block, bool last, float *memory) {
    const size_t R = (size_t)context->rows->n, C = (size_t)context->width,
                 Q = (size_t)queries_of(context, last);
    size_t used = 0;
    BlockActivations a = {.x = activations ? activations->x : NULL};
    a.mean_1 = place_floats(memory, &used, R);
    a.rstd_1 = place_floats(memory, &used, R);
    a.q = place_floats(memory, &used, last ? Q * C : R * 3 * C);
    a.q_stride = (int)(last ? C : 3 * C);
    a.kv = last ? place_floats(memory, &used, R * 2 * C) : memory ? a.q + C : NULL;
    a.kv_stride = (int)(last ? 2 * C : 3 * C);
    a.probs = place_floats(memory, &used, count_probs(context, last));
    a.att = place_floats(memory, &used, Q * C);
    a.branch_1 = block->ls_1 ? place_floats(memory, &used, Q * C) : NULL;
    a.branch_2 = block->ls_2 ? place_floats(memory, &used, Q * C) : NULL;
    a.x2 = place_floats(memory, &used, Q * C);
    a.mean_2 = place_floats(memory, &used, Q);
    a.rstd_2 = place_floats(memory, &used, Q);
    a.fc = place_floats(memory, &used, Q * (size_t)context->mlp_width);
    if (memory)
        *activations = a;
    return used;
}

size_t transformer_scratch_place(BlockScratch *scratch, const BlockContext *context, int wide, bool backward,
                                 float *memory) {
    const size_t R = (size_t)context->rows->n, C = (size_t)context->width,
                 T = (size_t)context->rows->n_tokens;
    size_t used = 0;
    BlockScratch s = {0};
    s.h = place_floats(memory, &used, R * C);
    s.wide = place_floats(memory, &used, R * (size_t)wide);
    if (context->rows->tree)
        s.paths = place_floats(memory, &used,
                               tree_attention_scratch_size(context->rows->tree, context->n_heads,
                                                           context->width, pool_threads(context->pool)));
    if (backward) {
        s.d_att = place_floats(memory, &used, R * C);
        s.d_x2 = place_floats(memory, &used, R * C);
        s.d_h = place_floats(memory, &used, R * C);
        s.d_wide = place_floats(memory, &used, R * (size_t)wide);
        if (!context->rows->tree)
            s.d_probs = place_floats(memory, &used, (size_t)pool_threads(context->pool) * T * T);
    }
    if (memory)
        *scratch = s;
    return used;
}

/* --- attention --- */

static TreeAttention tree_attention(const BlockContext *context, const BlockActivations *a, bool last) {
    return (TreeAttention){.tree = context->rows->tree,
                           .n_rows = context->rows->n,
                           .query = last ? context->rows->queries : NULL,
                           .n_query = queries_of(context, last),
                           .n_heads = context->n_heads,
                           .width = context->width,
                           .q = a->q,
                           .q_stride = a->q_stride,
                           .kv = a->kv,
                           .kv_stride = a->kv_stride,
                           .probs = a->probs,
                           .scratch = context->scratch->paths};
}

static DenseAttention dense_attention(const BlockContext *context, const BlockActivations *a, bool last) {
    const int T = context->rows->n_tokens;
    return (DenseAttention){.n_images = context->rows->n / T,
                            .n_tokens = T,
                            .n_queries = last ? 1 : T,
                            .n_heads = context->n_heads,
                            .width = context->width,
                            .q = a->q,
                            .q_stride = a->q_stride,
                            .kv = a->kv,
                            .kv_stride = a->kv_stride,
                            .probs = a->probs};
}

static void attention_forward(const BlockContext *context, const BlockActivations *a, bool last) {
    if (context->rows->tree) {
        TreeAttention attention = tree_attention(context, a, last);
        tree_attention_forward(context->pool, a->att, &attention);
    } else {
        DenseAttention attention = dense_attention(context, a, last);
        dense_attention_forward(context->pool, a->att, &attention);
    }
}

static void attention_backward(const BlockContext *context, const BlockActivations *a, bool last, float *d_q,
                               float *d_kv) {
    const BlockScratch *s = context->scratch;
    if (context->rows->tree) {
        TreeAttention attention = tree_attention(context, a, last);
        tree_attention_backward(context->pool, d_q, d_kv, NULL, s->d_att, &attention);
    } else {
        DenseAttention attention = dense_attention(context, a, last);
        dense_attention_backward(context->pool, d_q, d_kv, s->d_probs, s->d_att, &attention);
    }
}

/* --- forward --- */

/* The rows of the last block's queries, out of all. */
static void gather_queries(float *out, const float *in, const BlockContext *context) {
    const size_t C = (size_t)context->width;
    for (int i = 0; i < context->rows->n_queries; i++)
        memcpy(out + (size_t)i * C, in + (size_t)context->rows->queries[i] * C, C * sizeof *out);
}

static void linear(const BlockContext *context, float *out, const float *in, const Parameter *w,
                   const Parameter *b, const float *start, int rows) {
    const int n_out = (int)w->shape[0], n_in = (int)w->shape[1];
    product_linear(context->pool, out, in, w->value, b->value, start, rows, n_in, n_out, context->precision);
}

static void add_to_qkv(const BlockContext *context, int layer, const BlockActivations *a, const float *h_q,
                       int Q) {
    if (!context->additions)
        return;
    const QkvRows at = {.layer = layer,
                        .width = context->width,
                        .n_queries = Q,
                        .n_rows = context->rows->n,
                        .h_q = h_q,
                        .h = context->scratch->h,
                        .q = a->q,
                        .kv = a->kv,
                        .q_stride = a->q_stride,
                        .kv_stride = a->kv_stride};
    context->additions->forward(context->additions->context, &at);
}

/* Queries, keys and values of h = ln_1(x). */
static void project_in(const BlockContext *context, const BlockParameters *b, int layer, bool last,
                       const BlockActivations *a) {
    const float *h = context->scratch->h;
    const int R = context->rows->n, Q = queries_of(context, last), C = context->width;
    if (!last) {
        linear(context, a->q, h, b->in_proj_w, b->in_proj_b, NULL, R);
        add_to_qkv(context, layer, a, h, R);
        return;
    }
    const float *w = b->in_proj_w->value, *bias = b->in_proj_b->value;
    const size_t q_part = (size_t)C * (size_t)C;
    float *h_q = a->att; /* until there is an attention */
    gather_queries(h_q, h, context);
    product_linear(context->pool, a->q, h_q, w, bias, NULL, Q, C, C, context->precision);
    product_linear(context->pool, a->kv, h, w + q_part, bias + C, NULL, R, C, 2 * C, context->precision);
    add_to_qkv(context, layer, a, h_q, Q);
}

/* out = start + gain (in w^T + b), keeping what the gain multiplies. */
static void add_branch(const BlockContext *context, float *out, const float *start, float *branch,
                       const float *in, const Parameter *w, const Parameter *b, const Parameter *gain,
                       int rows) {
    linear(context, gain ? branch : out, in, w, b, gain ? NULL : start, rows);
    if (gain)
        gain_rows(context->pool, out, start, branch, gain->value, rows, context->width);
}

/* fc = c_fc(h) and, unless g is NULL, g = act(fc). */
static void expand(const BlockContext *context, float *fc, float *g, const float *h, const BlockParameters *b,
                   int rows) {
    const int C = context->width, F = context->mlp_width;
    ActivationPair pair = {.y = g, .x = fc, .width = F, .activation = context->activation};
    const Product p = {.m = rows,
                       .n = F,
                       .k = C,
                       .a = h,
                       .lda = C,
                       .b = b->c_fc_w->value,
                       .ldb = C,
                       .trans_b = true,
                       .bias = b->c_fc_b->value,
                       .c = fc,
                       .ldc = F,
                       .then = {g ? activation_pair_piece : NULL, &pair}};
    product_run(context->pool, &p, context->precision);
}

void transformer_block_forward(const BlockContext *context, const BlockParameters *block, int layer,
                               bool last, BlockActivations *a, float *y) {
    const BlockParameters *b = block;
    const BlockScratch *s = context->scratch;
    const int R = context->rows->n, Q = queries_of(context, last), C = context->width;
    const bool needs_g = y || a->branch_2;
    norm_rows_forward(context->pool, s->h, a->mean_1, a->rstd_1, a->x, b->ln_1_w->value, b->ln_1_b->value,
                      context->norm_eps, R, C);
    project_in(context, b, layer, last, a);
    attention_forward(context, a, last);
    if (last)
        gather_queries(a->x2, a->x, context);
    add_branch(context, a->x2, last ? a->x2 : a->x, a->branch_1, a->att, b->out_proj_w, b->out_proj_b,
               b->ls_1, Q);

    norm_rows_forward(context->pool, s->h, a->mean_2, a->rstd_2, a->x2, b->ln_2_w->value, b->ln_2_b->value,
                      context->norm_eps, Q, C);
    expand(context, a->fc, needs_g ? s->wide : NULL, s->h, b, Q);
    if (y)
        add_branch(context, y, a->x2, a->branch_2, s->wide, b->c_proj_w, b->c_proj_b, b->ls_2, Q);
    else if (a->branch_2)
        linear(context, a->branch_2, s->wide, b->c_proj_w, b->c_proj_b, NULL, Q);
}

/* --- backward --- */

/* out = in w^T + b, of rows `first` and after of w and b. */
static void weight_gradients(const BlockContext *context, const Parameter *w, const Parameter *b, int first,
                             const float *d_out, const float *in, int rows, int n_in, int n_out) {
    if (is_trained(w))
        product_linear_weight(context->pool, w->gradient + (size_t)first * (size_t)n_in, d_out, in, rows,
                              n_in, n_out, context->precision);
    if (is_trained(b))
        bias_gradient(context->pool, b->gradient + first, d_out, rows, n_out);
}

/* The gradient of a branch, given that of x + gain branch: d itself, or d gain in `room`. */
static const float *branch_gradient(const BlockContext *context, float *room, const float *d,
                                    const float *branch, const Parameter *gain, int rows) {
    if (!gain)
        return d;
    if (is_trained(gain))
        gain_gradient(context->pool, gain->gradient, d, branch, rows, context->width);
    gain_rows(context->pool, room, NULL, d, gain->value, rows, context->width);
    return room;
}

/* d_fc and g (rows, F) from d (rows, C), the gradient at c_proj(g). */
static void contract_backward(const BlockContext *context, float *d_fc, float *g, const float *d,
                              const float *fc, const BlockParameters *b, int rows) {
    const int C = context->width, F = context->mlp_width;
    ActivationPair pair = {.y = g, .d = d_fc, .x = fc, .width = F, .activation = context->activation};
    const Product p = {.m = rows,
                       .n = F,
                       .k = C,
                       .a = d,
                       .lda = C,
                       .b = b->c_proj_w->value,
                       .ldb = F,
                       .c = d_fc,
                       .ldc = F,
                       .then = {activation_pair_piece, &pair}};
    product_run(context->pool, &p, context->precision);
}

/* y = x2 + ls_2 c_proj(act(fc)), fc = c_fc(ln_2(x2)): fills in d_x2 from d_y, if it is needed. */
static void mlp_backward(const BlockContext *context, const BlockParameters *b, bool last,
                         const BlockActivations *a, const float *d_y, bool needs_x2) {
    const BlockScratch *s = context->scratch;
    const int Q = queries_of(context, last), C = context->width, F = context->mlp_width;
    float *g = s->wide, *d_fc = s->d_wide;
    const float *d = branch_gradient(context, s->h, d_y, a->branch_2, b->ls_2, Q);
    contract_backward(context, d_fc, g, d, a->fc, b, Q);
    weight_gradients(context, b->c_proj_w, b->c_proj_b, 0, d, g, Q, F, C);
    if (is_trained(b->c_fc_w))
        norm_rows_forward(context->pool, s->h, NULL, NULL, a->x2, b->ln_2_w->value, b->ln_2_b->value,
                          context->norm_eps, Q, C);
    weight_gradients(context, b->c_fc_w, b->c_fc_b, 0, d_fc, s->h, Q, C, F);
    if (!needs_x2 && !is_trained(b->ln_2_w) && !is_trained(b->ln_2_b))
        return;
    product_linear_input(context->pool, s->d_h, d_fc, b->c_fc_w->value, NULL, Q, C, F, context->precision);
    norm_gradients(context->pool, b->ln_2_w->gradient, b->ln_2_b->gradient, s->d_h, a->x2, a->mean_2,
                   a->rstd_2, Q, C);
    norm_rows_backward(context->pool, s->d_x2, d_y, s->d_h, a->x2, a->mean_2, a->rstd_2, b->ln_2_w->value, Q,
                       C);
}

static bool adds_in(const BlockContext *context, int layer) {
    return context->additions && layer >= context->additions->lowest;
}

/* What project_in is the forward pass of: fills in d_h (R, C), if it is needed, from d_q and d_kv. */
static void project_in_backward(const BlockContext *context, const BlockParameters *b, int layer, bool last,
                                const BlockActivations *a, float *d_q, float *d_kv, bool needs_h) {
    const BlockScratch *s = context->scratch;
    Pool *pool = context->pool;
    const Precision precision = context->precision;
    const int R = context->rows->n, Q = queries_of(context, last), C = context->width;
    const float *w = b->in_proj_w->value, *w_kv = w + (size_t)C * (size_t)C, *h_q = s->h;
    float *d_h_q = s->d_h;
    if (is_trained(b->in_proj_w) || adds_in(context, layer))
        norm_rows_forward(pool, s->h, NULL, NULL, a->x, b->ln_1_w->value, b->ln_1_b->value, context->norm_eps,
                          R, C);
    if (last) {
        gather_queries(s->d_att, s->h, context);
        h_q = s->d_att;
        d_h_q = s->wide;
        weight_gradients(context, b->in_proj_w, b->in_proj_b, 0, d_q, h_q, Q, C, C);
        weight_gradients(context, b->in_proj_w, b->in_proj_b, C, d_kv, s->h, R, C, 2 * C);
        if (needs_h) {
            product_linear_input(pool, d_h_q, d_q, w, NULL, Q, C, C, precision);
            product_linear_input(pool, s->d_h, d_kv, w_kv, NULL, R, C, 2 * C, precision);
        }
    } else {
        weight_gradients(context, b->in_proj_w, b->in_proj_b, 0, d_q, s->h, R, C, 3 * C);
        if (needs_h)
            product_linear_input(pool, s->d_h, d_q, w, NULL, R, C, 3 * C, precision);
    }
    if (!adds_in(context, layer))
        return;
    const QkvRows at = {.layer = layer,
                        .width = C,
                        .n_queries = Q,
                        .n_rows = R,
                        .h_q = h_q,
                        .h = s->h,
                        .q = d_q,
                        .kv = d_kv,
                        .q_stride = a->q_stride,
                        .kv_stride = a->kv_stride,
                        .d_h_q = needs_h ? d_h_q : NULL,
                        .d_h = needs_h ? s->d_h : NULL};
    context->additions->backward(context->additions->context, &at);
}

/* What a backward pass needs of the attention's half of a block, from its end to its beginning. */
typedef struct {
    bool x2, qkv, h; /* gradients at x2; at queries, keys and values; at ln_1(x) */
} Needs;

static Needs needs_of(const BlockContext *context, const BlockParameters *b, int layer, bool needs_input) {
    Needs needs = {.h = needs_input || is_trained(b->ln_1_w) || is_trained(b->ln_1_b)};
    needs.qkv = needs.h || is_trained(b->in_proj_w) || is_trained(b->in_proj_b) || adds_in(context, layer);
    needs.x2 = needs.qkv || is_trained(b->out_proj_w) || is_trained(b->out_proj_b) || is_trained(b->ls_1);
    return needs;
}

/* d_x = d_x2 where the last block has queries, else 0; d_h += that of the queries. */
static void scatter_queries(const BlockContext *context, float *d_x) {
    const BlockScratch *s = context->scratch;
    const size_t C = (size_t)context->width;
    if (d_x)
        memset(d_x, 0, (size_t)context->rows->n * C * sizeof *d_x);
    for (int i = 0; i < context->rows->n_queries; i++) {
        const size_t row = (size_t)context->rows->queries[i] * C;
        add_rows(s->d_h + row, s->wide + (size_t)i * C, C);
        if (d_x)
            memcpy(d_x + row, s->d_x2 + (size_t)i * C, C * sizeof *d_x);
    }
}

/* x2 = x + ls_1 out_proj(att), att from q, k, v = in_proj(ln_1(x)): fills in d_x from d_x2. */
static void attention_half_backward(const BlockContext *context, const BlockParameters *b, int layer,
                                    bool last, const BlockActivations *a, float *d_x, Needs needs) {
    const BlockScratch *s = context->scratch;
    Pool *pool = context->pool;
    const int R = context->rows->n, Q = queries_of(context, last), C = context->width;
    const float *d = branch_gradient(context, s->h, s->d_x2, a->branch_1, b->ls_1, Q);
    weight_gradients(context, b->out_proj_w, b->out_proj_b, 0, d, a->att, Q, C, C);
    if (!needs.qkv)
        return;
    float *d_q = s->d_wide, *d_kv = d_q + (last ? (size_t)Q * (size_t)C : (size_t)C);
    product_linear_input(pool, s->d_att, d, b->out_proj_w->value, NULL, Q, C, C, context->precision);
    attention_backward(context, a, last, d_q, d_kv);
    project_in_backward(context, b, layer, last, a, d_q, d_kv, needs.h);
    if (!needs.h)
        return;
    if (last)
        scatter_queries(context, d_x);
    norm_gradients(pool, b->ln_1_w->gradient, b->ln_1_b->gradient, s->d_h, a->x, a->mean_1, a->rstd_1, R, C);
    if (d_x)
        norm_rows_backward(pool, d_x, last ? d_x : s->d_x2, s->d_h, a->x, a->mean_1, a->rstd_1,
                           b->ln_1_w->value, R, C);
}

void transformer_block_backward(const BlockContext *context, const BlockParameters *block, int layer,
                                bool last, const BlockActivations *a, float *d_x, const float *d_y,
                                bool needs_input) {
    const Needs needs = needs_of(context, block, layer, needs_input);
    mlp_backward(context, block, last, a, d_y, needs.x2);
    if (needs.x2)
        attention_half_backward(context, block, layer, last, a, needs_input ? d_x : NULL, needs);
}

/* --- counting --- */

/* Of a linear layer over rows, and of the gradients that its backward pass computes. */
static double linear_flops(const Parameter *w, double rows, bool visited, bool needs_input) {
    return 2 * rows * (double)w->count * (1 + (visited && needs_input) + (visited && is_trained(w)));
}

double transformer_block_flops(const BlockContext *context, const BlockParameters *block, int layer, double R,
                               double Q, double pairs, bool visited, bool needs_input) {
    const Needs needs = needs_of(context, block, layer, needs_input);
    return linear_flops(block->in_proj_w, (2 * R + Q) / 3, visited, needs.h) +
           linear_flops(block->out_proj_w, Q, visited, needs.qkv) +
           linear_flops(block->c_fc_w, Q, visited, needs.x2) +
           linear_flops(block->c_proj_w, Q, visited, true) +
           4 * pairs * context->width * (visited && needs.qkv ? 3 : 1);
}
