/* blas_room.h: as many products at once as OpenBLAS has room for.
 *
 * OpenBLAS maps 128 MiB of address space for each product that runs beside others, keeps it for later ones,
 * and when the system refuses (ulimit -v) it asks again for ever. So it is made to map them here, where
 * nothing else is going on, and only after it is known that the system agrees; products for which there is no
 * room wait for one that ends.
 */
#ifndef CLIP_MATH_BLAS_ROOM_H
#define CLIP_MATH_BLAS_ROOM_H

#include "clip/base/error.h"

#include <stdbool.h>

/* Makes room for one product at least, so that none will ever lack it. */
int blas_room_prepare(Error *err);

/* Around each product, on any thread. What enter returns says whether to leave: where there is no room at all
 * and nobody has asked with blas_room_prepare, OpenBLAS has its way. */
bool blas_room_enter(void);
void blas_room_leave(bool entered);

#endif
