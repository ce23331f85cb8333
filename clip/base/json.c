/* json.c: see json.h */
#include "clip/base/json.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* jansson has one allocator for the whole process, and no place of its own for who asks; so the note that it
 * found nothing is as global as that, but of each thread. */
static pthread_once_t watched = PTHREAD_ONCE_INIT;
static json_malloc_t allocate;
static _Thread_local bool ran_out;
static _Thread_local jmp_buf *way_out; /* of a reading */

static void *allocate_watched(size_t size) {
    void *block = allocate(size);
    if (block)
        return block;
    ran_out = true;
    if (way_out)
        longjmp(*way_out, 1);
    return NULL;
}

static void watch(void) {
    json_free_t release;
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(allocate_watched, release);
}

void json_begin(void) {
    pthread_once(&watched, watch);
    ran_out = false;
}

json_t *json_read(const char *text, size_t size, json_error_t *why) {
    jmp_buf here;
    json_begin();
    if (setjmp(here) != 0) {
        way_out = NULL;
        return NULL;
    }
    way_out = &here;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, why);
    way_out = NULL;
    return json;
}

char *json_write(const json_t *json, size_t flags) {
    const bool before = ran_out;
    json_begin();
    char *text = json_dumps(json, flags);
    if (!ran_out) {
        ran_out = before;
        return text;
    }
    free(text);
    return NULL;
}

bool json_ran_out(void) {
    return ran_out;
}

int json_refuse(Error *err, const char *format, ...) {
    if (ran_out)
        return error_memory(err);
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(err, "%s", text);
}
