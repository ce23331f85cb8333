/* json.h: jansson where memory runs out.
 *
 * It then says the same as of a wrong text: in the middle of a word, a syntax error; of a new string, that it
 * is not UTF-8. Or it says nothing: a text is read without one of its letters, and written without one of its
 * keys; and where that letter ends a string it reads on behind it, or gives the program up. So its
 * allocations are watched, in each thread, from json_begin on, and a reading ends with the first that fails.
 * What has been read by then is not freed: jansson alone knows where it is.
 *
 *     json_t *root = json_read(text, size, &why);
 *     if (!root)
 *         return json_refuse(err, "%s: line %d: %s", path, why.line, why.text);
 *
 * What is put together: json_begin(); json_t *list = json_array(); ...; if (!text) return json_refuse(...).
 */
#ifndef CLIP_BASE_JSON_H
#define CLIP_BASE_JSON_H

#include "clip/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* json_loadb, where a key may stand once. Caller decrefs; NULL on failure. */
json_t *json_read(const char *text, size_t size, json_error_t *why);

/* json_dumps. Caller frees; NULL on failure. */
char *json_write(const json_t *json, size_t flags);

void json_begin(void);
bool json_ran_out(void); /* of memory, since json_begin or the last json_read */
/* After a failure: out of memory, or what the format says. Returns -1. */
int json_refuse(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
