/* clusters_faiss.cc: clusters.h with FAISS, the only file that knows it. No exception leaves it. */
#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>

#include <atomic>
#include <exception>
#include <new>
#include <omp.h>
#include <vector>

extern "C" {
#include "clip/math/blas.h"
#include "experiments/near/clusters.h"
}

using faiss::Index;

struct Clusters {
    faiss::IndexFlatIP centres;
    explicit Clusters(int E) : centres(E) {
    }
};

namespace {

enum { PART = 1024, ITERATIONS = 8, SEED = 1 };

class Stopped : public std::exception {};

/* The nearest of vectors (n), on the thread that calls. */
void search_alone(const faiss::IndexFlatIP &centres, Index::idx_t n, const float *vectors, Index::idx_t k,
                  float *scores, Index::idx_t *labels) {
    class Room {
        bool entered = blas_room_enter();

      public:
        ~Room() {
            blas_room_leave(entered);
        }
    } room;
    omp_set_num_threads(1); /* a setting of each thread */
    centres.faiss::IndexFlatIP::search(n, vectors, k, scores, labels);
}

/* What k-means asks for the nearest centres: parts of a fixed size, on the threads of the pool. */
class Spread : public faiss::IndexFlatIP {
    Pool *pool;

    struct Job {
        const Spread *self;
        idx_t n, k;
        const float *vectors;
        float *scores;
        idx_t *labels;
        std::atomic<bool> failed;
    };

    static void part(void *context, int tile, int) {
        Job *job = static_cast<Job *>(context);
        const idx_t start = static_cast<idx_t>(tile) * PART;
        const idx_t n = job->n - start < PART ? job->n - start : static_cast<idx_t>(PART);
        if (job->failed || pool_stopped(job->self->pool, nullptr) < 0)
            return;
        try {
            search_alone(*job->self, n, job->vectors + start * job->self->d, job->k,
                         job->scores + start * job->k, job->labels + start * job->k);
        } catch (...) {
            job->failed = true;
        }
    }

  public:
    Spread(int E, Pool *its_pool) : faiss::IndexFlatIP(E), pool(its_pool) {
    }

    void search(idx_t n, const float *vectors, idx_t k, float *scores, idx_t *labels,
                const faiss::SearchParameters *) const override {
        Job job = {this, n, k, vectors, scores, labels, {false}};
        pool_run(pool, static_cast<int>((n + PART - 1) / PART), part, &job);
        if (job.failed)
            throw std::bad_alloc();
        if (pool_stopped(pool, nullptr) < 0)
            throw Stopped();
    }
};

/* Runs what may throw; its exceptions become errors. */
template <typename Work> int guarded(Pool *pool, Error *err, Work work) {
    try {
        work();
        return 0;
    } catch (const Stopped &) {
        return pool_stopped(pool, err);
    } catch (const std::bad_alloc &) {
        return error_memory(err);
    } catch (const std::exception &error) {
        return error_run(err, "FAISS: %s", error.what());
    } catch (...) {
        return error_run(err, "FAISS failed");
    }
}

} // namespace

bool clusters_known(void) {
    return true;
}

int clusters_learn(float *centres, int K, const float *vectors, int n, int E, Pool *pool, Error *err) {
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const int result = guarded(pool, err, [&] {
        faiss::ClusteringParameters how;
        how.niter = ITERATIONS;
        how.spherical = true;
        how.seed = SEED;
        how.min_points_per_centroid = 1; /* fewer are only warned of */
        how.max_points_per_centroid = n; /* and more sampled: the caller has done that */
        faiss::Clustering clustering(E, K, how);
        Spread spread(E, pool);
        clustering.train(n, vectors, spread);
        std::copy(clustering.centroids.begin(), clustering.centroids.end(), centres);
    });
    omp_set_num_threads(threads);
    return result;
}

Clusters *clusters_open(const float *centres, int K, int E, Error *err) {
    Clusters *clusters = nullptr;
    const int result = guarded(nullptr, err, [&] {
        clusters = new Clusters(E);
        clusters->centres.add(K, centres);
    });
    if (result == 0)
        return clusters;
    delete clusters;
    return nullptr;
}

void clusters_close(Clusters *clusters) {
    delete clusters;
}

int clusters_nearest(int64_t *nearest, const Clusters *clusters, const float *vectors, int n, int most,
                     Error *err) {
    return guarded(
        nullptr, err,
        [&] {
            std::vector<float> scores(static_cast<size_t>(n) * static_cast<size_t>(most));
            search_alone(clusters->centres, n, vectors, most, scores.data(), nearest);
        });
}
