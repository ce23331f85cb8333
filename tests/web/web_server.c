/* web_server.c: see web_server.h */
#define _GNU_SOURCE /* strcasestr */
#include "tests/web/web_server.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* --- sockets --- */

/* A socket on a free port of the loopback address. */
static int listen_anywhere(int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static bool answers(int port) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return connected;
}

/* A child that ends with this test. */
static pid_t start_child(void) {
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return child;
}

/* --- nginx --- */

static const char config[] =
    "daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
    "events { worker_connections 64; }\n"
    "http {\n"
    "  log_format seen '$host $uri $status \"$http_authorization\" \"$http_range\" \"$http_if_range\"';\n"
    "  access_log access.log seen;\n"
    "  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; "
    "scgi_temp_path tmp;\n"
    "  default_type application/octet-stream; root www;\n"
    "  limit_req_zone $server_port zone=slow:1m rate=2r/s; limit_req_status 429;\n"
    "  server { listen 127.0.0.1:%d default_server; server_name 127.0.0.1; %s }\n"
    "  server { listen 127.0.0.1:%d; server_name localhost;\n"
    "    if (-f $document_root/slow) { set $limit_rate 1m; } }\n"
    "}\n";

/* `rules` with the port for each "%d". */
static const char *with_port(const char *rules, int port, Arena *arena) {
    Buffer out = {0};
    for (const char *at = rules; *at; at++)
        if (at[0] == '%' && at[1] == 'd') {
            buffer_printf(&out, "%d", port);
            at++;
        } else {
            buffer_putc(&out, *at);
        }
    return buffer_take(&out, arena);
}

void web_start(WebServer *server, const char *folder, const char *rules, Arena *arena) {
    *server = (WebServer){.folder = folder, .arena = arena};
    close(listen_anywhere(&server->port));
    const int port = server->port;
    const char *path = arena_printf(arena, "%s/nginx.conf", folder);
    const char *text = arena_printf(arena, config, port, with_port(rules, port, arena), port);
    scratch_file(path, text, strlen(text));
    assert_int_equal(make_folders(arena_printf(arena, "%s/www", folder), NULL), 0);
    assert_int_equal(make_folders(arena_printf(arena, "%s/tmp", folder), NULL), 0);
    server->process = start_child();
    if (server->process == 0) {
        const char *prefix = arena_printf(arena, "%s/", folder),
                   *errors = arena_printf(arena, "%s/error.log", folder);
        execl("/usr/sbin/nginx", "nginx", "-p", prefix, "-c", path, "-e", errors, (char *)NULL);
        execlp("nginx", "nginx", "-p", prefix, "-c", path, "-e", errors, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500 && !answers(port); i++) {
        if (waitpid(server->process, NULL, WNOHANG) != 0)
            fail_msg("nginx does not start (make deps installs it): %s",
                     file_read(arena_printf(arena, "%s/error.log", folder), 1 << 20, arena, NULL, NULL));
        usleep(10000);
    }
    assert_true(answers(port));
}

void web_stop(WebServer *server) {
    if (server->process > 0) {
        kill(server->process, SIGKILL);
        waitpid(server->process, NULL, 0);
    }
    server->process = 0;
}

const char *web_put(const WebServer *server, const char *name, const void *data, size_t size) {
    const char *path = arena_printf(server->arena, "%s/www/%s", server->folder, name);
    assert_int_equal(make_folders(path_folder(server->arena, path), NULL), 0);
    scratch_file(path, data, size);
    return path;
}

const char *web_url(const WebServer *server, const char *name) {
    return arena_printf(server->arena, "http://127.0.0.1:%d/%s", server->port, name);
}

char *web_log(const WebServer *server) {
    usleep(50000); /* a line is written when its answer has gone */
    char *text = file_read(arena_printf(server->arena, "%s/access.log", server->folder), 1 << 24,
                           server->arena, NULL, NULL);
    assert_non_null(text);
    return text;
}

int web_count(const WebServer *server, const char *text) {
    int n = 0;
    for (char *line = strtok(web_log(server), "\n"); line; line = strtok(NULL, "\n"))
        n += strstr(line, text) != NULL;
    return n;
}

/* --- the other one --- */

static void send_all(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        const ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += n;
        size -= (size_t)n;
    }
}

/* Reads a request up to its empty line. */
static bool read_request(int fd, char *request, size_t size) {
    size_t n = 0;
    request[0] = '\0';
    while (!strstr(request, "\r\n\r\n")) {
        const ssize_t got = n < size - 1 ? recv(fd, request + n, size - 1 - n, 0) : 0;
        if (got <= 0)
            return false;
        n += (size_t)got;
        request[n] = '\0';
    }
    return true;
}

static void answer(int fd, const char *request, const char *data, size_t size, Fault fault) {
    char head[512];
    const char *range = strcasestr(request, "\nRange: bytes="),
               *etag = fault == FAULT_CHANGED ? "\"2\"" : "\"1\"";
    size_t from = range ? strtoul(range + 14, NULL, 10) : 0;
    const char *if_range = strcasestr(request, "\nIf-Range: ");
    if (fault == FAULT_BUSY) {
        const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        send_all(fd, busy, sizeof busy - 1);
        return;
    }
    if (fault == FAULT_NO_RANGE || (if_range && strncmp(if_range + 11, etag, 3) != 0))
        from = 0;
    else if (fault == FAULT_SHIFT)
        from++;
    if (from > 0)
        snprintf(
            head, sizeof head,
            "HTTP/1.1 206 Part\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%zu/%zu\r\nETag: %s\r\n"
            "Connection: close\r\n\r\n",
            size - from, from, size - 1, size, etag);
    else
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 All\r\nContent-Length: %zu\r\nETag: %s\r\nConnection: close\r\n\r\n", size,
                 etag);
    send_all(fd, head, strlen(head));
    const bool half = fault == FAULT_BREAK || fault == FAULT_STALL;
    send_all(fd, data + from, half ? (size - from) / 2 : size - from);
    if (fault == FAULT_STALL)
        sleep(60);
}

static void serve(int listening, const char *data, size_t size, const Fault *faults, int n) {
    char request[8192];
    for (int i = 0;; i++) {
        const int fd = accept(listening, NULL, NULL);
        if (fd < 0)
            continue;
        if (fork() == 0) { /* so that one that is silent keeps nobody else waiting */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (read_request(fd, request, sizeof request))
                answer(fd, request, data, size, faults[i < n ? i : n - 1]);
            _exit(0);
        }
        close(fd);
    }
}

void faulty_start(WebServer *server, const void *data, size_t size, const Fault *faults, int n,
                  Arena *arena) {
    *server = (WebServer){.arena = arena};
    const int listening = listen_anywhere(&server->port);
    server->process = start_child();
    if (server->process == 0) {
        signal(SIGCHLD, SIG_IGN);
        serve(listening, data, size, faults, n);
    }
    close(listening);
}
