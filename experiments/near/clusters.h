/* clusters.h: what FAISS does here: it finds the centres of clusters of vectors. clusters_faiss.cc is the
 * only file that knows it; without FAISS=1 there is clusters_none.c in its place.
 */
#ifndef EXPERIMENTS_NEAR_CLUSTERS_H
#define EXPERIMENTS_NEAR_CLUSTERS_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"

#include <stdbool.h>

bool clusters_known(void); /* whether this program was built with it */

/* centres (K, E), each of unit length, of vectors (n, E) of unit length, n >= K: spherical k-means, from a
 * fixed seed; what is near has a high inner product. The bits do not depend on the number of threads: FAISS
 * starts none, the pool's work for it. Ends with its error when the pool is stopped, and always does in a
 * program without FAISS (ERROR_USAGE). */
int clusters_learn(float *centres, int K, const float *vectors, int n, int E, Pool *pool, Error *err);

#endif
