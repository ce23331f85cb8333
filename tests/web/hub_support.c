/* hub_support.c: see hub_support.h */
#include "tests/web/hub_support.h"

#include "clip/base/buffer.h"
#include "experiments/fetch/file_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AUTHORISED "if ($http_authorization != 'Bearer " HUB_TOKEN "') { return 401; } "
const char hub_rules[] = "location /api/ { " AUTHORISED "}"
                         "location ~ ^/(.*)/resolve/[0-9a-f]+/(.*large.*|.*safetensors|.*bin)$ { " AUTHORISED
                         "return 302 http://localhost:%d/cdn/$1/$2; }"
                         "location ~ ^/(.*)/resolve/[0-9a-f]+/(.*)$ { " AUTHORISED "alias www/cdn/$1/$2; }";

void hub_put(const WebServer *server, const char *repo, const HubEntry *entries, int n) {
    Buffer list = {0};
    buffer_printf(&list, "{\"id\": \"%s\", \"sha\": \"" HUB_COMMIT "\", \"siblings\": [", repo);
    for (int i = 0; i < n; i++) {
        const HubEntry *e = &entries[i];
        char digest[65];
        Error err = {0};
        const char *path =
            web_put(server, arena_printf(server->arena, "cdn/%s/%s", repo, e->name), e->data, e->size);
        file_digest(digest, e->large ? DIGEST_SHA256 : DIGEST_GIT, path, &err);
        const char *is = e->digest ? e->digest : digest;
        buffer_printf(&list, "%s{\"rfilename\": \"%s\", \"size\": %zu, \"blobId\": \"%.40s\"", i ? "," : "",
                      e->name, e->size, is);
        if (e->large)
            buffer_printf(&list, ", \"lfs\": {\"sha256\": \"%s\", \"size\": %zu, \"pointerSize\": 130}", is,
                          e->size);
        buffer_puts(&list, "}");
    }
    buffer_puts(&list, "]}");
    assert_non_null(buffer_text(&list));
    web_put(server, arena_printf(server->arena, "api/models/%s/revision/main", repo), list.bytes, list.size);
    buffer_free(&list);
}

void hub_environment(const WebServer *server, const char *home) {
    static const char *const unset[] = {"XDG_CACHE_HOME", "HF_HOME",
                                        "HF_HUB_CACHE",   "HUGGINGFACE_HUB_CACHE",
                                        "HF_TOKEN_PATH",  "HF_HUB_OFFLINE",
                                        "http_proxy",     "HUGGING_FACE_HUB_TOKEN",
                                        "all_proxy",      "TRANSFORMERS_OFFLINE",
                                        "ALL_PROXY"};
    static const char *const endpoints[] = {"HF_ENDPOINT", "COOP_OPENAI_ENDPOINT", "COOP_GITHUB_ENDPOINT"};
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        unsetenv(unset[i]);
    for (size_t i = 0; i < 3; i++)
        setenv(endpoints[i], server ? web_url(server, "") : "http://127.0.0.1:9", 1);
    setenv("HOME", home, 1);
    setenv("HF_TOKEN", HUB_TOKEN, 1);
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "10", 1);
}
