/* photo_json.c: see photo_json.h */
#include "experiments/find/photo_json.h"

#include "experiments/terminal/printable.h"

#include <string.h>
#include <unistr.h>

static const char *valid(const char *name, Arena *arena) {
    return name && u8_check((const uint8_t *)name, strlen(name)) ? printable(name, arena) : name;
}

json_t *photo_json(const FoundPhoto *photo, Arena *arena) {
    static const char *const states[] = {"there", "changed", "gone"};
    return json_pack("{s:s, s:s*, s:f, s:i, s:s}", "path", valid(photo->entry.path, arena), "member",
                     valid(photo->entry.member, arena), "score", photo->score, "alike", photo->n_alike,
                     "state", states[photo->state]);
}
