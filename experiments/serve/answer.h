/* answer.h: what a request is answered with. */
#ifndef EXPERIMENTS_SERVE_ANSWER_H
#define EXPERIMENTS_SERVE_ANSWER_H

#include "clip/base/arena.h"
#include "clip/base/buffer.h"
#include "clip/base/error.h"
#include "clip/base/json.h"
#include "experiments/serve/target.h"

/* Texts and bytes are static or owned by the request's arena. */
typedef struct {
    int status;
    const char *type;
    const void *body; /* (size) */
    size_t size;
    const char *etag; /* NULL: it is not to be kept */
} Answer;

typedef struct {
    Target target;
    Buffer body;            /* of a POST */
    const char *none_match; /* If-None-Match, or NULL */
    Arena *arena;           /* for all that the answer needs */
    Answer answer;
} Request;

/* {"error": message, "status": status}. Returns -1. */
int answer_refuse(Request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with an error's text; a lack of memory, and the end of the server, are 503 whatever `status` says.
 */
int answer_fail(Request *request, int status, const Error *err);
/* A value made since json_begin, which is released. */
int answer_json(Request *request, json_t *value);

/* The last value of that name, or NULL. */
const char *request_value(const Request *request, const char *name);
/* Refuses the first name that is none of these, separated by blanks, each with one before and behind it. */
int request_check_names(Request *request, const char *known);
/* One with a number from `least` to `most`. */
int request_number(Request *request, int *number, const char *name, int least, int most);

#endif
