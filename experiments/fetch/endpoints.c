/* endpoints.c: see endpoints.h. Source of the variables of the hub: huggingface_hub, constants.py. */
#include "experiments/fetch/endpoints.h"

#include "clip/base/files.h"
#include "clip/named/caches.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_TOKEN = 4096, STALL_SECONDS = 30, MAX_STALL = 86400 };

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *endpoint(const char *name, const char *fallback, Arena *arena) {
    const char *value = variable(name);
    value = value ? value : fallback;
    size_t n = strlen(value);
    while (n > 0 && value[n - 1] == '/')
        n--;
    return arena_printf(arena, "%.*s", (int)n, value);
}

const char *endpoint_hub(Arena *arena) {
    return endpoint("HF_ENDPOINT", "https://huggingface.co", arena);
}

const char *endpoint_openai(Arena *arena) {
    return endpoint("COOP_OPENAI_ENDPOINT", "https://openaipublic.azureedge.net", arena);
}

const char *endpoint_github(Arena *arena) {
    return endpoint("COOP_GITHUB_ENDPOINT", "https://github.com", arena);
}

static bool is_true(const char *name) {
    static const char *const words[] = {"1", "on", "yes", "true"};
    const char *value = variable(name);
    for (int i = 0; value && i < 4; i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

/* Without the line end that editors put behind it; NULL when nothing is left. */
static const char *clean(const char *text, Arena *arena) {
    text += strspn(text, " \t\r\n");
    const size_t n = strcspn(text, " \t\r\n");
    return n > 0 ? arena_printf(arena, "%.*s", (int)n, text) : NULL;
}

const char *endpoint_token(Arena *arena) {
    Error ignored = {0};
    const char *token = variable("HF_TOKEN"), *path = variable("HF_TOKEN_PATH");
    if (is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return NULL;
    token = token ? token : variable("HUGGING_FACE_HUB_TOKEN");
    if (token)
        return clean(token, arena);
    const char *home = cache_hub_home(arena);
    path = path ? path_expand(arena, path) : home ? path_join(arena, home, "token") : NULL;
    token = path && file_exists(path) ? file_read(path, MAX_TOKEN, arena, NULL, &ignored) : NULL;
    return token ? clean(token, arena) : NULL;
}

bool endpoint_offline(void) {
    return is_true(variable("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE");
}

int endpoint_stall(void) {
    const char *value = variable("HF_HUB_DOWNLOAD_TIMEOUT");
    const long seconds = value ? strtol(value, NULL, 10) : 0;
    return seconds > 0 && seconds <= MAX_STALL ? (int)seconds : STALL_SECONDS;
}
