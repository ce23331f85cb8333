/* json_items.h: large JSON files, an entry at a time.
 *
 * Files of annotations are one object whose lists have millions of entries, or one list, or one object of
 * entries, or an entry per line. A tree of the whole file would take many times its size; here the text is
 * walked, and each entry goes to jansson alone. What nobody asked for is stepped over.
 */
#ifndef DATASETS_CAPTIONS_JSON_ITEMS_H
#define DATASETS_CAPTIONS_JSON_ITEMS_H

#include "clip/base/error.h"
#include "clip/base/json.h"

/* One entry; place says where it stands, for messages: "annotations[12]", "entry '7'", "line 3". Both are
 * borrowed. An error needs to say the reason alone: the file and the place are put before it. */
typedef int (*JsonItemFn)(void *context, const char *place, const json_t *item, Error *err);

typedef struct {
    const char *key;
    JsonItemFn take; /* of each element of the list, or of the value, with the key as its place */
    bool is_list, needed;
    bool seen; /* filled in */
} JsonPart;

/* A file that is one object: the values of these keys (n), in the order of the file. A key that comes twice,
 * or one that is needed and missing, is an error. */
int json_parts_read(const char *path, JsonPart *parts, int n, void *context, Error *err);

/* A file of entries: a list, an object of objects, or an object per line. */
int json_items_read(const char *path, JsonItemFn take, void *context, Error *err);

/* The first character of the file that is no white space; 0: there is none. -1 with an error. */
int json_first(const char *path, Error *err);

#endif
