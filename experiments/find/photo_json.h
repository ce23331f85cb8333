/* photo_json.h: a photo that was found, as JSON tells of it. */
#ifndef EXPERIMENTS_FIND_PHOTO_JSON_H
#define EXPERIMENTS_FIND_PHOTO_JSON_H

#include "clip/base/json.h"
#include "experiments/find/photo_search.h"

/* {"path", "member", "score", "alike", "state"}; a name that is not UTF-8, which JSON needs, is shown as text
 * shows it. Made since json_begin (json.h); the caller's. */
json_t *photo_json(const FoundPhoto *photo, Arena *arena);

#endif
