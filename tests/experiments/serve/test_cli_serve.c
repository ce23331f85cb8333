/* test_cli_serve.c: what coop serve answers: searches, pictures, labels, and what is no longer as it was. */
#define _GNU_SOURCE
#include "experiments/serve/server.h"
#include "tests/experiments/serve/serve_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The paths and scores of a search, as one text. */
static const char *found(Cli *cli, const char *json) {
    const char *body = strstr(json, "\r\n\r\n"), *text = "";
    json_t *root = json_loads(body ? body + 4 : json, 0, NULL), *photo;
    size_t i;
    assert_non_null(root);
    json_array_foreach(json_object_get(root, "photos"), i, photo) text =
        arena_printf(cli->arena, "%s%s %.6f\n", text, json_string_value(json_object_get(photo, "path")),
                     json_real_value(json_object_get(photo, "score")));
    json_decref(root);
    return text;
}

/* The same from the lines that coop search prints. */
static const char *searched(Cli *cli) {
    const char *text = "";
    char *rest = NULL;
    for (char *line = strtok_r(cli->out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *photo = json_loads(line, 0, NULL);
        text =
            arena_printf(cli->arena, "%s%s %.6f\n", text, json_string_value(json_object_get(photo, "path")),
                         json_real_value(json_object_get(photo, "score")));
        json_decref(photo);
    }
    assert_true(strlen(text) > 0);
    return text;
}

static void finds_what_search_finds(void **state) {
    Cli *cli = *state;
    const char *index = serve_index(cli, 8), *photo = cli_path(cli, "photos/03.jpg");
    cli_ok(cli, "search", index, "a circle", "--top", "3", "--json");
    const char *text = searched(cli);
    cli_ok(cli, "search", index, "a circle", "--not", "a key", "--json");
    const char *both = searched(cli);
    cli_ok(cli, "search", index, "--image", photo, "--json", "--top", "1");
    const char *image = searched(cli);
    const int port = serve_start(cli, (const char *const[]){NULL});
    assert_string_equal(found(cli, serve_get(cli, port, "/api/search?q=a+circle&top=3")), text);
    assert_string_equal(found(cli, serve_get(cli, port, "/api/search?q=a%20circle&not=a+key")), both);
    size_t size;
    const char *bytes = cli_read(cli, photo, &size);
    assert_string_equal(found(cli, serve_post(cli, port, bytes, size)), image);
    assert_string_equal(found(cli, serve_get(cli, port, "/api/search?like=3&top=1")), image);
    serve_expect(serve_get(cli, port, "/api/about"), 200,
                 "{\"photos\":8,\"model\":\"ViT w128 l4 p8\",\"classifier\":null}");
}

static void pictures_are_small_or_as_they_are(void **state) {
    Cli *cli = *state;
    const int port = serve_photos(cli, 3);
    size_t size;
    const char *bytes = cli_read(cli, cli_path(cli, "photos/01.jpg"), &size);
    const int fd = serve_connect(port);
    const char ask[] = "GET /api/photo/1 HTTP/1.0\r\nHost: localhost\r\n\r\n";
    serve_say(fd, ask, sizeof ask - 1);
    size_t n;
    const char *answer = serve_hear(cli, fd, &n);
    assert_int_equal(serve_status(answer), 200);
    assert_non_null(strstr(answer, "Content-Type: image/jpeg\r\n"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none';"));
    assert_non_null(strstr(answer, "Cross-Origin-Resource-Policy: same-origin\r\n"));
    assert_null(strstr(answer, "Access-Control"));
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    assert_int_equal(n - (size_t)(body - answer), size);
    assert_memory_equal(body, bytes, size);
    answer = serve_get(cli, port, "/api/thumbnail/1?side=16");
    assert_int_equal(serve_status(answer), 200);
    assert_non_null(strstr(answer, "\r\n\r\n\xff\xd8\xff"));
    /* what the browser has is not sent again */
    char etag[64];
    assert_int_equal(sscanf(strstr(answer, "ETag: "), "ETag: %63s", etag), 1);
    const char *again =
        arena_printf(cli->arena,
                     "GET /api/thumbnail/1?side=16 HTTP/1.1\r\nHost: localhost\r\nConnection: "
                     "close\r\nIf-None-Match: %s\r\n\r\n",
                     etag);
    assert_int_equal(serve_status(serve_ask(cli, port, again, strlen(again))), 304);
    serve_expect(serve_get(cli, port, "/api/thumbnail/1?side=4000"), 400, "16 to 2048");
    serve_expect(serve_get(cli, port, "/api/photo/3"), 404, "no photo 3");
}

/* Vanished, changed, links and pipes in their place: 410, and nothing of what lies there by now. */
static void only_what_was_indexed(void **state) {
    Cli *cli = *state;
    const int port = serve_photos(cli, 8);
    const char *secret = cli_path(cli, "secret"), *path[8];
    struct stat info;
    for (int i = 0; i < 8; i++)
        path[i] = cli_path(cli, "photos/%02d.jpg", i);
    scratch_file(secret, "the secret", 10);
    assert_int_equal(unlink(path[0]), 0);
    scratch_file(path[1], "the secret", 10);
    assert_int_equal(unlink(path[2]) | symlink(secret, path[2]), 0);
    assert_int_equal(unlink(path[3]) | mkfifo(path[3], 0600), 0);
    assert_int_equal(unlink(path[4]) | symlink("/dev/zero", path[4]), 0);
    assert_int_equal(unlink(path[5]) | mkdir(path[5], 0700), 0);
    /* of the same size and time */
    size_t size;
    assert_int_equal(stat(path[6], &info), 0);
    char *bytes = cli_read(cli, path[6], &size);
    bytes[size / 2] ^= 1;
    scratch_file(path[6], bytes, size);
    const struct timespec times[2] = {info.st_atim, info.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path[6], times, 0), 0);
    for (int row = 0; row < 7; row++)
        for (int kind = 0; kind < 2; kind++) {
            const char *answer = serve_get(
                cli, port, arena_printf(cli->arena, "/api/%s/%d", kind ? "photo" : "thumbnail", row));
            serve_expect(answer, 410, row == 0 ? "is gone" : "changed");
            assert_null(strstr(answer, "secret"));
        }
    assert_int_equal(serve_status(serve_get(cli, port, "/api/photo/7")), 200);
    const char *all = serve_get(cli, port, "/api/search?q=a");
    assert_non_null(strstr(all, "\"state\":\"gone\""));
    assert_non_null(strstr(all, "\"state\":\"changed\""));
}

static const char *learn(Cli *cli, const char *name, const char *model, const char *method,
                         const char *file) {
    const char *rest = arena_printf(
        cli->arena, "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 2}\nmethods:\n  - %s\n", method);
    cli_ok(cli, "run", cli_experiment(cli, name, model, rest));
    return cli_point_file(cli, name, "x", 1, file);
}

/* As coop classify has them: of a prompt, which sees the rows of the index, and of a probe, which does not.
 */
static void labels_are_those_of_classify(void **state) {
    Cli *cli = *state;
    static const char *const methods[] = {"coop: {name: x, n_ctx: 2}", "linear_probe: {name: x}",
                                          "clip_lora: {name: x, n_iters: 2}"};
    static const char *const files[] = {"prompt.safetensors", "classifier.safetensors", "lora.safetensors"};
    static const char *const runs[] = {"prompt", "probe", "lora"};
    for (int m = 0; m < 3; m++) {
        const char *file = learn(cli, runs[m], "vit", methods[m], files[m]);
        if (m == 0)
            serve_index(cli, 2);
        cli_ok(cli, "classify", file, cli_path(cli, "photos/01.jpg"), "--top", "2", "--json");
        json_t *expected = json_loads(cli->out, 0, NULL);
        const int port = serve_start(
            cli, (const char *const[]){"--classifier", m ? cli_path(cli, "%s", runs[m]) : file, NULL});
        const char *answer = serve_get(cli, port, "/api/labels/1?top=2");
        json_t *root = json_loads(strstr(answer, "\r\n\r\n") + 4, 0, NULL);
        for (size_t i = 0; i < 2; i++) {
            json_t *a = json_array_get(json_object_get(root, "labels"), i);
            json_t *b = json_array_get(json_object_get(expected, "labels"), i);
            assert_string_equal(json_string_value(json_object_get(a, "name")),
                                json_string_value(json_object_get(b, "name")));
            assert_true(fabs(json_real_value(json_object_get(a, "probability")) -
                             json_real_value(json_object_get(b, "probability"))) < 1e-4);
        }
        json_decref(root);
        json_decref(expected);
        serve_expect(serve_get(cli, port, "/api/about"), 200, "\"classes\":10}");
        serve_expect(serve_get(cli, port, "/api/labels/2"), 404, "no photo 2");
        serve_end(cli);
    }
}

static void another_checkpoint_is_refused(void **state) {
    Cli *cli = *state;
    const char *file = learn(cli, "other", "rn", "linear_probe: {name: x}", "classifier.safetensors");
    const char *index = serve_index(cli, 2);
    cli_refuses(cli, 3, file, "learned with another checkpoint", "serve", index, "--port", "0", "--quiet",
                "--classifier", file);
    cli_refuses(cli, 3, index, "another checkpoint", "serve", index, "--model",
                FIXTURES "clip_rn.safetensors", "--vocab", SERVE_VOCAB);
    cli_refuses(cli, 3, SERVE_MODEL, "no index of photos", "serve", SERVE_MODEL);
    cli_refuses(cli, 2, "coop serve: --port 70000", "", "serve", index, "--port", "70000");
}

/* In the middle of nothing, and with requests on their way. */
static void a_signal_ends_it(void **state) {
    Cli *cli = *state;
    int port = serve_photos(cli, 4);
    kill(cli->child, SIGINT);
    assert_int_equal(cli_wait(cli), 128 + SIGINT);
    assert_non_null(strstr(cli->err, "coop serve: stopped by SIGINT\n"));
    port = serve_start(cli, (const char *const[]){NULL});
    const char ask[] = "GET /api/search?q=a HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fds[20];
    for (int i = 0; i < 20; i++)
        serve_say(fds[i] = serve_connect(port), ask, sizeof ask - 1);
    kill(cli->child, SIGTERM);
    for (int i = 0; i < 20; i++) {
        const int status = serve_status(serve_hear(cli, fds[i], NULL));
        assert_true(status == 200 || status == 503 || status == 0);
    }
    assert_int_equal(cli_wait(cli), 128 + SIGTERM);
    assert_true(cli->seconds < (scratch_instrumented() ? 60 : 10));
}

static void says_what_it_lacks(void **state) {
    Cli *cli = *state;
    cli_refuses(cli, 4, "coop serve: this program was built without libmicrohttpd", "libmicrohttpd-dev",
                "serve", "x.index");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(finds_what_search_finds),       CLI_TEST(pictures_are_small_or_as_they_are),
        CLI_TEST(only_what_was_indexed),         CLI_TEST(labels_are_those_of_classify),
        CLI_TEST(another_checkpoint_is_refused), CLI_TEST(a_signal_ends_it),
    };
    const struct CMUnitTest without[] = {CLI_TEST(says_what_it_lacks)};
    return server_available() ? cmocka_run_group_tests(tests, NULL, NULL)
                              : cmocka_run_group_tests(without, NULL, NULL);
}
