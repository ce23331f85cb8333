/* http.h: a GET over HTTP or HTTPS, by libcurl if the program was built with it.
 *
 * Redirects are followed, from https never to http. Proxies are those of the environment (https_proxy,
 * no_proxy and the like, as libcurl has it). A server over HTTPS must have a certificate for its name from an
 * authority that the system trusts, or one in the file of CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE or
 * SSL_CERT_FILE, which Python's programs ask too. A token goes to the host of the address alone, to none that
 * it redirects to.
 */
#ifndef EXPERIMENTS_FETCH_HTTP_H
#define EXPERIMENTS_FETCH_HTTP_H

#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connections, kept from one request to the next. */
typedef struct HttpClient HttpClient;

bool http_available(void); /* false: built without libcurl, and http_open fails */
HttpClient *http_open(Error *err);
void http_close(HttpClient *client); /* NULL is fine */

typedef struct {
    const char *url;
    const char *token; /* NULL: none */
    uint64_t from;     /* the first byte that is wanted */
    const char *etag;  /* from > 0: of the thing that the bytes before came from; NULL: not known */
    int stall;         /* seconds without a byte until it is given up */
} HttpRequest;

/* What the server says, before the first byte of it. */
typedef struct {
    int status;      /* 200: all of it, 206: from `from` on; 0: no answer */
    uint64_t from;   /* the first byte that follows */
    int64_t size;    /* of the whole; -1: not said */
    char etag[128];  /* a strong one, quotes and all; "": none */
    int retry_after; /* seconds; -1: not said */
} HttpAnswer;

/* Takes bytes of an answer 200 or 206; -1 ends the request with the error that it has set. */
typedef int (*HttpBody)(void *context, const HttpAnswer *answer, const void *data, size_t size, Error *err);

/* AGAIN: what failed may work in a moment: a broken or stalled connection, 429, 500 and the like. */
typedef enum { HTTP_DONE, HTTP_AGAIN, HTTP_FAILED } HttpResult;

/* An error is "URL: reason". Ctrl-C ends the request within a second, as ERROR_SIGNAL. */
HttpResult http_get(HttpClient *client, HttpAnswer *answer, const HttpRequest *request, HttpBody body,
                    void *context, Error *err);

#endif
