/* test_cli_serve_browser.c: the page in Chromium, where it is installed: typed into, clicked, dropped on, as
 * its users do. It is driven over a pipe: commands and events of the DevTools protocol, a zero byte after
 * each.
 */
#define _GNU_SOURCE
#include "clip/base/buffer.h"
#include "clip/base/clock.h"
#include "experiments/serve/server.h"
#include "tests/experiments/serve/serve_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <nettle/base64.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CHROMIUM "/usr/bin/chromium"
enum { SECONDS = 120 };

typedef struct {
    Cli *cli;
    pid_t process;
    int in, out; /* to it, from it */
    int last;    /* number of the last command */
    const char *session;
    Buffer read;
    int n_complaints; /* exceptions, and what the policy of the page has forbidden */
} Browser;

static void browser_start(Browser *browser, Cli *cli, const char *url) {
    int in[2], out[2];
    *browser = (Browser){.cli = cli};
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    const char *folder = arena_printf(cli->arena, "--user-data-dir=%s", cli_path(cli, "browser"));
    fflush(NULL);
    browser->process = fork();
    assert_true(browser->process >= 0);
    if (browser->process == 0) {
        const int null = open("/dev/null", O_RDWR), from = fcntl(in[0], F_DUPFD, 10),
                  to = fcntl(out[1], F_DUPFD, 10);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0);
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        dup2(from, 3);
        dup2(to, 4);
        execl(CHROMIUM, CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
              "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe", folder, url,
              (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    browser->in = in[1];
    browser->out = out[0];
}

static void browser_stop(Browser *browser) {
    kill(-browser->process, SIGKILL);
    waitpid(browser->process, NULL, 0);
    close(browser->in);
    close(browser->out);
    buffer_free(&browser->read);
}

/* The next message; the caller's. */
static json_t *hear(Browser *browser) {
    const double start = clock_seconds();
    for (;;) {
        const char *end = browser->read.size > 0 ? memchr(browser->read.bytes, 0, browser->read.size) : NULL;
        if (end) {
            const size_t size = (size_t)(end - browser->read.bytes);
            json_t *message = json_loadb(browser->read.bytes, size, 0, NULL);
            Buffer rest = {0};
            buffer_append(&rest, end + 1, browser->read.size - size - 1);
            buffer_free(&browser->read);
            browser->read = rest;
            assert_non_null(message);
            return message;
        }
        char piece[65536];
        if (poll(&(struct pollfd){.fd = browser->out, .events = POLLIN}, 1, 1000) > 0) {
            const ssize_t n = read(browser->out, piece, sizeof piece);
            if (n <= 0)
                fail_msg("chromium has ended");
            buffer_append(&browser->read, piece, (size_t)n);
        }
        if (clock_seconds() - start > SECONDS)
            fail_msg("chromium is silent");
    }
}

static void note(Browser *browser, json_t *message) {
    char *text = json_dumps(message, 0);
    if (text && (strstr(text, "Runtime.exceptionThrown") || strstr(text, "ContentSecurityPolicyIssue"))) {
        fprintf(stderr, "%s\n", text);
        browser->n_complaints++;
    }
    free(text);
}

/* The result of a command, which takes its parameters; borrowed until the next one. */
static json_t *command(Browser *browser, const char *method, json_t *parameters) {
    json_t *ask = json_pack("{s:i, s:s, s:o}", "id", ++browser->last, "method", method, "params", parameters);
    if (browser->session)
        json_object_set_new(ask, "sessionId", json_string(browser->session));
    char *text = json_dumps(ask, 0);
    const size_t size = strlen(text) + 1;
    assert_int_equal(write(browser->in, text, size), size);
    free(text);
    json_decref(ask);
    for (;;) {
        json_t *message = hear(browser);
        note(browser, message);
        if (json_integer_value(json_object_get(message, "id")) == browser->last) {
            json_t *result = json_incref(json_object_get(message, "result"));
            if (!result)
                fail_msg("%s: %s", method, json_dumps(message, 0));
            json_decref(message);
            return result;
        }
        json_decref(message);
    }
}

static void do_command(Browser *browser, const char *method, json_t *parameters) {
    json_decref(command(browser, method, parameters));
}

/* Attaches to the first page. */
static void attach(Browser *browser) {
    const char *page = NULL;
    for (double start = clock_seconds(); !page && clock_seconds() - start < SECONDS;) {
        json_t *result = command(browser, "Target.getTargets", json_object()), *target;
        size_t i;
        json_array_foreach(json_object_get(result, "targetInfos"), i, target) {
            if (strcmp(json_string_value(json_object_get(target, "type")), "page") == 0)
                page =
                    arena_strdup(browser->cli->arena, json_string_value(json_object_get(target, "targetId")));
        }
        json_decref(result);
    }
    assert_non_null(page);
    json_t *result =
        command(browser, "Target.attachToTarget", json_pack("{s:s, s:b}", "targetId", page, "flatten", 1));
    browser->session =
        arena_strdup(browser->cli->arena, json_string_value(json_object_get(result, "sessionId")));
    json_decref(result);
    do_command(browser, "Runtime.enable", json_object());
    do_command(browser, "Audits.enable", json_object());
}

/* The value of an expression as text; owned by the test. */
static const char *value(Browser *browser, const char *expression) {
    json_t *result = command(
        browser, "Runtime.evaluate",
        json_pack("{s:s, s:b, s:b}", "expression", expression, "awaitPromise", 1, "returnByValue", 1));
    json_t *what = json_object_get(json_object_get(result, "result"), "value");
    char *text = what ? json_dumps(what, JSON_ENCODE_ANY) : NULL;
    const char *copy = arena_strdup(browser->cli->arena, text ? text : "none");
    free(text);
    json_decref(result);
    return copy;
}

/* Waits until an expression is true. */
static void wait_until(Browser *browser, const char *expression) {
    const double start = clock_seconds();
    while (strcmp(value(browser, expression), "true") != 0) {
        if (clock_seconds() - start > SECONDS)
            fail_msg("never: %s; the page says %s", expression,
                     value(browser, "document.body ? document.body.innerText : ''"));
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

static void type(Browser *browser, const char *text) {
    do_command(browser, "Input.insertText", json_pack("{s:s}", "text", text));
}

static void press(Browser *browser, const char *key, int code, const char *text) {
    for (int up = 0; up < 2; up++) {
        json_t *p = json_pack("{s:s, s:s, s:s, s:i}", "type", up ? "keyUp" : "keyDown", "key", key, "code",
                              key, "windowsVirtualKeyCode", code);
        if (*text && !up)
            json_object_set_new(p, "text", json_string(text));
        do_command(browser, "Input.dispatchKeyEvent", p);
    }
}

/* For people: what it looks like, in the folder that PICTURES names. */
static void picture(Browser *browser, const char *name) {
    const char *folder = getenv("PICTURES");
    if (!folder)
        return;
    json_t *result = command(browser, "Page.captureScreenshot", json_object());
    const char *text = json_string_value(json_object_get(result, "data"));
    struct base64_decode_ctx context;
    uint8_t *data = malloc(BASE64_DECODE_LENGTH(strlen(text)));
    size_t size = BASE64_DECODE_LENGTH(strlen(text));
    base64_decode_init(&context);
    assert_true(base64_decode_update(&context, &size, data, strlen(text), text));
    scratch_file(arena_printf(browser->cli->arena, "%s/%s.png", folder, name), data, size);
    free(data);
    json_decref(result);
}

#define NAMES "[...document.querySelectorAll('#found .name')].map((e) => e.textContent)"
#define STATUS "document.getElementById('status').textContent"

/* All thumbnails in sight have come. */
#define LOADED                                                                                               \
    "document.querySelectorAll('#found img').length > 0 && "                                                 \
    "[...document.querySelectorAll('#found img')].slice(0, 4).every((i) => i.complete && i.naturalWidth > "  \
    "0)"

static void search_by_text(Browser *browser, const char *best) {
    wait_until(browser, STATUS ".startsWith('Type what')");
    assert_string_equal(value(browser, "document.activeElement.id"), "\"q\"");
    type(browser, "a circle");
    press(browser, "Enter", 13, "\r");
    wait_until(browser, STATUS " === 'The best 12 of 12 photos'");
    assert_string_equal(value(browser, NAMES "[0]"), best);
    assert_string_equal(value(browser, "location.search"), "\"?q=a+circle\"");
    wait_until(browser, LOADED);
    wait_until(browser, "[...document.querySelectorAll('.labels')].every((e) => / [0-9.]+ %$/.test("
                        "e.textContent))");
    picture(browser, "text");
}

/* By keys alone: to the second photo, and back. */
static void look_at_one(Browser *browser) {
    value(browser, "document.querySelector('#found button').focus()");
    press(browser, "Enter", 13, "\r");
    wait_until(browser,
               "document.getElementById('view').open && document.getElementById('large').complete && "
               "document.getElementById('large').naturalWidth > 0");
    press(browser, "ArrowRight", 39, "");
    wait_until(browser, "document.getElementById('about').textContent.includes(" NAMES "[1])");
    picture(browser, "one");
    press(browser, "Escape", 27, "");
    wait_until(browser, "!document.getElementById('view').open");
    wait_until(browser, "document.activeElement === document.querySelectorAll('#found button')[1]");
}

static void drop_image(Browser *browser) {
    size_t size;
    const char *bytes = cli_read(browser->cli, cli_path(browser->cli, "photos/07.jpg"), &size);
    char *text = ARENA_NEW(browser->cli->arena, char, BASE64_ENCODE_RAW_LENGTH(size) + 1);
    base64_encode_raw(text, size, (const uint8_t *)bytes);
    value(browser, "document.getElementById('q').value = ''");
    value(browser,
          arena_printf(browser->cli->arena,
                       "(() => { const data = new DataTransfer();"
                       "data.items.add(new File([Uint8Array.from(atob('%s'), (c) => c.charCodeAt(0))],"
                       "'mine.jpg', {type: 'image/jpeg'}));"
                       "for (const type of ['dragover', 'drop']) document.body.dispatchEvent("
                       "new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));"
                       "})()",
                       text));
    wait_until(browser, NAMES "[0] === '07.jpg'");
    wait_until(browser, "document.getElementById('sampleName').textContent === 'like mine.jpg' && "
                        "document.getElementById('sample').naturalWidth > 0");
    assert_string_equal(value(browser, "document.querySelector('#found b').textContent"), "\"1.000\"");
    wait_until(browser, LOADED);
    picture(browser, "dropped");
}

static void more_like_this(Browser *browser) {
    value(browser, "document.querySelectorAll('#found button')[3].click()");
    const char *name = value(browser, NAMES "[3]");
    value(browser, "document.getElementById('alike').click()");
    wait_until(browser, arena_printf(browser->cli->arena, NAMES "[0] === %s", name));
    wait_until(browser, "/like=[0-9]+/.test(location.search)");
}

/* A name that would be markup is a name; what is gone is said to be. */
static void odd_names(Browser *browser) {
    value(browser, "document.getElementById('drop').click()");
    value(browser, "document.getElementById('q').focus()");
    type(browser, "a circle");
    press(browser, "Enter", 13, "\r");
    wait_until(browser, NAMES ".includes('<img src=x onerror=alert(1)>.jpg')");
    wait_until(browser, "document.getElementById('found').innerText.includes('no longer there')");
    do_command(browser, "Emulation.setEmulatedMedia",
               json_pack("{s:[{s:s, s:s}]}", "features", "name", "prefers-color-scheme", "value", "dark"));
    wait_until(browser, LOADED);
    picture(browser, "dark");
    type(browser,
         " dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog "
         "dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog "
         "dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog "
         "dog dog dog dog dog dog dog dog dog dog dog dog dog");
    press(browser, "Enter", 13, "\r");
    wait_until(browser, STATUS ".includes('tokens') && document.querySelector('#status.bad') !== null");
}

static void the_page(void **state) {
    Cli *cli = *state;
    Browser browser;
    if (access(CHROMIUM, X_OK) < 0 || scratch_instrumented())
        skip();
    cli_ok(cli, "run",
           cli_experiment(cli, "out", "vit",
                          "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 2}\nmethods:\n"
                          "  - coop: {name: x, n_ctx: 2}\n"));
    const char *index = serve_index(cli, 10);
    cli_copy(FIXTURES "images/shape04/0002.jpg", cli_path(cli, "photos/<img src=x onerror=alert(1)>.jpg"));
    cli_copy(FIXTURES "images/shape05/0002.jpg", cli_path(cli, "photos/gone.jpg"));
    cli_ok(cli, "index", cli_path(cli, "photos"), "--model", SERVE_MODEL, "--vocab", SERVE_VOCAB, "--out",
           index);
    cli_ok(cli, "search", index, "a circle", "--top", "1");
    char *best = strrchr(cli->out, '/') + 1;
    best[strcspn(best, "\n")] = '\0';
    const int port = serve_start(cli, (const char *const[]){"--classifier", cli_path(cli, "out"), NULL});
    browser_start(&browser, cli, arena_printf(cli->arena, "http://127.0.0.1:%d/", port));
    attach(&browser);
    search_by_text(&browser, arena_printf(cli->arena, "\"%s\"", best));
    look_at_one(&browser);
    drop_image(&browser);
    more_like_this(&browser);
    assert_int_equal(browser.n_complaints, 0);
    assert_int_equal(unlink(cli_path(cli, "photos/gone.jpg")), 0);
    odd_names(&browser);
    browser_stop(&browser);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(the_page)};
    return server_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
