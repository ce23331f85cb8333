/* listen.c: see listen.h */
#define _GNU_SOURCE /* getaddrinfo, SOCK_CLOEXEC */
#include "experiments/serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512 };

static int open_at(const struct addrinfo *at) {
    const int one = 1;
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int port_of(int fd) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

int listen_at(const char *host, int port, char *url, int size, Error *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    const char *format = strchr(host, ':') ? "http://[%s]:%d/" : "http://%s:%d/";
    struct addrinfo *all;
    char service[16];
    int fd = -1;
    snprintf(service, sizeof service, "%d", port);
    errno = 0;
    const int code = getaddrinfo(host, service, &hints, &all);
    if (code != 0)
        return error_usage(err, "--host %s: %s", host,
                           code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
    for (const struct addrinfo *at = all; at && fd < 0; at = at->ai_next)
        fd = open_at(at);
    const int reason = errno;
    freeaddrinfo(all);
    if (fd < 0)
        return error_errno(err, ERROR_RUN, reason, "%s, port %d: cannot listen", host, port);
    snprintf(url, (size_t)size, format, host, port_of(fd));
    return fd;
}
