/* server.h: requests over HTTP, until a signal comes.
 *
 * One thread speaks with all that are connected (libmicrohttpd's loop, run here), so that a thousand slow
 * ones cost no more than their buffers. What takes time is done on threads beside it: one for all that
 * computes with a model, a few for pictures. Each of both has a line of those who wait; when it is full, the
 * answer is 503.
 */
#ifndef EXPERIMENTS_SERVE_SERVER_H
#define EXPERIMENTS_SERVE_SERVER_H

#include "experiments/serve/service.h"

#include <stdbool.h>

/* Whether the program was built with libmicrohttpd; else serving fails. */
bool server_available(void);

/* Prints the address on stdout once it listens. Ends with ERROR_SIGNAL when a signal came. */
int server_run(const Service *service, const char *host, int port, Error *err);

#endif
