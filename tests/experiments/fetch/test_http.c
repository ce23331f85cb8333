/* One request: ranges, redirects, tokens, proxies, and what a server can do wrong. */
#include "experiments/fetch/http.h"

#include "clip/base/buffer.h"
#include "clip/base/clock.h"
#include "tests/support/scratch.h"
#include "tests/web/web_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char rules[] = "location /away/ { rewrite ^/away/(.*)$ http://localhost:%d/$1 redirect; }"
                            "location /here/ { rewrite ^/here/(.*)$ /$1 redirect; }"
                            "location /loop { return 302 /loop; }"
                            "location /file { return 302 file:///etc/passwd; }"
                            "location /whole/ { max_ranges 0; }"
                            "location /secret/ { if ($http_authorization != 'Bearer hf_x') { return 401; } }"
                            "location /forbidden { return 403; }"
                            "location /many { add_header Retry-After 7 always; return 429; }"
                            "location /fails { return 500; }"
                            "location /closed { return 503; }";

typedef struct {
    HttpClient *client;
    WebServer server;
    Arena *arena;
    Error err;
    HttpAnswer answer;
    Buffer got;
} Fixture;

static int on_bytes(void *context, const HttpAnswer *answer, const void *data, size_t size, Error *err) {
    (void)err;
    assert_true(answer->status == 200 || answer->status == 206);
    buffer_append(context, data, size);
    return 0;
}

static int refuse(void *context, const HttpAnswer *answer, const void *data, size_t size, Error *err) {
    (void)context;
    (void)answer;
    (void)data;
    (void)size;
    return error_set(err, "no more");
}

static HttpResult ask(Fixture *f, HttpRequest request) {
    f->err = (Error){0};
    request.stall = request.stall ? request.stall : 10;
    buffer_free(&f->got);
    return http_get(f->client, &f->answer, &request, on_bytes, &f->got, &f->err);
}

static Fixture *start(void **state, const char *text) {
    Arena *arena = arena_create();
    Fixture *f = ARENA_NEW(arena, Fixture, 1);
    f->arena = arena;
    web_start(&f->server, *state, text, arena);
    f->client = http_open(&f->err);
    assert_non_null(f->client);
    return f;
}

static void stop(Fixture *f) {
    buffer_free(&f->got);
    http_close(f->client);
    web_stop(&f->server);
    arena_free(f->arena);
}

static void same(Fixture *f, const char *text) {
    assert_string_equal(buffer_text(&f->got) ? f->got.bytes : "", text);
}

static void test_ranges(void **state) {
    Fixture *f = start(state, rules);
    web_put(&f->server, "a", "0123456789", 10);
    web_put(&f->server, "whole/a", "0123456789", 10);
    web_put(&f->server, "empty", "", 0);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "a")}), HTTP_DONE);
    same(f, "0123456789");
    assert_int_equal(f->answer.status, 200);
    assert_int_equal(f->answer.size, 10);
    assert_true(strlen(f->answer.etag) > 2);
    const char *etag = arena_strdup(f->arena, f->answer.etag);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "a"), .from = 7, .etag = etag}),
                     HTTP_DONE);
    same(f, "789");
    assert_int_equal(f->answer.status, 206);
    assert_int_equal(f->answer.from, 7);
    assert_int_equal(f->answer.size, 10);
    /* another version, or no ranges: all of it */
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "a"), .from = 7, .etag = "\"0\""}),
                     HTTP_DONE);
    same(f, "0123456789");
    assert_int_equal(f->answer.from, 0);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "whole/a"), .from = 7}), HTTP_DONE);
    assert_int_equal(f->answer.status, 200);
    same(f, "0123456789");
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "a"), .from = 10}), HTTP_FAILED);
    assert_int_equal(f->answer.status, 416);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "empty")}), HTTP_DONE);
    assert_int_equal(f->answer.status, 200);
    stop(f);
}

/* A token goes to the host that was named, and to no other. */
static void test_token(void **state) {
    Fixture *f = start(state, rules);
    web_put(&f->server, "a", "0", 1);
    web_put(&f->server, "secret/a", "1", 1);
    const char *token = "hf_x";
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "secret/a"), .token = token}),
                     HTTP_DONE);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "here/secret/a"), .token = token}),
                     HTTP_DONE);
    same(f, "1");
    assert_int_equal(web_count(&f->server, "127.0.0.1 /secret/a 200 \"Bearer hf_x\""), 2);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "away/a"), .token = token}), HTTP_DONE);
    same(f, "0");
    assert_int_equal(web_count(&f->server, "127.0.0.1 /away/a 302 \"Bearer hf_x\""), 1);
    assert_int_equal(web_count(&f->server, "localhost /a 200 \"-\""), 1);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "secret/a")}), HTTP_FAILED);
    assert_int_equal(f->answer.status, 401);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "a"), .token = "x\r\nHost: y"}),
                     HTTP_FAILED);
    assert_int_equal(f->err.kind, ERROR_USAGE);
    assert_null(strstr(f->err.text, "Host"));
    stop(f);
}

static void test_statuses(void **state) {
    static const struct {
        const char *name;
        int status;
        HttpResult result;
        const char *text;
    } cases[] = {{"none", 404, HTTP_FAILED, "/none: the server answers 404: there is no such thing"},
                 {"forbidden", 403, HTTP_FAILED, "answers 403: it is not given to everyone"},
                 {"many", 429, HTTP_AGAIN, "answers 429: too many requests"},
                 {"fails", 500, HTTP_AGAIN, "answers 500: the server fails"},
                 {"closed", 503, HTTP_AGAIN, "answers 503"},
                 {"loop", 302, HTTP_FAILED, "redirects"},
                 {"file", 302, HTTP_FAILED, "rotocol"}};
    Fixture *f = start(state, rules);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, cases[i].name)}), cases[i].result);
        assert_int_equal(f->answer.status, cases[i].status);
        assert_int_equal(f->answer.retry_after, strcmp(cases[i].name, "many") == 0 ? 7 : -1);
        if (!strstr(f->err.text, cases[i].text))
            fail_msg("got %s\nwant %s", f->err.text, cases[i].text);
        assert_int_equal(f->got.size, 0);
    }
    web_put(&f->server, "a", "0", 1);
    const HttpRequest request = {.url = web_url(&f->server, "a"), .stall = 10};
    f->err = (Error){0};
    assert_int_equal(http_get(f->client, &f->answer, &request, refuse, NULL, &f->err), HTTP_FAILED);
    assert_string_equal(f->err.text, "no more");
    web_stop(&f->server);
    assert_int_equal(ask(f, (HttpRequest){.url = web_url(&f->server, "a")}), HTTP_FAILED);
    assert_int_equal(f->answer.status, 0);
    assert_int_equal(f->err.kind, ERROR_RUN);
    stop(f);
}

/* A host that nobody could find, by way of the proxy that the environment names. */
static void test_proxy(void **state) {
    Fixture *f = start(state, rules);
    web_put(&f->server, "a", "0", 1);
    setenv("http_proxy", web_url(&f->server, ""), 1);
    assert_int_equal(ask(f, (HttpRequest){.url = "http://hub.invalid/a"}), HTTP_DONE);
    same(f, "0");
    setenv("no_proxy", "hub.invalid", 1);
    assert_int_equal(ask(f, (HttpRequest){.url = "http://hub.invalid/a"}), HTTP_FAILED);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    assert_int_equal(web_count(&f->server, "hub.invalid /a 200"), 1);
    stop(f);
}

static void test_faults(void **state) {
    static const Fault faults[] = {FAULT_BREAK, FAULT_STALL, FAULT_BUSY};
    Fixture *f = start(state, rules);
    WebServer faulty;
    faulty_start(&faulty, "0123456789", 10, faults, 3, f->arena);
    const char *url = web_url(&faulty, "a");
    assert_int_equal(ask(f, (HttpRequest){.url = url}), HTTP_AGAIN);
    assert_non_null(strstr(f->err.text, "the connection broke: "));
    same(f, "01234");
    const double start_time = clock_seconds();
    assert_int_equal(ask(f, (HttpRequest){.url = url, .stall = 1}), HTTP_AGAIN);
    assert_non_null(strstr(f->err.text, "the server is silent: "));
    assert_true(clock_seconds() - start_time < 10);
    assert_int_equal(ask(f, (HttpRequest){.url = url}), HTTP_AGAIN);
    assert_int_equal(f->answer.status, 503);
    web_stop(&faulty);
    stop(f);
}

/* A server of 127.0.0.2, by an authority that no system knows. */
static void test_certificates(void **state) {
    static const char *const names[] = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"};
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    Arena *arena = arena_create();
    Fixture *f = start(state, arena_printf(arena,
                                           "listen 127.0.0.2:%%d ssl; listen 127.0.0.3:%%d ssl; "
                                           "ssl_certificate %s/tests/fixtures/tls/server.pem; "
                                           "ssl_certificate_key %s/tests/fixtures/tls/server.pem;"
                                           "location /plain { return 302 http://127.0.0.1:%%d/a; }",
                                           here, here));
    const char *url = arena_printf(arena, "https://127.0.0.2:%d/a", f->server.port);
    web_put(&f->server, "a", "0", 1);
    for (int i = 0; i < 3; i++)
        unsetenv(names[i]);
    assert_int_equal(ask(f, (HttpRequest){.url = url, .token = "hf_x"}), HTTP_FAILED);
    assert_non_null(strstr(f->err.text, "/a: SSL certificate problem: "));
    for (int i = 0; i < 3; i++) {
        setenv(names[i], "tests/fixtures/tls/ca.pem", 1);
        assert_int_equal(ask(f, (HttpRequest){.url = url}), HTTP_DONE);
        same(f, "0");
        unsetenv(names[i]);
    }
    setenv("CURL_CA_BUNDLE", "tests/fixtures/tls/ca.pem", 1);
    const char *other = arena_printf(arena, "https://127.0.0.3:%d/a", f->server.port);
    assert_int_equal(ask(f, (HttpRequest){.url = other, .token = "hf_x"}), HTTP_FAILED);
    assert_non_null(strstr(f->err.text, "127.0.0.3'")); /* is not what the certificate is for */
    const char *plain = arena_printf(arena, "https://127.0.0.2:%d/plain", f->server.port);
    assert_int_equal(ask(f, (HttpRequest){.url = plain}), HTTP_FAILED);
    assert_non_null(strstr(f->err.text, "rotocol"));
    setenv("CURL_CA_BUNDLE", "none.pem", 1);
    assert_int_equal(ask(f, (HttpRequest){.url = url}), HTTP_FAILED);
    assert_non_null(strstr(f->err.text, "none.pem"));
    unsetenv("CURL_CA_BUNDLE");
    assert_int_equal(web_count(&f->server, "hf_x"), 0); /* told to none of them */
    stop(f);
    arena_free(arena);
}

#define WEB_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {WEB_TEST(test_ranges),   WEB_TEST(test_token),
                                       WEB_TEST(test_statuses), WEB_TEST(test_proxy),
                                       WEB_TEST(test_faults),   WEB_TEST(test_certificates)};
    if (!http_available())
        return 0; /* test_curl_library says so */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
