/* test_cli_serve_hostile.c: requests that nobody sends by mistake. Whatever comes, the server answers the
 * next one, and its memory stays where it was. */
#define _GNU_SOURCE
#include "clip/base/buffer.h"
#include "clip/base/clock.h"
#include "clip/base/random.h"
#include "experiments/serve/server.h"
#include "tests/experiments/serve/serve_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "Host: 127.0.0.1\r\n"
#define CLOSE HOST "Connection: close\r\n"

/* "VmRSS" or "VmHWM" of the server, in MiB. */
static double memory(const Cli *cli, const char *name) {
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)cli->child);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtod(line + strlen(name) + 1, NULL);
    fclose(file);
    return kib / 1024;
}

static char *ask(Cli *cli, int port, const char *text) {
    return serve_ask(cli, port, text, strlen(text));
}

/* --- what is well-formed, and wrong --- */

static void each_has_its_status(void **state) {
    Cli *cli = *state;
    const int port = serve_photos(cli, 2);
    static const struct {
        const char *request;
        int status;
        const char *part;
    } cases[] = {
        {"GET /api/nothing HTTP/1.1\r\n" CLOSE "\r\n", 404, "nothing here"},
        {"GET /api/photo/99 HTTP/1.1\r\n" CLOSE "\r\n", 404, "no photo 99"},
        {"GET /api/search HTTP/1.1\r\n" CLOSE "\r\n", 400, "what is looked for"},
        {"GET /api/search?q= HTTP/1.1\r\n" CLOSE "\r\n", 400, "what is looked for"},
        {"GET /api/search?q=a&tpo=3 HTTP/1.1\r\n" CLOSE "\r\n", 400, "'tpo'"},
        {"GET /api/search?q=a&top=0 HTTP/1.1\r\n" CLOSE "\r\n", 400, "1 to 1000"},
        {"GET /api/search?q=a&top=1e3 HTTP/1.1\r\n" CLOSE "\r\n", 400, "1 to 1000"},
        {"GET /api/search?q=a&fold=nan HTTP/1.1\r\n" CLOSE "\r\n", 400, "cosine"},
        {"GET /api/search?like=2 HTTP/1.1\r\n" CLOSE "\r\n", 404, "no photo 2"},
        {"GET /api/search?like=-1 HTTP/1.1\r\n" CLOSE "\r\n", 400, "the row"},
        {"GET /api/search?q=%zz HTTP/1.1\r\n" CLOSE "\r\n", 400, "hexadecimal"},
        {"GET /api/search?q=%00 HTTP/1.1\r\n" CLOSE "\r\n", 400, "control character"},
        {"GET /api/search?q=%ff HTTP/1.1\r\n" CLOSE "\r\n", 400, "UTF-8"},
        {"POST / HTTP/1.1\r\n" CLOSE "Content-Length: 1\r\n\r\nx", 405, "GET or HEAD"},
        {"DELETE /api/photo/1 HTTP/1.1\r\n" CLOSE "\r\n", 405, "GET"},
        {"OPTIONS /api/search HTTP/1.1\r\n" CLOSE "Origin: http://evil.com\r\n\r\n", 405, "POST"},
        {"TRACE / HTTP/1.1\r\n" CLOSE "\r\n", 405, "GET"},
        {"CONNECT / HTTP/1.1\r\n" CLOSE "\r\n", 405, "GET"},
        {"GET / HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n", 403, "the name that Host says"},
        {"GET / HTTP/1.0\r\nHost: evil.com:80\r\n\r\n", 403, "the name that Host says"},
        {"GET / HTTP/1.0\r\n\r\n", 400, "one Host"},
        {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400, "one Host"},
        {"GET /api/about HTTP/1.1\r\n" CLOSE "Sec-Fetch-Site: cross-site\r\n\r\n", 403, "other sites"},
        {"GET /api/about HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nabcde", 400, "only a POST"},
        {"POST /api/search HTTP/1.1\r\n" CLOSE "Content-Type: image/png\r\n\r\n", 411, "Content-Length"},
        {"POST /api/search HTTP/1.1\r\n" CLOSE "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nabcde\r\n0\r\n\r\n",
         411, "Transfer-Encoding"},
        {"POST /api/search HTTP/1.1\r\n" CLOSE "Content-Type: image/png\r\nContent-Length: 0\r\n\r\n", 400,
         "an image is needed"},
        {"POST /api/search HTTP/1.1\r\n" CLOSE
         "Content-Type: image/png\r\nContent-Length: 99999999999\r\n\r\n",
         413, "more than 67108864 bytes"},
        {"POST /api/search HTTP/1.1\r\n" CLOSE "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc",
         415, "Content-Type"},
        {"POST /api/search HTTP/1.1\r\n" CLOSE "Content-Type: image/png\r\nContent-Length: 3\r\n\r\nabc", 415,
         "no image"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        serve_expect(ask(cli, port, cases[i].request), cases[i].status, cases[i].part);
    assert_non_null(strstr(ask(cli, port, cases[13].request), "Allow: GET, HEAD\r\n"));
    Buffer text = {0};
    buffer_puts(&text, "/api/search?q=");
    for (int i = 0; i < 3000; i++)
        buffer_puts(&text, "dog+");
    serve_expect(serve_get(cli, port, buffer_text(&text)), 400, "tokens");
    buffer_free(&text);
    const char *head = ask(cli, port, "HEAD /api/photo/1 HTTP/1.1\r\n" CLOSE "\r\n");
    assert_int_equal(serve_status(head), 200);
    assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
}

/* A path leads to a row or to nothing, in whatever form it comes. */
static void no_path_leads_out(void **state) {
    Cli *cli = *state;
    const int port = serve_photos(cli, 2);
    static const char *const paths[] = {"/../../../../etc/passwd",
                                        "/api/photo/../../../../etc/passwd",
                                        "/api/photo/..%2f..%2f..%2fetc%2fpasswd",
                                        "/api/photo/%2e%2e/%2e%2e/etc/passwd",
                                        "/api/photo/%252e%252e%252fetc%252fpasswd",
                                        "/api/photo/..%c0%af..%c0%afetc/passwd",
                                        "/api/photo/..\\..\\etc\\passwd",
                                        "/api/photo//etc/passwd",
                                        "//etc/passwd",
                                        "/api/photo/0/../1",
                                        "/api/photo/0%00",
                                        "/api/photo/0;x",
                                        "/api/photo/ 0",
                                        "/api/photo/-0",
                                        "/api/photo/0x0",
                                        "/api/photo/",
                                        "/api/photo/18446744073709551616",
                                        "/api/photo/99999999999999999999999999",
                                        "/api/thumbnail/../photo/0",
                                        "/etc/passwd",
                                        "/.",
                                        "/..",
                                        "/api"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *answer = serve_get(cli, port, paths[i]);
        const int status = serve_status(answer); /* 0: no request at all */
        if (status != 404 && status != 400 && status != 0)
            fail_msg("%s: %s", paths[i], answer);
        assert_null(strstr(answer, "root:"));
    }
    serve_expect(ask(cli, port, "GET http://127.0.0.1/etc/passwd HTTP/1.1\r\n" CLOSE "\r\n"), 400, "'/'");
    serve_expect(ask(cli, port, "GET file:///etc/passwd HTTP/1.1\r\n" CLOSE "\r\n"), 400, "'/'");
    serve_expect(ask(cli, port, "GET * HTTP/1.1\r\n" CLOSE "\r\n"), 400, "'/'");
}

/* --- what is no HTTP --- */

/* Requests with bytes changed, cut out, doubled; what is not a whole one ends with the connection. */
static void fuzzed_bytes(void **state) {
    Cli *cli = *state;
    const int port = serve_photos(cli, 2), n = scratch_instrumented() ? 200 : 3000;
    static const char *const seeds[] = {
        "GET /api/search?q=a+dog&not=%C3%A9&top=3&fold=0.9 HTTP/1.1\r\n" HOST "\r\n",
        "POST /api/search?top=1 HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: 12\r\n\r\n"
        "\x89PNG\r\n\x1a\nabcd",
        "GET /api/thumbnail/1?side=64 HTTP/1.1\r\n" HOST
        "If-None-Match: \"x\"\r\nConnection: keep-alive\r\n\r\n",
        "POST /api/search HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\nffffffff\r\nabc\r\n0\r\n\r\n"};
    Rng random;
    rng_seed(&random, (const uint32_t[]){7}, 1);
    for (int i = 0; i < n; i++) {
        char bytes[2048];
        const char *seed = seeds[rng_below(&random, 4)];
        size_t size = strlen(seed);
        memcpy(bytes, seed, size);
        for (int k = (int)rng_below(&random, 6); k >= 0; k--) {
            const size_t at = rng_below(&random, (uint32_t)size), m = rng_below(&random, 20);
            switch (rng_below(&random, 4)) {
            case 0:
                bytes[at] = (char)rng_below(&random, 256);
                break;
            case 1:
                bytes[at] ^= (char)(1 << rng_below(&random, 8));
                break;
            case 2:
                if (size > 60 && at + m < size) {
                    memmove(bytes + at, bytes + at + m, size - at - m);
                    size -= m;
                }
                break;
            default:
                if (size + m < sizeof bytes && at + m < size) {
                    memmove(bytes + at + m, bytes + at, size - at);
                    size += m;
                }
            }
        }
        const int fd = serve_connect(port);
        serve_say(fd, bytes, size);
        if (i % 2)
            shutdown(fd, SHUT_WR);
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20);
        close(fd);
        if (i % 100 == 0)
            serve_lives(cli, port);
    }
    serve_lives(cli, port);
    serve_end(cli);
}

static void odd_requests(void **state) {
    Cli *cli = *state;
    const int port = serve_photos(cli, 2);
    const size_t size = 1 << 20;
    char *big = ARENA_NEW(cli->arena, char, size);
    /* a head of a MiB, one header or many, or a line that does not end */
    memset(big, 'a', size);
    memcpy(big, "GET / HTTP/1.1\r\n" HOST "X: ", 36);
    int status = serve_status(serve_ask(cli, port, big, size));
    assert_true(status == 431 || status == 0);
    for (size_t i = 36; i + 6 < size; i += 6)
        memcpy(big + i, "a: b\r\n", 6);
    status = serve_status(serve_ask(cli, port, big, size));
    assert_true(status == 431 || status == 400 || status == 0);
    memset(big, 'a', size);
    status = serve_status(serve_ask(cli, port, big, size));
    assert_true(status == 414 || status == 400 || status == 431 || status == 0);
    memset(big, 0, size);
    status = serve_status(serve_ask(cli, port, big, size));
    assert_true(status == 400 || status == 414 || status == 0);
    /* one that hangs up in the middle of what it sends, and of what it gets */
    int fd = serve_connect(port);
    const char half[] =
        "POST /api/search HTTP/1.1\r\n" HOST "Content-Type: image/png\r\nContent-Length: 1000000\r\n\r\nabc";
    serve_say(fd, half, sizeof half - 1);
    close(fd);
    for (int i = 0; i < 50; i++) {
        const char search[] = "GET /api/search?q=a HTTP/1.1\r\n" HOST "\r\n";
        fd = serve_connect(port);
        serve_say(fd, search, sizeof search - 1);
        close(fd);
    }
    fd = serve_connect(port);
    const double start = clock_seconds();
    serve_say(fd, half, sizeof half - 1);
    shutdown(fd, SHUT_WR);
    serve_hear(cli, fd, NULL);
    assert_true(scratch_instrumented() || clock_seconds() - start < 10);
    /* one that only listens any more is answered */
    fd = serve_connect(port);
    const char about[] = "GET /api/about HTTP/1.1\r\n" CLOSE "\r\n";
    serve_say(fd, about, sizeof about - 1);
    shutdown(fd, SHUT_WR);
    serve_expect(serve_hear(cli, fd, NULL), 200, "photos");
    /* several at once are answered in order */
    const char *all = ask(cli, port,
                          "GET /api/about HTTP/1.1\r\n" HOST "\r\nGET /api/search?q=a&top=1 HTTP/1.1\r\n" HOST
                          "\r\nGET /api/photo/9 HTTP/1.1\r\n" CLOSE "\r\n");
    const char *second = strstr(all + 1, "HTTP/1.1 200"), *third = strstr(all, "HTTP/1.1 404");
    assert_true(second && third && second < third);
    serve_lives(cli, port);
    serve_end(cli);
}

/* --- too much --- */

static void chunk(Buffer *out, const char *type, const unsigned char *data, uint32_t size) {
    unsigned char head[8] = {(unsigned char)(size >> 24), (unsigned char)(size >> 16),
                             (unsigned char)(size >> 8), (unsigned char)size};
    uint32_t crc = 0xffffffff;
    memcpy(head + 4, type, 4);
    for (uint32_t i = 0; i < size + 4; i++) {
        crc ^= i < 4 ? head[4 + i] : data[i - 4];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    crc ^= 0xffffffff;
    const unsigned char end[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                                  (unsigned char)(crc >> 8), (unsigned char)crc};
    buffer_append(out, head, 8);
    buffer_append(out, data, size);
    buffer_append(out, end, 4);
}

/* 30,000 x 30,000: refused for what its header says. */
static void a_giant_image(void **state) {
    Cli *cli = *state;
    const int port = serve_photos(cli, 2);
    const unsigned char header[13] = {0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 2, 0, 0, 0};
    Buffer png = {0};
    buffer_append(&png, "\x89PNG\r\n\x1a\n", 8);
    chunk(&png, "IHDR", header, sizeof header);
    chunk(&png, "IDAT", (const unsigned char *)"\x78\x9c\x03\x00\x00\x00\x00\x01", 8);
    chunk(&png, "IEND", (const unsigned char *)"", 0);
    serve_lives(cli, port);
    const double before = memory(cli, "VmHWM:");
    serve_expect(serve_post(cli, port, png.bytes, png.size), 415, "30000 x 30000 pixels where at most");
    assert_true(scratch_instrumented() || memory(cli, "VmHWM:") - before < 8);
    buffer_free(&png);
    serve_end(cli);
}

/* A thousand that send a byte now and then: others are answered at once, and memory stays bounded. */
static void slow_connections(void **state) {
    Cli *cli = *state;
    enum { SLOW = 1000 };
    struct rlimit files;
    const int port = serve_photos(cli, 2);
    int fds[SLOW];
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < SLOW + 100 ? files.rlim_max : SLOW + 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur < SLOW + 100)
        skip();
    serve_lives(cli, port);
    const double before = memory(cli, "VmRSS:");
    for (int i = 0; i < SLOW; i++)
        serve_say(fds[i] = serve_connect(port), "GET / HTTP/1.1\r\nX-a: ", 21);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < SLOW; i++)
            serve_say(fds[i], "a", 1);
        const double start = clock_seconds();
        serve_lives(cli, port);
        serve_expect(serve_get(cli, port, "/api/search?q=a"), 200, "\"row\"");
        assert_int_equal(serve_status(serve_get(cli, port, "/api/thumbnail/1")), 200);
        assert_true(scratch_instrumented() || clock_seconds() - start < 5);
    }
    if (!scratch_instrumented() && memory(cli, "VmRSS:") - before > 64)
        fail_msg("%.0f MiB, before that %.0f", memory(cli, "VmRSS:"), before);
    for (int i = 0; i < SLOW; i++)
        close(fds[i]);
    serve_lives(cli, port);
    serve_end(cli);
}

/* More searches than may wait: each is answered, be it with 503; pictures go beside them. */
static void many_at_once(void **state) {
    Cli *cli = *state;
    enum { N = 300 };
    const int port = serve_photos(cli, 2);
    static const char search[] = "GET /api/search?q=a+dog+in+the+garden HTTP/1.1\r\n" CLOSE "\r\n";
    int fds[N], done = 0, busy = 0;
    for (int i = 0; i < N; i++)
        serve_say(fds[i] = serve_connect(port), search, sizeof search - 1);
    assert_int_equal(serve_status(serve_get(cli, port, "/api/thumbnail/1")), 200);
    for (int i = 0; i < N; i++) {
        const char *answer = serve_hear(cli, fds[i], NULL);
        done += serve_status(answer) == 200;
        if (serve_status(answer) == 503) {
            busy++;
            serve_expect(answer, 503, "too many requests wait");
            assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
        }
    }
    assert_true(done >= 64);
    assert_int_equal(done + busy, N);
    serve_lives(cli, port);
    serve_end(cli);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(each_has_its_status), CLI_TEST(no_path_leads_out), CLI_TEST(fuzzed_bytes),
        CLI_TEST(odd_requests),        CLI_TEST(a_giant_image),     CLI_TEST(slow_connections),
        CLI_TEST(many_at_once),
    };
    return server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
