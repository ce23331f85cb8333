/* server.c: see server.h */
#define _GNU_SOURCE /* eventfd */
#include "experiments/serve/server.h"

#ifndef HAVE_MICROHTTPD

bool server_available(void) {
    return false;
}

int server_run(const Service *service, const char *host, int port, Error *err) {
    (void)service;
    (void)host;
    (void)port;
    return error_run(
        err,
        "this program was built without libmicrohttpd (Debian: libmicrohttpd-dev), so it serves nothing");
}

#else

#include "clip/base/clock.h"
#include "experiments/serve/exchange.h"
#include "experiments/serve/listen.h"
#include "experiments/serve/page.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/output.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* So many connections; of these, so many requests in each line; bytes of a request's head. */
enum { MOST_LINKS = 512, SPARE = 64, MOST_WAITING = 64, MOST_HEAD = 32 << 10, MOST_PICTURES = 4 };
enum { POLL_MS = 500, LAST_ROUNDS = 20, ROUND_MS = 25 };

bool server_available(void) {
    return true;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    Server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        connections_remove(&server->connections, *context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        server->mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = info ? connections_add(&server->connections, info->connect_fd, clock_seconds()) : NULL;
}

/* Fewer where the process may not have so many files open. */
static int most_links(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= MOST_LINKS + 2 * SPARE)
        return MOST_LINKS;
    return limit.rlim_cur > 4 * SPARE ? (int)limit.rlim_cur - 2 * SPARE : SPARE;
}

static int start(Server *server, int listening, Error *err) {
    const int n = pool_threads(server->service->model->pool);
    server->connections.most = most_links();
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake < 0)
        return error_run(err, "cannot make an eventfd");
    server->models = lane_open(1, MOST_WAITING, exchange_work, server, err);
    server->pictures = server->models ? lane_open(n < MOST_PICTURES ? n : MOST_PICTURES, MOST_WAITING,
                                                  exchange_work, server, err)
                                      : NULL;
    if (!server->pictures)
        return -1;
    server->daemon = server->mhd.start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, exchange_go_on, server,
        MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)(server->connections.most + SPARE),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MOST_HEAD, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    return server->daemon ? 0 : error_run(err, "libmicrohttpd cannot start");
}

static int timeout_ms(const Server *server) {
    MHD_UNSIGNED_LONG_LONG ms;
    return server->mhd.get_timeout(server->daemon, &ms) == MHD_YES && ms < POLL_MS ? (int)ms : POLL_MS;
}

/* Waits for something to happen, at most so long, and does what is to be done then. */
static void turn(Server *server, int events, int ms) {
    struct pollfd wait[] = {{.fd = events, .events = POLLIN}, {.fd = server->wake, .events = POLLIN}};
    uint64_t news;
    poll(wait, 2, ms);
    if (read(server->wake, &news, sizeof news) > 0)
        exchange_resume_done(server);
    server->mhd.run(server->daemon);
}

static void loop(Server *server) {
    const int events = server->mhd.get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    double swept = clock_seconds();
    while (!interrupt_signal()) {
        turn(server, events, timeout_ms(server));
        if (clock_seconds() - swept >= 1) {
            swept = clock_seconds();
            connections_sweep(&server->connections, swept);
        }
    }
    /* what is computed is dropped; all get an answer, and a moment to take it */
    lane_close(server->models);
    lane_close(server->pictures);
    server->models = server->pictures = NULL;
    exchange_refuse_all(server);
    for (int i = 0; i < LAST_ROUNDS && server->connections.n > 0; i++)
        turn(server, events, i < 2 ? 0 : ROUND_MS);
}

int server_run(const Service *service, const char *host, int port, Error *err) {
    Server server = {.service = service, .host = host, .wake = -1};
    char url[512];
    int result = -1, listening = -1;
    if (pthread_mutex_init(&server.lock, NULL) != 0)
        return error_memory(err);
    server.policy = page_policy(service->arena, err);
    if (server.policy && microhttpd_load(&server.mhd, err) == 0)
        listening = listen_at(host, port, url, sizeof url, err);
    if (listening >= 0)
        result = start(&server, listening, err);
    if (result == 0) {
        printf("%s\n", url);
        result = output_flush(err);
    }
    if (result == 0) {
        loop(&server);
        result = interrupt_check(err);
    }
    lane_close(server.models);
    lane_close(server.pictures);
    if (server.daemon) /* closes the socket that it listens at, too */
        server.mhd.stop_daemon(server.daemon);
    else if (listening >= 0)
        close(listening);
    if (server.wake >= 0)
        close(server.wake);
    microhttpd_unload(&server.mhd);
    pthread_mutex_destroy(&server.lock);
    return result;
}

#endif
