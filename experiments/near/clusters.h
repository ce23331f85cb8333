/* clusters.h: what FAISS does here: it finds the centres of clusters of vectors, and which centres are
 * nearest to a vector. clusters_faiss.cc is the only file that knows it; without FAISS=1 there is
 * clusters_none.c in its place, and all but clusters_known fails.
 *
 * All vectors are of unit length, and near is what has a high inner product. The bits of what is learned do
 * not depend on the number of threads. FAISS starts none of its own: the pool's work for it.
 */
#ifndef EXPERIMENTS_NEAR_CLUSTERS_H
#define EXPERIMENTS_NEAR_CLUSTERS_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"

#include <stdbool.h>
#include <stdint.h>

bool clusters_known(void); /* whether this program was built with it */

/* centres (K, E), each of unit length, of vectors (n, E), n >= K: spherical k-means, from a fixed seed. Ends
 * with its error when the pool is stopped. */
int clusters_learn(float *centres, int K, const float *vectors, int n, int E, Pool *pool, Error *err);

typedef struct Clusters Clusters;

/* Copies the centres (K, E). NULL with an error. */
Clusters *clusters_open(const float *centres, int K, int E, Error *err);
void clusters_close(Clusters *clusters); /* NULL is fine */

/* nearest (n, most): the numbers of the `most` <= K centres nearest to each vector (n, E), nearest first; -1
 * where there is none, as of a vector that is no number. Any thread may ask. */
int clusters_nearest(int64_t *nearest, const Clusters *clusters, const float *vectors, int n, int most,
                     Error *err);

#endif
