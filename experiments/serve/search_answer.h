/* search_answer.h: what is found for q=TEXT, not=TEXT, like=ROW and the image that a POST brings. */
#ifndef EXPERIMENTS_SERVE_SEARCH_ANSWER_H
#define EXPERIMENTS_SERVE_SEARCH_ANSWER_H

#include "experiments/serve/service.h"

/* {"of": PHOTOS, "photos": [{"row", and what photo_json.h says}, ...]}, the best first. Further values: top=K
 * (default 60), fold=COSINE. */
void answer_search(const Service *service, Request *request, uint64_t row);

#endif
