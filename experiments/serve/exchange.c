/* exchange.c: see exchange.h. libmicrohttpd asks for each request several times: when its head is there, for
 * each piece of its body, when all has come, and again once a lane has answered. */
#define _GNU_SOURCE /* strcasecmp */
#ifdef HAVE_MICROHTTPD

#include "experiments/serve/exchange.h"

#include "clip/base/clock.h"
#include "experiments/serve/host_name.h"
#include "experiments/serve/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef enum { BEGINS, RECEIVES, WORKS, ANSWERED } Stage;

struct Exchange {
    Request request;
    Route route;
    Server *server;
    struct MHD_Connection *connection;
    Stage stage;
    Error malformed;           /* the target is */
    size_t announced;          /* bytes of the body */
    Exchange *next;            /* done */
    Exchange *before, *behind; /* works */
};

static Link *link_of(const Exchange *e) {
    const union MHD_ConnectionInfo *info =
        e->server->mhd.get_connection_info(e->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void *exchange_begin(void *cls, const char *target, struct MHD_Connection *connection) {
    Exchange *e = calloc(1, sizeof *e);
    Arena *arena = e ? arena_create() : NULL;
    if (!arena) {
        free(e);
        return NULL;
    }
    e->server = cls;
    e->connection = connection;
    e->request.arena = arena;
    target_read(&e->request.target, target, arena, &e->malformed);
    return e;
}

void exchange_end(void *cls, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code) {
    (void)connection;
    (void)code;
    Server *server = cls;
    Exchange *e = *exchange;
    if (!e)
        return;
    server->bodies -= e->announced;
    link_enter(link_of(e), LINK_RECEIVES, clock_seconds());
    buffer_free(&e->request.body);
    arena_free(e->request.arena);
    free(e);
    *exchange = NULL;
}

/* --- the head --- */

typedef struct {
    const char *host, *length, *encoding, *type, *site, *none_match;
    int n_hosts, n_lengths;
} Head;

static enum MHD_Result read_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
    Head *head = cls;
    (void)kind;
    value = value ? value : "";
    if (strcasecmp(name, "Host") == 0) {
        head->host = value;
        head->n_hosts++;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        head->length = value;
        head->n_lengths++;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0)
        head->encoding = value;
    else if (strcasecmp(name, "Content-Type") == 0)
        head->type = value;
    else if (strcasecmp(name, "Sec-Fetch-Site") == 0)
        head->site = value;
    else if (strcasecmp(name, "If-None-Match") == 0)
        head->none_match = value;
    return MHD_YES;
}

/* Whoever asks must mean this server, and not be led here by a page of another. */
static int check_origin(Exchange *e, const Head *head) {
    if (head->n_hosts != 1)
        return answer_refuse(&e->request, 400, "one Host is needed, and here are %d", head->n_hosts);
    if (!host_name_is_known(head->host, e->server->host))
        return answer_refuse(&e->request, 403, "this server does not have the name that Host says");
    if (!e->route.is_page && head->site && strcmp(head->site, "same-origin") != 0 &&
        strcmp(head->site, "none") != 0)
        return answer_refuse(&e->request, 403, "pages of other sites may not ask");
    return 0;
}

static int check_body(Exchange *e, const Head *head, bool is_post) {
    uint64_t size = 0;
    if (head->encoding || (is_post && head->n_lengths == 0))
        return answer_refuse(&e->request, 411, "Content-Length is needed, and no Transfer-Encoding");
    if (head->n_lengths > 1 || (head->length && target_number(&size, head->length, UINT64_MAX) < 0))
        return answer_refuse(&e->request, head->n_lengths > 1 ? 400 : 413,
                             "one Content-Length is needed, a number");
    if (!is_post)
        return size > 0 ? answer_refuse(&e->request, 400, "only a POST brings something along") : 0;
    if (size == 0)
        return answer_refuse(&e->request, 400, "an image is needed");
    if (size > MOST_BODY)
        return answer_refuse(&e->request, 413, "an image of more than %d bytes", MOST_BODY);
    if (!head->type || (strncasecmp(head->type, "image/", 6) != 0 &&
                        strcasecmp(head->type, "application/octet-stream") != 0))
        return answer_refuse(&e->request, 415, "Content-Type: image/... is needed");
    if (e->server->bodies + size > MOST_BODIES)
        return answer_refuse(&e->request, 503, "too many images come at once");
    e->announced = (size_t)size;
    e->server->bodies += e->announced;
    return 0;
}

static int check_head(Exchange *e, const Head *head, const char *method) {
    Request *request = &e->request;
    const bool is_post = strcmp(method, "POST") == 0;
    const bool found = e->malformed.kind == ERROR_NONE && route_find(&e->route, request->target.path);
    if (check_origin(e, head) < 0)
        return -1;
    if (e->malformed.kind != ERROR_NONE)
        return answer_fail(request, 400, &e->malformed);
    if (!found)
        return answer_refuse(request, 404, "there is nothing here");
    if (!is_post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer_refuse(request, 405, "GET, HEAD%s is needed", e->route.posts ? ", POST" : "");
    if (is_post && !e->route.posts)
        return answer_refuse(request, 405, "GET or HEAD is needed");
    return check_body(e, head, is_post);
}

/* --- the answer --- */

static enum MHD_Result send_answer(Exchange *e) {
    const Microhttpd *mhd = &e->server->mhd;
    const Answer *answer = &e->request.answer;
    struct MHD_Response *response = mhd->create_response_from_buffer(
        answer->size, (void *)(uintptr_t)answer->body, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    const char *const headers[][2] = {{"Content-Type", answer->type},
                                      {"Content-Security-Policy", e->server->policy},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"Referrer-Policy", "no-referrer"},
                                      {"Cross-Origin-Resource-Policy", "same-origin"},
                                      {"ETag", answer->etag},
                                      {"Cache-Control", answer->etag ? "private, no-cache" : "no-store"},
                                      {"Allow", answer->status != 405 ? NULL
                                                : e->route.posts      ? "GET, HEAD, POST"
                                                                      : "GET, HEAD"},
                                      {"Retry-After", answer->status == 503 ? "1" : NULL}};
    bool good = true;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (headers[i][1])
            good = mhd->add_response_header(response, headers[i][0], headers[i][1]) == MHD_YES && good;
    const enum MHD_Result result =
        good ? mhd->queue_response(e->connection, (unsigned)answer->status, response) : MHD_NO;
    mhd->destroy_response(response);
    e->stage = ANSWERED;
    link_enter(link_of(e), LINK_SENDS, clock_seconds());
    return result;
}

/* --- the work --- */

void exchange_work(void *context, void *exchange) {
    Server *server = context;
    Exchange *e = exchange;
    const uint64_t one = 1;
    e->route.answer(server->service, &e->request, e->route.row);
    pthread_mutex_lock(&server->lock);
    e->next = server->done;
    server->done = e;
    pthread_mutex_unlock(&server->lock);
    if (write(server->wake, &one, sizeof one) < 0) /* it is full of such news, then */
        return;
}

static void leave_works(Server *server, Exchange *e) {
    *(e->before ? &e->before->behind : &server->works) = e->behind;
    if (e->behind)
        e->behind->before = e->before;
    e->stage = ANSWERED;
    server->mhd.resume_connection(e->connection);
}

void exchange_resume_done(Server *server) {
    pthread_mutex_lock(&server->lock);
    Exchange *done = server->done;
    server->done = NULL;
    pthread_mutex_unlock(&server->lock);
    for (Exchange *next; done; done = next) {
        next = done->next;
        leave_works(server, done);
    }
}

void exchange_refuse_all(Server *server) {
    exchange_resume_done(server);
    while (server->works) {
        answer_refuse(&server->works->request, 503, "the server ends");
        leave_works(server, server->works);
    }
}

/* The connection sleeps while a lane works for it. */
static enum MHD_Result dispatch(Exchange *e) {
    Server *server = e->server;
    if (e->route.is_page) {
        e->request.answer = (Answer){200, "text/html; charset=utf-8", PAGE, strlen(PAGE), NULL};
        return send_answer(e);
    }
    if (e->route.kind == ROUTE_AT_ONCE) {
        e->route.answer(server->service, &e->request, e->route.row);
        return send_answer(e);
    }
    Lane *lane = e->route.kind == ROUTE_MODEL ? server->models : server->pictures;
    if (!lane) {
        answer_refuse(&e->request, 503, "the server ends");
        return send_answer(e);
    }
    server->mhd.suspend_connection(e->connection);
    e->stage = WORKS;
    e->before = NULL;
    e->behind = server->works;
    if (server->works)
        server->works->before = e;
    server->works = e;
    link_enter(link_of(e), LINK_WORKS, clock_seconds());
    if (!lane_offer(lane, e)) {
        answer_refuse(&e->request, 503, "too many requests wait");
        leave_works(server, e);
    }
    return MHD_YES;
}

static enum MHD_Result begin(Exchange *e, const char *method) {
    Head head = {0};
    e->stage = RECEIVES;
    e->server->mhd.get_connection_values(e->connection, MHD_HEADER_KIND, read_header, &head);
    e->request.none_match = head.none_match; /* lives as long as the request */
    return check_head(e, &head, method) < 0 ? send_answer(e) : MHD_YES;
}

enum MHD_Result exchange_go_on(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data, size_t *size,
                               void **exchange) {
    Exchange *e = *exchange;
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    if (!e)
        return MHD_NO;
    switch (e->stage) {
    case BEGINS:
        return begin(e, method);
    case RECEIVES:
        if (*size == 0)
            return dispatch(e);
        if (e->request.body.size + *size > e->announced)
            return MHD_NO;
        buffer_append(&e->request.body, data, *size);
        *size = 0;
        return e->request.body.failed ? MHD_NO : MHD_YES;
    case WORKS:
        return MHD_YES;
    case ANSWERED:
    default:
        *size = 0;
        return send_answer(e);
    }
}

#endif
