/* web_server.h: HTTP servers on the loopback address, each in a process of its own.
 *
 * nginx serves the files of a folder, as a server does that works: ranges, ETags, redirects. What no server
 * does that works (to break off in the middle, to fall silent, to lie) is done by a small one of our own.
 * Nothing here, and no test, asks a host of the internet.
 */
#ifndef TESTS_WEB_WEB_SERVER_H
#define TESTS_WEB_WEB_SERVER_H

#include "clip/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct {
    pid_t process;
    int port;
    const char *folder; /* FOLDER/www is served, FOLDER/access.log tells of it */
    Arena *arena;
} WebServer;

/* Serves FOLDER/www as http://127.0.0.1:PORT and, as if it were another host, http://localhost:PORT
 * (1 MiB a second while there is a file FOLDER/www/slow). `rules`
 * go into nginx's server of the first name; "%d" in it becomes the port. */
void web_start(WebServer *server, const char *folder, const char *rules, Arena *arena);
void web_stop(WebServer *server);
/* FOLDER/www/name (formatted) with this content, and its folders. Owned by the arena. */
const char *web_put(const WebServer *server, const char *name, const void *data, size_t size);
/* "http://127.0.0.1:PORT/name" */
const char *web_url(const WebServer *server, const char *name);
/* A line of access.log per request so far: HOST PATH STATUS "AUTHORIZATION" "RANGE" "IF-RANGE" */
char *web_log(const WebServer *server);
int web_count(const WebServer *server, const char *text); /* lines that hold it */

/* What the other server does with each connection, in turn; the last goes on. */
typedef enum {
    FAULT_NONE,
    FAULT_BREAK,    /* sends half of what is left, and closes */
    FAULT_STALL,    /* the same, and says nothing more */
    FAULT_NO_RANGE, /* all of it, whatever was asked for */
    FAULT_SHIFT,    /* a byte further on than was asked for */
    FAULT_CHANGED,  /* another ETag, and so all of it where If-Range names the first */
    FAULT_BUSY      /* 503 */
} Fault;

/* Serves one content under any path as http://127.0.0.1:PORT, with an ETag. */
void faulty_start(WebServer *server, const void *data, size_t size, const Fault *faults, int n, Arena *arena);

#endif
