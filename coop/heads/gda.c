/* gda.c: see gda.h. The reference takes a pseudo-inverse in float; the matrix is positive definite by its
 * second term, so here it is solved for the means, in double.
 */
#include "coop/heads/gda.h"

#include "clip/base/minimum.h"
#include "clip/math/blas.h"
#include "clip/math/product.h"
#include "coop/heads/softmax_loss.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK = 1024, /* images that are centred at once, so that they stay in the cache */
    BLOCK = 128,  /* columns of the scatter in a product */
    ROWS = 64,    /* of a tile that centres */
    COLUMNS = 64, /* of a tile that averages */
};

typedef struct {
    int K, E, n;
    const float *images; /* (n, E) */
    const int *labels;   /* (n) */
    int *counts;         /* (K) */
    int first, rows;     /* images of a chunk */
    double *sums;        /* (K, E): means, then P means / E */
    float *means;        /* (K, E) */
    float *centred;      /* (CHUNK, E) */
    float *scatter;      /* (E, E): S on and below the diagonal */
    double *matrix;      /* (E, E) */
} Room;

static void average_columns(void *context, int tile, int worker) {
    (void)worker;
    Room *room = context;
    const size_t E = (size_t)room->E, first = (size_t)tile * COLUMNS;
    const size_t end = (size_t)min_int(room->E, (tile + 1) * COLUMNS);
    for (size_t k = 0; k < (size_t)room->K; k++) /* written first, for the reason given at `start` below */
        for (size_t e = first; e < end; e++)
            room->sums[k * E + e] = 0;
    for (size_t i = 0; i < (size_t)room->n; i++)
        for (size_t e = first; e < end; e++)
            room->sums[(size_t)room->labels[i] * E + e] += (double)room->images[i * E + e];
    for (size_t k = 0; k < (size_t)room->K; k++)
        for (size_t at = k * E + first; at < k * E + end; at++) {
            room->sums[at] /= room->counts[k];
            room->means[at] = (float)room->sums[at];
        }
}

static int class_means(Room *room, Pool *pool, Error *err) {
    for (int i = 0; i < room->n; i++)
        room->counts[room->labels[i]]++;
    for (int k = 0; k < room->K; k++)
        if (room->counts[k] == 0)
            return error_set(err, "gda: class %d has no training images, hence no mean", k);
    pool_run(pool, ceil_div(room->E, COLUMNS), average_columns, room);
    return 0;
}

static void centre_rows(void *context, int tile, int worker) {
    (void)worker;
    const Room *room = context;
    const size_t E = (size_t)room->E, end = (size_t)min_int(room->rows, (tile + 1) * ROWS);
    for (size_t i = (size_t)tile * ROWS; i < end; i++) {
        const size_t image = (size_t)room->first + i;
        const float *mean = room->means + (size_t)room->labels[image] * E;
        for (size_t e = 0; e < E; e++)
            room->centred[i * E + e] = room->images[image * E + e] - mean[e];
    }
}

/* S += what the centred rows add to it: blocks of its rows up to the diagonal. (A page that is read before it
 * is written is mapped twice, and with several threads each time waits for all: five times the products.) */
static void add_scatter(const Room *room, Pool *pool) {
    for (int e = 0; e < room->E; e += BLOCK) {
        const int rows = min_int(BLOCK, room->E - e);
        float *at = room->scatter + (size_t)e * (size_t)room->E;
        const Product p = {.m = rows,
                           .n = e + rows,
                           .k = room->rows,
                           .a = room->centred + e,
                           .lda = room->E,
                           .trans_a = true,
                           .b = room->centred,
                           .ldb = room->E,
                           .start = room->first > 0 ? at : NULL,
                           .c = at,
                           .ldc = room->E};
        product_run(pool, &p, PRECISION_FLOAT32);
    }
}

/* S + tr(S) / (N - 1) I, of which the solver reads what lies on and below the diagonal; returns tr(S). */
static double shrunk_scatter(Room *room, Pool *pool) {
    const size_t E = (size_t)room->E;
    double trace = 0;
    for (room->first = 0; room->first < room->n; room->first += CHUNK) {
        room->rows = min_int(CHUNK, room->n - room->first);
        pool_run(pool, ceil_div(room->rows, ROWS), centre_rows, room);
        add_scatter(room, pool);
    }
    for (size_t i = 0; i < E * E; i++)
        room->matrix[i] = (double)room->scatter[i];
    for (size_t e = 0; e < E; e++)
        trace += room->matrix[e * E + e];
    for (size_t e = 0; e < E; e++)
        room->matrix[e * E + e] += trace / (room->n - 1);
    return trace;
}

int gda_fit(LinearClassifier *classifier, const float *images, const int *labels, int n, Pool *pool,
            Error *err) {
    const size_t K = (size_t)classifier->n_classes, E = (size_t)classifier->embed_dim;
    int status = -1;
    Arena *arena = arena_create();
    Room room = {.K = (int)K,
                 .E = (int)E,
                 .n = n,
                 .images = images,
                 .labels = labels,
                 .counts = ARENA_NEW(arena, int, K),
                 .sums = ARENA_NEW(arena, double, K *E),
                 .means = arena_floats(arena, K, E),
                 .centred = arena_floats(arena, CHUNK, E),
                 .scatter = arena_floats(arena, E, E),
                 .matrix = ARENA_NEW(arena, double, E *E)};
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    if (class_means(&room, pool, err) < 0)
        goto out;
    if (shrunk_scatter(&room, pool) == 0)
        memset(room.sums, 0, K * E * sizeof *room.sums); /* the pseudo-inverse of nothing */
    else if (blas_solve_positive(room.matrix, room.E, room.sums, room.K) < 0) {
        error_run(err, "gda: the covariance of the features cannot be inverted");
        goto out;
    }
    for (size_t k = 0; k < K; k++) {
        double dot = 0;
        for (size_t i = k * E; i < (k + 1) * E; i++) {
            const double a = (double)E * room.sums[i];
            classifier->weights[i] = (float)a;
            dot += a * (double)room.means[i];
        }
        classifier->bias[k] = (float)(-log((double)K) - dot / 2);
    }
    status = 0;
out:
    arena_free(arena);
    return status;
}

static const double alphas[] = {1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100};

int gda_search(double *alpha, const LinearClassifier *gda, const float *text, float logit_scale,
               const float *images, const int *labels, int n, double fallback, Pool *pool, Error *err) {
    const size_t K = (size_t)gda->n_classes, E = (size_t)gda->embed_dim, size = (size_t)n * K;
    const float scale = expf(logit_scale);
    Arena *arena = arena_create();
    float *own = arena_floats(arena, (size_t)n, K), *zero_shot = arena_floats(arena, (size_t)n, K);
    float *logits = arena_floats(arena, (size_t)n, K);
    int status = arena_failed(arena) ? error_memory(err) : 0, best = 0;
    *alpha = fallback;
    if (status == 0 && n > 0) {
        linear_classifier_logits(gda, pool, own, images, n);
        product_linear(pool, zero_shot, images, text, NULL, NULL, n, (int)E, (int)K, PRECISION_FLOAT32);
    }
    for (size_t a = 0; status == 0 && n > 0 && a < sizeof alphas / sizeof *alphas; a++) {
        for (size_t i = 0; i < size; i++)
            logits[i] = scale * zero_shot[i] + (float)alphas[a] * own[i];
        const int correct = count_correct(logits, labels, n, (int)K);
        if (correct > best) {
            best = correct;
            *alpha = alphas[a];
        }
    }
    arena_free(arena);
    return status;
}

void gda_join(LinearClassifier *gda, const float *text, float logit_scale, double alpha) {
    const size_t K = (size_t)gda->n_classes, E = (size_t)gda->embed_dim;
    const double scale = exp((double)logit_scale);
    for (size_t i = 0; i < K * E; i++)
        gda->weights[i] = (float)(scale * (double)text[i] + alpha * (double)gda->weights[i]);
    for (size_t k = 0; k < K; k++)
        gda->bias[k] = (float)(alpha * (double)gda->bias[k]);
}
