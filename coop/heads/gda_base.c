/* gda_base.c: see gda_base.h. S_w has the rank of its few images, so that its shrunk inverse takes no more
 * than a matrix of their products: (A^T A + t I)^-1 = (I - A^T (A A^T + t I)^-1 A) / t.
 */
#include "coop/heads/gda_base.h"

#include "clip/math/blas.h"
#include "clip/math/product.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { NEAREST = 64, TEXTS = 16, CHUNK = 1024 };

/* a_c = P mu_c (K, E) and b_c = -log K - mu_c . P mu_c / 2 of rows P mu_c and mu_c. */
static void fill(LinearClassifier *classifier, const double *rows, const double *means) {
    const size_t K = (size_t)classifier->n_classes, E = (size_t)classifier->embed_dim;
    for (size_t k = 0; k < K; k++) {
        double dot = 0;
        for (size_t i = k * E; i < (k + 1) * E; i++) {
            classifier->weights[i] = (float)rows[i];
            dot += rows[i] * means[i];
        }
        classifier->bias[k] = (float)(-log((double)K) - dot / 2);
    }
}

/* --- base classes --- */

typedef struct {
    int K, E, n;
    const float *images;
    const int *labels;
    int *counts;     /* (K) */
    double *means;   /* (K, E) */
    double *centred; /* (CHUNK, E), each over the root of its class's images but one */
    double *matrix;  /* (E, E): the covariance, then its eigenvectors */
    double *values;  /* (E) */
    double *along;   /* (K, E): means along the eigenvectors, then over the eigenvalues */
    double *rows;    /* (K, E) */
} Base;

static int class_means(const Base *base, Error *err) {
    const size_t E = (size_t)base->E;
    for (int i = 0; i < base->n; i++) {
        base->counts[base->labels[i]]++;
        for (size_t e = 0; e < E; e++)
            base->means[(size_t)base->labels[i] * E + e] += (double)base->images[(size_t)i * E + e];
    }
    for (int k = 0; k < base->K; k++) {
        if (base->counts[k] < 2)
            return error_set(err, "gda: class %d has %s, hence no covariance", k,
                             base->counts[k] == 0 ? "no training images" : "one training image");
        for (size_t e = 0; e < E; e++)
            base->means[(size_t)k * E + e] /= base->counts[k];
    }
    return 0;
}

/* The mean over classes of sum over their images: (f - mu)(f - mu)^T / (count - 1). */
static void mean_covariance(const Base *base) {
    const size_t E = (size_t)base->E;
    for (int first = 0; first < base->n; first += CHUNK) {
        const int rows = base->n - first < CHUNK ? base->n - first : CHUNK;
        for (size_t i = 0; i < (size_t)rows; i++) {
            const int k = base->labels[(size_t)first + i];
            const double share = 1 / sqrt((double)base->K * (base->counts[k] - 1));
            for (size_t e = 0; e < E; e++)
                base->centred[i * E + e] = share * ((double)base->images[((size_t)first + i) * E + e] -
                                                    base->means[(size_t)k * E + e]);
        }
        blas_product_double(true, false, base->E, base->E, rows, 1, base->centred, base->E, base->centred,
                            base->E, 1, base->matrix, base->E);
    }
}

static int pseudo_inverse_rows(const Base *base, Error *err) {
    const int K = base->K, E = base->E;
    if (blas_eigen_symmetric(base->matrix, E, base->values) < 0)
        return error_run(err, "gda: the covariance of the features has no eigenvalues");
    const double least = (double)E * (double)FLT_EPSILON * base->values[E - 1];
    blas_product_double(false, true, K, E, E, 1, base->means, E, base->matrix, E, 0, base->along, E);
    for (size_t i = 0; i < (size_t)K * (size_t)E; i++) {
        const double value = base->values[i % (size_t)E];
        base->along[i] = value > least ? base->along[i] / value : 0;
    }
    blas_product_double(false, false, K, E, E, 1, base->along, E, base->matrix, E, 0, base->rows, E);
    return 0;
}

int gda_base_fit(LinearClassifier *classifier, const float *images, const int *labels, int n, Error *err) {
    const size_t K = (size_t)classifier->n_classes, E = (size_t)classifier->embed_dim;
    Arena *arena = arena_create();
    const Base base = {.K = (int)K,
                       .E = (int)E,
                       .n = n,
                       .images = images,
                       .labels = labels,
                       .counts = ARENA_NEW(arena, int, K),
                       .means = ARENA_NEW(arena, double, K *E),
                       .centred = ARENA_NEW(arena, double, CHUNK *E),
                       .matrix = ARENA_NEW(arena, double, E *E),
                       .values = ARENA_NEW(arena, double, E),
                       .along = ARENA_NEW(arena, double, K *E),
                       .rows = ARENA_NEW(arena, double, K *E)};
    int status = arena_failed(arena) ? error_memory(err) : class_means(&base, err);
    if (status == 0) {
        mean_covariance(&base);
        status = pseudo_inverse_rows(&base, err);
    }
    if (status == 0)
        fill(classifier, base.rows, base.means);
    arena_free(arena);
    return status;
}

/* --- new classes --- */

typedef struct {
    int K, E, n, n_nearest;
    const float *images, *text;
    float *chunk;     /* (CHUNK, K): scores of a few images */
    int *nearest;     /* (K, n_nearest) */
    float *scores;    /* (K, n_nearest): theirs, falling */
    double *means;    /* (K, E) */
    double *apart;    /* (n_nearest, E): A, f - w */
    double *gram;     /* (n_nearest, n_nearest) */
    double *products; /* (K, n_nearest) */
    double *rows;     /* (K, E): the sum of P_w mu */
} New;

/* Puts image i where it belongs among the nearest of class k, of which there are n so far. */
static void consider(const New *new, int k, int n, int i, float score) {
    const size_t at_class = (size_t)k * (size_t) new->n_nearest;
    int *nearest = new->nearest + at_class, at = n < new->n_nearest ? n : n - 1;
    float *scores = new->scores + at_class;
    if (n == new->n_nearest && score <= scores[at])
        return; /* of images that are equally near the first */
    for (; at > 0 && scores[at - 1] < score; at--) {
        scores[at] = scores[at - 1];
        nearest[at] = nearest[at - 1];
    }
    scores[at] = score;
    nearest[at] = i;
}

static void find_nearest(const New *new, Pool *pool) {
    for (int first = 0; first < new->n; first += CHUNK) {
        const int rows = new->n - first < CHUNK ? new->n - first : CHUNK;
        product_linear(pool, new->chunk, new->images + (size_t)first *(size_t) new->E, new->text, NULL, NULL,
                       rows, new->E, new->K, PRECISION_FLOAT32);
        for (int i = 0; i < rows; i++)
            for (int k = 0; k < new->K; k++)
                consider(new, k, first + i < new->n_nearest ? first + i : new->n_nearest, first + i,
                         new->chunk[(size_t)i * (size_t) new->K + (size_t)k]);
    }
}

static void find_mean(const New *new, int k) {
    const size_t E = (size_t) new->E, n = (size_t) new->n_nearest;
    double *mean = new->means + (size_t)k *E;
    for (size_t i = 0; i < n; i++)
        for (size_t e = 0; e < E; e++)
            mean[e] += (double)new->images[(size_t) new->nearest[(size_t)k * n + i] * E + e];
    for (size_t e = 0; e < E; e++)
        mean[e] = (mean[e] + TEXTS * (double)new->text[(size_t)k * E + e]) / (double)(n + TEXTS);
}

/* A of a class; returns tr(S). */
static double fill_apart(const New *new, int k) {
    const size_t E = (size_t) new->E, n = (size_t) new->n_nearest;
    double trace = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t e = 0; e < E; e++) {
            const double apart = (double)new->images[(size_t) new->nearest[(size_t)k * n + i] * E + e] -
                                 (double)new->text[(size_t)k * E + e];
            new->apart[i * E + e] = apart;
            trace += apart * apart;
        }
    return trace;
}

/* rows += P_w mu for all mu */
static int add_rows(const New *new, int k, Error *err) {
    const int K = new->K, E = new->E, n = new->n_nearest;
    const double t = fill_apart(new, k) / (n - 1), share = E / (t * K);
    if (t == 0)
        return 0; /* the pseudo-inverse of nothing */
    blas_product_double(false, true, n, n, E, 1, new->apart, E, new->apart, E, 0, new->gram, n);
    for (int i = 0; i < n; i++)
        new->gram[i * n + i] += t;
    blas_product_double(false, true, K, n, E, 1, new->means, E, new->apart, E, 0, new->products, n);
    if (blas_solve_positive(new->gram, n, new->products, K) < 0)
        return error_run(err, "gda: the covariance of the features cannot be inverted");
    for (size_t i = 0; i < (size_t)K * (size_t)E; i++)
        new->rows[i] += share *new->means[i];
    blas_product_double(false, false, K, E, n, -share, new->products, n, new->apart, E, 1, new->rows, E);
    return 0;
}

int gda_new_fit(LinearClassifier *classifier, const float *images, int n, const float *text, Pool *pool,
                Error *err) {
    const size_t K = (size_t)classifier->n_classes, E = (size_t)classifier->embed_dim;
    const size_t nearest = n < NEAREST ? (size_t)n : NEAREST;
    Arena *arena = arena_create();
    const New new = {.K = (int)K,
                     .E = (int)E,
                     .n = n,
                     .n_nearest = (int)nearest,
                     .images = images,
                     .text = text,
                     .chunk = arena_floats(arena, CHUNK, K),
                     .nearest = ARENA_NEW(arena, int, K *nearest),
                     .scores = arena_floats(arena, K, nearest),
                     .means = ARENA_NEW(arena, double, K *E),
                     .apart = ARENA_NEW(arena, double, nearest *E),
                     .gram = ARENA_NEW(arena, double, nearest *nearest),
                     .products = ARENA_NEW(arena, double, K *nearest),
                     .rows = ARENA_NEW(arena, double, K *E)};
    int status = arena_failed(arena) ? error_memory(err)
                 : n < 2             ? error_set(err, "gda: new classes need two training images at least")
                                     : 0;
    if (status == 0)
        find_nearest(&new, pool);
    for (int k = 0; status == 0 && k < (int)K; k++)
        find_mean(&new, k);
    for (int k = 0; status == 0 && k < (int)K; k++)
        status = add_rows(&new, k, err);
    if (status == 0)
        fill(classifier, new.rows, new.means);
    arena_free(arena);
    return status;
}
