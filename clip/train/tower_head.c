/* tower_head.c: see tower_head.h. The projection is stored as (C, E): a linear layer's weight the other way
 * round, so its forward pass is product_linear_input. */
#include "clip/train/tower_head.h"

#include "clip/base/place.h"
#include "clip/math/column_sums.h"
#include "clip/math/norm_rows.h"
#include "clip/math/ops.h"
#include "clip/math/product.h"

int tower_head_open(TowerHead *head, const Parameters *parameters, const char *norm, const char *projection,
                    const TowerConfig *config, Precision precision, Pool *pool, Error *err) {
    *head = (TowerHead){.norm_w = parameters_find(parameters, "%s.weight", norm),
                        .norm_b = parameters_find(parameters, "%s.bias", norm),
                        .projection = parameters_find(parameters, "%s", projection),
                        .eps = config->norm_eps > 0 ? config->norm_eps : LAYER_NORM_EPS,
                        .precision = precision,
                        .pool = pool};
    if (!head->norm_w || !head->norm_b || !head->projection)
        return error_run(err, "%s or %s: no such parameter", norm, projection);
    return 0;
}

static bool norm_trained(const TowerHead *head) {
    return head->norm_w->gradient || head->norm_b->gradient;
}

bool tower_head_trained(const TowerHead *head) {
    return norm_trained(head) || head->projection->gradient;
}

static int width_of(const TowerHead *head) {
    return (int)head->projection->shape[0];
}

static int embed_of(const TowerHead *head) {
    return (int)head->projection->shape[1];
}

size_t tower_head_place(TowerHead *head, int rows, float *memory) {
    const size_t Q = (size_t)rows, C = (size_t)width_of(head);
    size_t used = 0;
    TowerHead h = *head;
    h.rows = rows;
    h.x = place_floats(memory, &used, Q * C);
    h.h = place_floats(memory, &used, Q * C);
    h.mean = place_floats(memory, &used, Q);
    h.rstd = place_floats(memory, &used, Q);
    h.d_x = place_floats(memory, &used, Q * C);
    if (memory)
        *head = h;
    return used;
}

void tower_head_forward(TowerHead *head, float *features) {
    const int C = width_of(head);
    norm_rows_forward(head->pool, head->h, head->mean, head->rstd, head->x, head->norm_w->value,
                      head->norm_b->value, head->eps, head->rows, C);
    product_linear_input(head->pool, features, head->h, head->projection->value, NULL, head->rows,
                         embed_of(head), C, head->precision);
}

void tower_head_backward(TowerHead *head, const float *d_features, bool needs_input) {
    const int C = width_of(head), E = embed_of(head);
    Pool *pool = head->pool;
    if (head->projection->gradient)
        product_linear_weight(pool, head->projection->gradient, head->h, d_features, head->rows, E, C,
                              head->precision);
    if (!needs_input && !norm_trained(head))
        return;
    float *d_h = head->h;
    product_linear(pool, d_h, d_features, head->projection->value, NULL, NULL, head->rows, E, C,
                   head->precision);
    norm_gradients(pool, head->norm_w->gradient, head->norm_b->gradient, d_h, head->x, head->mean, head->rstd,
                   head->rows, C);
    if (needs_input)
        norm_rows_backward(pool, head->d_x, NULL, d_h, head->x, head->mean, head->rstd, head->norm_w->value,
                           head->rows, C);
}

double tower_head_flops(const TowerHead *head, double rows, bool backward, bool needs_input) {
    const int n_products =
        1 + (backward && (needs_input || norm_trained(head))) + (backward && head->projection->gradient);
    return 2 * rows * (double)head->projection->count * n_products;
}
