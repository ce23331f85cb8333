/* serve_support.c: see serve_support.h */
#define _GNU_SOURCE /* MSG_NOSIGNAL, SOCK_CLOEXEC */
#include "tests/experiments/serve/serve_support.h"

#include "clip/base/buffer.h"
#include "clip/base/clock.h"
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_WORDS = 32, SECONDS = 60 };

const char *serve_index(Cli *cli, int n) {
    const char *index = cli_path(cli, "x.index"), *photos = cli_path(cli, "photos");
    assert_int_equal(mkdir(photos, 0777), 0);
    for (int i = 0; i < n; i++)
        cli_copy(arena_printf(cli->arena, FIXTURES "images/shape%02d/%04d.jpg", i % 10, i / 10),
                 cli_path(cli, "photos/%02d.jpg", i));
    cli_ok(cli, "index", photos, "--model", SERVE_MODEL, "--vocab", SERVE_VOCAB, "--out", index);
    return index;
}

/* "http://127.0.0.1:PORT/" on its standard output. */
static int read_port(Cli *cli) {
    const double start = clock_seconds();
    while (clock_seconds() - start < SECONDS) {
        char line[256] = "";
        if (pread(fileno(cli->streams[0]), line, sizeof line - 1, 0) > 0 && strchr(line, '\n'))
            return atoi(strrchr(line, ':') + 1);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("coop serve did not say where it is");
    return 0;
}

int serve_start(Cli *cli, const char *const *words) {
    const char *all[MAX_WORDS] = {"serve", cli_path(cli, "x.index"), "--port", "0"};
    for (int i = 0; words[i]; i++)
        all[4 + i] = words[i];
    cli_start(cli, all);
    return read_port(cli);
}

int serve_photos(Cli *cli, int n) {
    serve_index(cli, n);
    return serve_start(cli, (const char *const[]){NULL});
}

int serve_connect(int port) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval most = {.tv_sec = SECONDS};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* The server may have closed it. */
void serve_say(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    for (ssize_t n; size > 0 && (n = send(fd, at, size, MSG_NOSIGNAL)) > 0; size -= (size_t)n)
        at += n;
}

char *serve_hear(Cli *cli, int fd, size_t *size) {
    char piece[65536];
    Buffer out = {0};
    for (ssize_t n; (n = recv(fd, piece, sizeof piece, 0)) > 0;)
        buffer_append(&out, piece, (size_t)n);
    close(fd);
    if (size)
        *size = out.size;
    char *text = buffer_take(&out, cli->arena);
    assert_non_null(text);
    return text;
}

char *serve_ask(Cli *cli, int port, const void *bytes, size_t size) {
    const int fd = serve_connect(port);
    serve_say(fd, bytes, size);
    return serve_hear(cli, fd, NULL);
}

char *serve_get(Cli *cli, int port, const char *target) {
    const char *text =
        arena_printf(cli->arena, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", target);
    return serve_ask(cli, port, text, strlen(text));
}

char *serve_post(Cli *cli, int port, const void *image, size_t size) {
    const char *head = arena_printf(cli->arena,
                                    "POST /api/search?top=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: "
                                    "close\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n",
                                    size);
    const int fd = serve_connect(port);
    serve_say(fd, head, strlen(head));
    serve_say(fd, image, size);
    return serve_hear(cli, fd, NULL);
}

int serve_status(const char *answer) {
    int status = 0;
    return sscanf(answer, "HTTP/1.%*1[01] %d ", &status) == 1 ? status : 0;
}

void serve_expect(const char *answer, int status, const char *text) {
    const char *body = strstr(answer, "\r\n\r\n");
    if (serve_status(answer) != status || !body || !strstr(body, text))
        fail_msg("%d with '%s' is not: %s", status, text, answer);
}

void serve_lives(Cli *cli, int port) {
    serve_expect(serve_get(cli, port, "/api/about"), 200, "\"photos\":");
}

void serve_end(Cli *cli) {
    kill(cli->child, SIGTERM);
    if (cli_wait(cli) != 128 + SIGTERM)
        fail_msg("status %d: %s", cli->status, cli->err);
}
