/* host_name.c: see host_name.h */
#define _GNU_SOURCE /* strcasecmp, inet_pton */
#include "experiments/serve/host_name.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { MOST = 256 };

/* name (MOST): without the port, and without the brackets of an IPv6 address. */
static bool split(char *name, const char *value) {
    const bool brackets = *value == '[';
    const char *end = brackets ? strchr(value, ']') : value + strcspn(value, ":");
    if (!end)
        return false;
    const char *port = brackets ? end + 1 : end;
    value += brackets;
    const size_t n = (size_t)(end - value);
    if (n == 0 || n >= MOST || (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")])))
        return false;
    memcpy(name, value, n);
    name[n] = '\0';
    return brackets == (strchr(name, ':') != NULL);
}

static bool is_address(const char *name) {
    struct in6_addr address;
    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

bool host_name_is_known(const char *value, const char *given) {
    char name[MOST];
    return split(name, value) &&
           (is_address(name) || strcasecmp(name, "localhost") == 0 || strcasecmp(name, given) == 0);
}

bool host_is_loopback(const char *given) {
    struct in_addr address;
    return strcmp(given, "localhost") == 0 || strcmp(given, "::1") == 0 ||
           (inet_pton(AF_INET, given, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}
