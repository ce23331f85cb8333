/* listen.h: the socket that requests come to. */
#ifndef EXPERIMENTS_SERVE_LISTEN_H
#define EXPERIMENTS_SERVE_LISTEN_H

#include "clip/base/error.h"

/* Port 0 takes a free one. *url (size): "http://127.0.0.1:8080/". Returns the socket, which the caller
 * closes; -1 on failure. */
int listen_at(const char *host, int port, char *url, int size, Error *err);

#endif
