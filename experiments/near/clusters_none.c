/* clusters_none.c: clusters.h without FAISS. (With it: clusters_faiss.cc.) */
#include "experiments/near/clusters.h"

#include <stddef.h>

static int lacking(Error *err) {
    return error_usage(
        err, "--approximate: this coop was built without FAISS; make deps all FAISS=1 builds it with");
}

bool clusters_known(void) {
    return false;
}

int clusters_learn(float *centres, int K, const float *vectors, int n, int E, Pool *pool, Error *err) {
    (void)centres, (void)K, (void)vectors, (void)n, (void)E, (void)pool;
    return lacking(err);
}

Clusters *clusters_open(const float *centres, int K, int E, Error *err) {
    (void)centres, (void)K, (void)E;
    lacking(err);
    return NULL;
}

void clusters_close(Clusters *clusters) {
    (void)clusters;
}

int clusters_nearest(int64_t *nearest, const Clusters *clusters, const float *vectors, int n, int most,
                     Error *err) {
    (void)nearest, (void)clusters, (void)vectors, (void)n, (void)most;
    return lacking(err);
}
