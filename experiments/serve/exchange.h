/* exchange.h: one request on its way, from its first line to the last byte of its answer. */
#ifndef EXPERIMENTS_SERVE_EXCHANGE_H
#define EXPERIMENTS_SERVE_EXCHANGE_H

#include "experiments/serve/connections.h"
#include "experiments/serve/lane.h"
#include "experiments/serve/microhttpd.h"
#include "experiments/serve/routes.h"

#include <pthread.h>

/* Bytes: of one image that is sent; of all that are being received at a time. */
enum { MOST_BODY = 64 << 20, MOST_BODIES = 256 << 20 };

typedef struct Exchange Exchange;

typedef struct {
    Microhttpd mhd;
    struct MHD_Daemon *daemon;
    const Service *service;
    const char *host, *policy; /* page.h */
    Lane *models, *pictures;   /* NULL: the server ends */
    Connections connections;
    size_t bodies; /* bytes that are announced */
    int wake;      /* an eventfd: something is done */
    pthread_mutex_t lock;
    Exchange *done;  /* answered by a lane: a list */
    Exchange *works; /* in a lane: a list of the loop's thread */
} Server;

/* What libmicrohttpd calls; cls is the Server. */
void *exchange_begin(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_go_on(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data, size_t *size,
                               void **exchange);
void exchange_end(void *cls, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code);

/* What a lane calls; context is the Server. */
void exchange_work(void *context, void *exchange);
/* Goes on with those that a lane has answered. */
void exchange_resume_done(Server *server);
/* When no lane runs any more: those that still wait are told that the server ends. */
void exchange_refuse_all(Server *server);

#endif
