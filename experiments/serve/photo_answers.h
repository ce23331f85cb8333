/* photo_answers.h: the photo of a row of the index: small, or as it is.
 *
 * Nothing but what was indexed is ever read out: the bytes must have the digest that the index has, whatever
 * file, link or device lies at that path by now. What is gone or changed is 410.
 */
#ifndef EXPERIMENTS_SERVE_PHOTO_ANSWERS_H
#define EXPERIMENTS_SERVE_PHOTO_ANSWERS_H

#include "experiments/serve/service.h"

/* A JPEG with the longer side at most side=S pixels (default 320), upright, without what else the file tells.
 */
void answer_thumbnail(const Service *service, Request *request, uint64_t row);
/* The bytes of the file. */
void answer_photo(const Service *service, Request *request, uint64_t row);

/* The photo, owned by the request's arena; NULL after a refusal. */
const unsigned char *request_photo(const Service *service, Request *request, uint64_t row, IndexEntry *entry,
                                   size_t *size);

#endif
