/* parcel.h: numbers, texts and bytes, packed into one block for another rank, in the machine's byte order.
 *
 *     Buffer out = {0};
 *     parcel_int(&out, 7);
 *     parcel_text(&out, NULL);
 *     ...
 *     Parcel in = parcel_open(bytes, size);
 *     int64_t seven = parcel_read_int(&in);
 *     const char *none = parcel_read_text(&in);
 */
#ifndef EXPERIMENTS_RANKS_PARCEL_H
#define EXPERIMENTS_RANKS_PARCEL_H

#include "clip/base/buffer.h"
#include "clip/base/error.h"
#include "experiments/ranks/ranks.h"

#include <stdint.h>

void parcel_int(Buffer *out, int64_t number);
void parcel_text(Buffer *out, const char *text); /* NULL is another text than "" */
void parcel_bytes(Buffer *out, const void *data, size_t size);
void parcel_error(Buffer *out, const Error *err);

/* Sends it to the ranks first .. last and frees it. Without memory for it the ranks end: others wait for it.
 */
void parcel_send(RankGroup *ranks, int first, int last, int kind, Buffer *out);

/* Reading is sticky: of a block that ends too early, all that is missing is 0, NULL or empty. */
typedef struct {
    const char *at, *end;
    bool failed;
} Parcel;

Parcel parcel_open(const char *data, size_t size);
int64_t parcel_read_int(Parcel *in);
const char *parcel_read_text(Parcel *in); /* borrowed from the block, as the next are */
const char *parcel_read_bytes(Parcel *in, size_t *size);
/* Bytes of just this size, copied. */
void parcel_read_into(Parcel *in, void *out, size_t size);
void parcel_read_error(Parcel *in, Error *err);

/* --- the files of a folder --- */

/* Packs those of these names (up to NULL) that are there. folder NULL: none. */
int parcel_files(Buffer *out, const char *folder, const char *const *names, Error *err);
/* Writes them into a folder, which is made, and removes those of these names that have not come. */
int parcel_read_files(Parcel *in, const char *folder, const char *const *names, Error *err);

#endif
