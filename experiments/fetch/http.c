/* http.c: see http.h */
#include "experiments/fetch/http.h"

#ifndef HAVE_LIBCURL

bool http_available(void) {
    return false;
}

HttpClient *http_open(Error *err) {
    error_run(err,
              "this program was built without libcurl (Debian: libcurl4-openssl-dev), so it fetches nothing");
    return NULL;
}

void http_close(HttpClient *client) {
    (void)client;
}

HttpResult http_get(HttpClient *client, HttpAnswer *answer, const HttpRequest *request, HttpBody body,
                    void *context, Error *err) {
    (void)client;
    (void)body;
    (void)context;
    *answer = (HttpAnswer){.size = -1, .retry_after = -1};
    error_run(err, "%s: built without libcurl", request->url);
    return HTTP_FAILED;
}

#else

#include "experiments/fetch/curl_library.h"
#include "experiments/terminal/interrupt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REDIRECTS = 10, CONNECT_SECONDS = 30 };

struct HttpClient {
    CurlLibrary library;
    CURL *curl;
    char reason[CURL_ERROR_SIZE];
};

/* One request on its way. */
typedef struct {
    const HttpClient *client;
    HttpAnswer *answer;
    bool answered; /* *answer is filled in */
    HttpBody body;
    void *context;
    Error *err;
    bool refused; /* by the body, with *err */
} Transfer;

bool http_available(void) {
    return true;
}

HttpClient *http_open(Error *err) {
    HttpClient *client = calloc(1, sizeof *client);
    if (!client) {
        error_memory(err);
        return NULL;
    }
    if (curl_library_load(&client->library, err) < 0) {
        free(client);
        return NULL;
    }
    if (client->library.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        client->curl = client->library.easy_init();
    if (!client->curl) {
        error_memory(err);
        http_close(client);
        return NULL;
    }
    return client;
}

/* The library stays loaded: what it has brought along may not like to be unloaded. */
void http_close(HttpClient *client) {
    if (!client)
        return;
    if (client->curl)
        client->library.easy_cleanup(client->curl);
    client->library.global_cleanup();
    free(client);
}

/* --- the answer --- */

static const char *header(const Transfer *transfer, const char *name) {
    struct curl_header *found;
    return transfer->client->library.easy_header(transfer->client->curl, name, 0, CURLH_HEADER, -1, &found) ==
                   CURLHE_OK
               ? found->value
               : NULL;
}

/* A weak one ("W/...") does not promise the same bytes. */
static void read_etag(HttpAnswer *answer, const char *value) {
    const size_t n = value ? strlen(value) : 0;
    if (n >= 2 && n < sizeof answer->etag && value[0] == '"' && value[n - 1] == '"')
        memcpy(answer->etag, value, n + 1);
}

/* "bytes 100-199/500", the last perhaps "*"; else all of it follows. */
static void read_range(HttpAnswer *answer, const char *range, const char *length) {
    uint64_t first = 0, last, whole;
    const int n = range ? sscanf(range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &whole) : 0;
    if (answer->status == 206) {
        answer->from = n >= 2 ? first : 0;
        answer->size = n == 3 && whole <= INT64_MAX ? (int64_t)whole : -1;
    } else if (answer->status == 200 && length) {
        answer->size = strtoll(length, NULL, 10);
    }
}

static void read_answer(Transfer *transfer) {
    HttpAnswer *answer = transfer->answer;
    long status = 0;
    transfer->client->library.easy_getinfo(transfer->client->curl, CURLINFO_RESPONSE_CODE, &status);
    *answer = (HttpAnswer){.status = (int)status, .size = -1, .retry_after = -1};
    read_etag(answer, header(transfer, "etag"));
    read_range(answer, header(transfer, "content-range"), header(transfer, "content-length"));
    const char *after = header(transfer, "retry-after");
    if (after && *after >= '0' && *after <= '9') /* else it is a date */
        answer->retry_after = (int)strtol(after, NULL, 10);
    transfer->answered = true;
}

static size_t on_body(char *data, size_t size, size_t n, void *context) {
    Transfer *transfer = context;
    if (!transfer->answered)
        read_answer(transfer);
    transfer->refused =
        transfer->body(transfer->context, transfer->answer, data, size * n, transfer->err) < 0;
    return transfer->refused ? 0 : size * n;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up) {
    (void)context;
    (void)total;
    (void)now;
    (void)up_total;
    (void)up;
    return interrupt_signal();
}

/* --- the request --- */

/* What cannot stand in a header would end it, and begin another. */
static bool is_plain(const char *text) {
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static int add_header(const CurlLibrary *library, struct curl_slist **list, const char *format,
                      const char *value) {
    char line[4096];
    const int n = snprintf(line, sizeof line, format, value);
    struct curl_slist *longer = n < (int)sizeof line ? library->slist_append(*list, line) : NULL;
    *list = longer ? longer : *list;
    return longer ? 0 : -1;
}

/* curl keeps a header of ours named Authorization from every host but the first. */
static int add_headers(const CurlLibrary *library, struct curl_slist **list, const HttpRequest *request,
                       Error *err) {
    if (request->token && !is_plain(request->token))
        return error_usage(err, "the token holds something that is no letter, digit or sign");
    if ((request->token && add_header(library, list, "Authorization: Bearer %s", request->token) < 0) ||
        (request->from > 0 && request->etag && add_header(library, list, "If-Range: %s", request->etag) < 0))
        return error_memory(err);
    return 0;
}

/* libcurl itself knows only what it was built with. NULL: those of the system. */
static const char *authorities(void) {
    static const char *const names[] = {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = getenv(names[i]);
        if (path && *path)
            return path;
    }
    return NULL;
}

/* The first that fails tells why: most take a copy of what they are given. */
#define SET(option, value) (code = code == CURLE_OK ? library->easy_setopt(curl, option, value) : code)
static CURLcode prepare(HttpClient *client, Transfer *transfer, const HttpRequest *request,
                        struct curl_slist *headers) {
    CURL *curl = client->curl;
    const CurlLibrary *library = &client->library;
    const bool secure = strncmp(request->url, "https:", 6) == 0;
    CURLcode code = CURLE_OK;
    char range[32];
    snprintf(range, sizeof range, "%" PRIu64 "-", request->from);
    client->reason[0] = '\0';
    library->easy_reset(curl);
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_ERRORBUFFER, client->reason);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_USERAGENT, "coop");
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_RANGE, request->from > 0 ? range : NULL);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    if (authorities())
        SET(CURLOPT_CAINFO, authorities());
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    SET(CURLOPT_FAILONERROR, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)request->stall);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    return code;
}
#undef SET

static HttpResult refuse_status(const char *url, int status, Error *err) {
    static const struct {
        int status;
        const char *what;
        bool again;
    } known[] = {
        {401, "it wants a token", false},           {403, "it is not given to everyone", false},
        {404, "there is no such thing", false},     {407, "the proxy wants a password", false},
        {408, "the request took too long", true},   {416, "it has no such bytes", false},
        {429, "too many requests", true},           {500, "the server fails", true},
        {502, "the server behind it fails", true},  {503, "the server is overloaded or closed", true},
        {504, "the server behind it is late", true}};
    const char *what = "not what was asked for";
    bool again = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status) {
            what = known[i].what;
            again = known[i].again;
        }
    error_run(err, "%s: the server answers %d: %s", url, status, what);
    return again ? HTTP_AGAIN : HTTP_FAILED;
}

static HttpResult refuse_code(const HttpClient *client, CURLcode code, const HttpRequest *request,
                              Error *err) {
    const char *reason = *client->reason ? client->reason : client->library.easy_strerror(code);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        error_memory(err);
        return HTTP_FAILED;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        error_run(err, "%s: the connection broke: %s", request->url, reason);
        return HTTP_AGAIN;
    case CURLE_OPERATION_TIMEDOUT:
        error_run(err, "%s: the server is silent: %s", request->url, reason);
        return HTTP_AGAIN;
    default:
        error_run(err, "%s: %s", request->url, reason);
        return HTTP_FAILED;
    }
}

HttpResult http_get(HttpClient *client, HttpAnswer *answer, const HttpRequest *request, HttpBody body,
                    void *context, Error *err) {
    Transfer transfer = {.client = client, .answer = answer, .body = body, .context = context, .err = err};
    struct curl_slist *headers = NULL;
    HttpResult result = HTTP_FAILED;
    *answer = (HttpAnswer){.size = -1, .retry_after = -1};
    if (add_headers(&client->library, &headers, request, err) == 0) {
        CURLcode code = prepare(client, &transfer, request, headers);
        if (code == CURLE_OK)
            code = client->library.easy_perform(client->curl);
        if (!transfer.answered)
            read_answer(&transfer);
        if (interrupt_signal() && !transfer.refused)
            interrupt_check(err);
        else if (transfer.refused)
            result = HTTP_FAILED;
        else if (code == CURLE_HTTP_RETURNED_ERROR || (code == CURLE_OK && answer->status / 100 != 2))
            result = refuse_status(request->url, answer->status, err);
        else
            result = code == CURLE_OK ? HTTP_DONE : refuse_code(client, code, request, err);
    }
    client->library.slist_free_all(headers);
    return result;
}

#endif
