/* pickle_write.h: pieces of a Python pickle of protocol 2, put at the end of a buffer. */
#ifndef CLIP_TENSORS_PICKLE_WRITE_H
#define CLIP_TENSORS_PICKLE_WRITE_H

#include "clip/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

#define PICKLE_BEGIN "\x80\x02" /* PROTO 2 */
#define PICKLE_END "."          /* STOP */

void pickle_put_size(Buffer *out, int n_bytes, uint64_t size); /* the lowest byte first */
void pickle_put_text(Buffer *out, const char *text);
void pickle_put_integer(Buffer *out, int64_t value);
void pickle_put_real(Buffer *out, double value);
void pickle_put_bool(Buffer *out, bool value);
void pickle_put_none(Buffer *out);
/* A tuple. */
void pickle_put_integers(Buffer *out, const int64_t *values, int n);

/* A dict: begin, then key, value, key, value, ..., end. */
void pickle_dict_begin(Buffer *out);
void pickle_dict_end(Buffer *out);

#endif
