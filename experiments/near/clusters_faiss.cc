/* clusters_faiss.cc: clusters.h with FAISS, the only file that knows it. No exception leaves it. Only where
 * memory runs out just within an OpenMP region of FAISS, which are a few small allocations in each iteration,
 * is the program ended there and then; nothing has been written by then.
 */
#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>

#include <algorithm>
#include <exception>
#include <new>
#include <omp.h>

extern "C" {
#include "experiments/near/centres.h"
#include "experiments/near/clusters.h"
}

namespace {

enum { ITERATIONS = 8, SEED = 1 };

class Failed : public std::exception {};

/* What k-means asks for the nearest centre of each vector: our own products, on the threads of the pool. */
class Spread : public faiss::IndexFlatIP {
    Pool *pool;
    Error *err;

  public:
    Spread(int E, Pool *its_pool, Error *its_err) : faiss::IndexFlatIP(E), pool(its_pool), err(its_err) {
    }

    void search(idx_t n, const float *vectors, idx_t k, float *scores, idx_t *labels,
                const faiss::SearchParameters *) const override {
        if (k != 1)
            throw std::exception();
        if (centres_nearest(labels, scores, vectors, static_cast<int>(n), get_xb(), static_cast<int>(ntotal),
                            d, pool, err) < 0)
            throw Failed();
    }
};

} // namespace

bool clusters_known(void) {
    return true;
}

int clusters_learn(float *centres, int K, const float *vectors, int n, int E, Pool *pool, Error *err) {
    const int threads = omp_get_max_threads();
    int result = 0;
    omp_set_num_threads(1);
    try {
        faiss::ClusteringParameters how;
        how.niter = ITERATIONS;
        how.spherical = true;
        how.seed = SEED;
        how.min_points_per_centroid = 1; /* fewer are only warned of */
        how.max_points_per_centroid = n; /* and more sampled: the caller has done that */
        faiss::Clustering clustering(E, K, how);
        Spread spread(E, pool, err);
        clustering.train(n, vectors, spread);
        std::copy(clustering.centroids.begin(), clustering.centroids.end(), centres);
    } catch (const Failed &) {
        result = -1;
    } catch (const std::bad_alloc &) {
        result = error_memory(err);
    } catch (const std::exception &error) {
        result = error_run(err, "FAISS: %s", error.what());
    } catch (...) {
        result = error_run(err, "FAISS failed");
    }
    omp_set_num_threads(threads);
    return result;
}
