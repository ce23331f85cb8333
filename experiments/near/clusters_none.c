/* clusters_none.c: clusters.h without FAISS. (With it: clusters_faiss.cc.) */
#include "experiments/near/clusters.h"

bool clusters_known(void) {
    return false;
}

int clusters_learn(float *centres, int K, const float *vectors, int n, int E, Pool *pool, Error *err) {
    (void)centres, (void)K, (void)vectors, (void)n, (void)E, (void)pool;
    return error_usage(
        err, "--approximate: this coop was built without FAISS; make deps all FAISS=1 builds it with");
}
