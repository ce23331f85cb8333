/* gda.c: see gda.h. The reference takes a pseudo-inverse in float; the matrix is positive definite by its
 * second term, so here it is solved for the means, in double.
 */
#include "coop/heads/gda.h"

#include "clip/math/blas.h"
#include "clip/math/product.h"
#include "coop/heads/softmax_loss.h"

#include <math.h>
#include <string.h>

typedef struct {
    int K, E, n;
    float *means;   /* (K, E) */
    float *centred; /* (n, E) */
    double *matrix; /* (E, E) */
    double *rows;   /* (K, E): means, then P means / E */
} Room;

static int class_means(const Room *room, const float *images, const int *labels, Arena *arena, Error *err) {
    const size_t E = (size_t)room->E;
    int *counts = ARENA_NEW(arena, int, (size_t)room->K);
    if (!counts)
        return error_memory(err);
    for (int i = 0; i < room->n; i++) {
        counts[labels[i]]++;
        for (size_t e = 0; e < E; e++)
            room->rows[(size_t)labels[i] * E + e] += (double)images[(size_t)i * E + e];
    }
    for (int k = 0; k < room->K; k++) {
        if (counts[k] == 0)
            return error_set(err, "gda: class %d has no training images, hence no mean", k);
        for (size_t i = (size_t)k * E; i < (size_t)(k + 1) * E; i++) {
            room->rows[i] /= counts[k];
            room->means[i] = (float)room->rows[i];
        }
    }
    return 0;
}

/* S + tr(S) / (N - 1) I; returns tr(S). */
static double shrunk_scatter(const Room *room, Pool *pool, const float *images, const int *labels,
                             float *scatter) {
    const size_t E = (size_t)room->E;
    double trace = 0;
    for (size_t i = 0; i < (size_t)room->n; i++)
        for (size_t e = 0; e < E; e++)
            room->centred[i * E + e] = images[i * E + e] - room->means[(size_t)labels[i] * E + e];
    product_linear_weight(pool, scatter, room->centred, room->centred, room->n, room->E, room->E,
                          PRECISION_FLOAT32);
    for (size_t i = 0; i < E * E; i++)
        room->matrix[i] = (double)scatter[i];
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
                 .means = arena_floats(arena, K, E),
                 .centred = arena_floats(arena, (size_t)n, E),
                 .matrix = ARENA_NEW(arena, double, E *E),
                 .rows = ARENA_NEW(arena, double, K *E)};
    float *scatter = arena_floats(arena, E, E);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    if (class_means(&room, images, labels, arena, err) < 0)
        goto out;
    if (shrunk_scatter(&room, pool, images, labels, scatter) == 0)
        memset(room.rows, 0, K * E * sizeof *room.rows); /* the pseudo-inverse of nothing */
    else if (blas_solve_positive(room.matrix, room.E, room.rows, room.K) < 0) {
        error_run(err, "gda: the covariance of the features cannot be inverted");
        goto out;
    }
    for (size_t k = 0; k < K; k++) {
        double dot = 0;
        for (size_t i = k * E; i < (k + 1) * E; i++) {
            const double a = (double)E * room.rows[i];
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
