/* contrastive_parts.c: see contrastive_parts.h. Images and texts are two sides of one thing: the logits of
 * some rows of one side and all of the other, in blocks of rows that fit BLOCK_FLOATS. The second pass makes
 * them again.
 */
#include "clip/train/contrastive_parts.h"

#include "clip/base/minimum.h"
#include "clip/math/ops.h"
#include "clip/math/product.h"

#include <math.h>
#include <stdbool.h>

enum { BLOCK_FLOATS = 1 << 24, TILE_ROWS = 16 };

/* Rows first .. first + rows - 1 of one side. */
typedef struct {
    ContrastiveParts *loss;
    bool is_text;
    int first, rows;
    float *d_x; /* (rows, E) */
} Block;

static int tiles_of(int n) {
    return (n + TILE_ROWS - 1) / TILE_ROWS;
}

static int block_rows(int n) {
    return n <= BLOCK_FLOATS / n ? n : BLOCK_FLOATS / n > 1 ? BLOCK_FLOATS / n : 1;
}

int contrastive_parts_open(ContrastiveParts *loss, int n, int E, Arena *arena, Error *err) {
    const size_t rows = (size_t)n, columns = (size_t)E, block = (size_t)block_rows(n);
    *loss = (ContrastiveParts){.n = n,
                               .E = E,
                               .u = arena_floats(arena, rows, columns),
                               .v = arena_floats(arena, rows, columns),
                               .u_norm = arena_floats(arena, rows, 1),
                               .v_norm = arena_floats(arena, rows, 1),
                               .logits = arena_floats(arena, block, rows),
                               .d_unit = arena_floats(arena, block, columns),
                               .d_s = ARENA_NEW(arena, double, block),
                               .sums = ARENA_NEW(arena, PairSums, rows)};
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* --- unit rows --- */

typedef struct {
    ContrastiveParts *loss;
    const float *image, *text;
} Rows;

static void normalise_tile(void *context, int tile, int worker) {
    (void)worker;
    const Rows *all = context;
    const ContrastiveParts *loss = all->loss;
    const int row = tile * TILE_ROWS, rows = min_int(TILE_ROWS, loss->n - row);
    const size_t at = (size_t)row * (size_t)loss->E;
    unit_rows_forward(loss->u + at, loss->u_norm + row, all->image + at, rows, loss->E);
    unit_rows_forward(loss->v + at, loss->v_norm + row, all->text + at, rows, loss->E);
}

void contrastive_parts_begin(ContrastiveParts *loss, const float *image, const float *text, float s, int n,
                             Pool *pool) {
    Rows all = {loss, image, text};
    loss->n = n;
    loss->scale = expf(s);
    pool_run(pool, tiles_of(n), normalise_tile, &all);
}

/* --- logits of a block --- */

static const float *own_rows(const Block *block) {
    const ContrastiveParts *loss = block->loss;
    return (block->is_text ? loss->v : loss->u) + (size_t)block->first * (size_t)loss->E;
}

static const float *other_rows(const Block *block) {
    return block->is_text ? block->loss->u : block->loss->v;
}

/* Cosines, not yet scaled. */
static void make_logits(const Block *block, Pool *pool) {
    const ContrastiveParts *loss = block->loss;
    const Product product = {.m = block->rows,
                             .n = loss->n,
                             .k = loss->E,
                             .a = own_rows(block),
                             .lda = loss->E,
                             .b = other_rows(block),
                             .ldb = loss->E,
                             .trans_b = true,
                             .c = loss->logits,
                             .ldc = loss->n};
    product_run(pool, &product, PRECISION_FLOAT32);
}

static double sum_of_exp(const float *x, int n, float scale, float max) {
    double sum = 0;
    for (int j = 0; j < n; j++)
        sum += expf(scale * x[j] - scale * max);
    return sum;
}

static void sums_tile(void *context, int tile, int worker) {
    (void)worker;
    const Block *block = context;
    const ContrastiveParts *loss = block->loss;
    const int begin = tile * TILE_ROWS;
    for (int i = begin; i < min_int(begin + TILE_ROWS, block->rows); i++) {
        const float *x = loss->logits + (size_t)i * (size_t)loss->n, scale = loss->scale;
        PairSums *sums = &loss->sums[block->first + i];
        float max = -INFINITY;
        for (int j = 0; j < loss->n; j++)
            max = x[j] > max ? x[j] : max;
        *(block->is_text ? &sums->text_lse : &sums->image_lse) =
            scale * max + log(sum_of_exp(x, loss->n, scale, max));
        if (!block->is_text)
            sums->logit = scale * x[block->first + i];
    }
}

typedef void (*BlockFn)(Block *block, Pool *pool);

static void each_block(ContrastiveParts *loss, bool is_text, float *d_x, int first, int rows, BlockFn run,
                       Pool *pool) {
    const int most = block_rows(loss->n);
    for (int done = 0; done < rows; done += most) {
        float *d = d_x ? d_x + (size_t)done * (size_t)loss->E : NULL;
        Block block = {loss, is_text, first + done, min_int(most, rows - done), d};
        make_logits(&block, pool);
        run(&block, pool);
    }
}

static void block_sums(Block *block, Pool *pool) {
    pool_run(pool, tiles_of(block->rows), sums_tile, block);
}

void contrastive_parts_forward(ContrastiveParts *loss, int first, int rows, Pool *pool) {
    each_block(loss, false, NULL, first, rows, block_sums, pool);
    each_block(loss, true, NULL, first, rows, block_sums, pool);
}

double contrastive_parts_value(const ContrastiveParts *loss) {
    double sum = 0;
    for (int i = 0; i < loss->n; i++)
        sum += loss->sums[i].image_lse + loss->sums[i].text_lse - 2 * loss->sums[i].logit;
    return sum / (2.0 * loss->n);
}

/* --- gradients --- */

/* d_logits = (P_rows + P_columns - 2 I) / 2n, over the logits. */
static void gradient_tile(void *context, int tile, int worker) {
    (void)worker;
    const Block *block = context;
    const ContrastiveParts *loss = block->loss;
    const int n = loss->n, begin = tile * TILE_ROWS;
    const double half = 0.5 / n;
    for (int i = begin; i < min_int(begin + TILE_ROWS, block->rows); i++) {
        float *x = loss->logits + (size_t)i * (size_t)n;
        const int row = block->first + i;
        const PairSums *own = &loss->sums[row];
        const double own_lse = block->is_text ? own->text_lse : own->image_lse;
        double sum = 0;
        for (int j = 0; j < n; j++) {
            const PairSums *other = &loss->sums[j];
            const double logit = loss->scale * x[j];
            const double p = expf((float)(logit - own_lse)) +
                             expf((float)(logit - (block->is_text ? other->image_lse : other->text_lse)));
            const double d = half * (j == row ? p - 2 : p);
            sum += d * logit;
            x[j] = (float)d;
        }
        loss->d_s[i] = sum;
    }
}

/* d_x = the gradient through the unit rows. */
static void normalise_back_tile(void *context, int tile, int worker) {
    (void)worker;
    const Block *block = context;
    const ContrastiveParts *loss = block->loss;
    const int row = tile * TILE_ROWS, rows = min_int(TILE_ROWS, block->rows - row);
    const size_t at = (size_t)row * (size_t)loss->E, n = (size_t)rows * (size_t)loss->E;
    const float *norm = (block->is_text ? loss->v_norm : loss->u_norm) + block->first + row;
    for (size_t i = at; i < at + n; i++) {
        loss->d_unit[i] *= loss->scale;
        block->d_x[i] = 0;
    }
    unit_rows_backward(block->d_x + at, loss->d_unit + at, own_rows(block) + at, norm, rows, loss->E);
}

static void block_gradients(Block *block, Pool *pool) {
    const ContrastiveParts *loss = block->loss;
    pool_run(pool, tiles_of(block->rows), gradient_tile, block);
    if (!block->d_x)
        return;
    const Product product = {.m = block->rows,
                             .n = loss->E,
                             .k = loss->n,
                             .a = loss->logits,
                             .lda = loss->n,
                             .b = other_rows(block),
                             .ldb = loss->E,
                             .c = loss->d_unit,
                             .ldc = loss->E};
    product_run(pool, &product, PRECISION_FLOAT32);
    pool_run(pool, tiles_of(block->rows), normalise_back_tile, block);
}

double contrastive_parts_backward(ContrastiveParts *loss, float *d_image, float *d_text, int first, int rows,
                                  Pool *pool) {
    const int most = block_rows(loss->n);
    double d_s = 0;
    for (int done = 0; done < rows; done += most) {
        const int n = min_int(most, rows - done);
        const size_t at = (size_t)done * (size_t)loss->E;
        each_block(loss, false, d_image ? d_image + at : NULL, first + done, n, block_gradients, pool);
        for (int i = 0; i < n; i++)
            d_s += loss->d_s[i];
        if (d_text)
            each_block(loss, true, d_text + at, first + done, n, block_gradients, pool);
    }
    return d_s;
}
