/* fetch.c: see fetch.h */
#include "experiments/fetch/fetch.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/named/caches.h"
#include "clip/named/named_find.h"
#include "experiments/fetch/endpoints.h"
#include "experiments/fetch/hub_repo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_ANSWER ((size_t)32 << 20)

/* What one command has to do with. */
typedef struct {
    HttpClient *client;
    const FetchOptions *options;
    const char *folder; /* NULL: the caches */
    Arena *arena;
    Error *err;
} Fetcher;

static bool is_timm(const char *repo) {
    return strncmp(repo, "timm/", 5) == 0;
}

/* --- addresses --- */

static const char *file_address(const Named *named, Arena *arena) {
    if (strlen(named->digest) == 64)
        return arena_printf(arena, "%s/clip/models/%s/%s", endpoint_openai(arena), named->digest,
                            named->file);
    return arena_printf(arena, "%s/mlfoundations/open_clip/releases/download/v0.2-weights/%s",
                        endpoint_github(arena), named->file);
}

const char *fetch_vocabulary_address(Arena *arena) {
    return arena_printf(arena, "%s/openai/CLIP/raw/main/clip/" NAMED_VOCABULARY, endpoint_github(arena));
}

const char *fetch_address(const Named *named, Arena *arena) {
    return named->repo ? arena_printf(arena, "%s/%s/tree/main", endpoint_hub(arena), named->repo)
                       : file_address(named, arena);
}

/* --- a file --- */

/* Into a folder, under its own name; 1 if it was there. */
static int fetch_into(const Fetcher *fetcher, const char *folder, Download what, const char *name) {
    what.path = path_join(fetcher->arena, folder, name);
    what.partial = arena_printf(fetcher->arena, "%s/%s.part", folder, name);
    what.replace = !fetcher->folder;
    if (arena_failed(fetcher->arena))
        return error_memory(fetcher->err);
    return download(fetcher->client, &what, fetcher->options, fetcher->err);
}

/* Fails without a home. */
static const char *need(const Fetcher *fetcher, const char *folder) {
    if (!folder && arena_failed(fetcher->arena))
        error_memory(fetcher->err);
    else if (!folder)
        error_run(fetcher->err, "HOME is not set: say with --dir where to put it");
    return folder;
}

static int fetch_vocabulary(const Fetcher *fetcher, const char *folder) {
    const Download what = {
        .url = fetch_vocabulary_address(fetcher->arena), .digest = NAMED_VOCABULARY_DIGEST, .size = -1};
    if (!need(fetcher, folder))
        return -1;
    return fetch_into(fetcher, folder, what, NAMED_VOCABULARY) < 0 ? -1 : 0;
}

static int fetch_file(const Fetcher *fetcher, const Named *named, const char **weights) {
    Arena *arena = fetcher->arena;
    const char *folder = need(fetcher, fetcher->folder ? fetcher->folder : cache_openai(arena));
    if (!folder)
        return -1;
    const Download what = {.url = file_address(named, arena), .digest = named->digest, .size = -1};
    if (fetch_vocabulary(fetcher, folder) < 0 || fetch_into(fetcher, folder, what, named->file) < 0)
        return -1;
    *weights = path_join(arena, folder, named->file);
    return *weights ? 0 : error_memory(fetcher->err);
}

/* --- a repository --- */

static int on_answer(void *context, const HttpAnswer *answer, const void *data, size_t size, Error *err) {
    Buffer *buffer = context;
    if (buffer->size == 0 && answer->from != 0)
        return error_run(err, "the hub answers with a part where all was asked for");
    if (buffer->size + size > MAX_ANSWER)
        return error_run(err, "the hub's answer is over %zu bytes", MAX_ANSWER);
    buffer_append(buffer, data, size);
    return 0;
}

static void explain_refusal(int status, const char *token, Error *err) {
    if (status == 401 || status == 404)
        error_prefix(err, "%s",
                     token ? "no such repository, or the token may not read it"
                           : "no such repository, or it wants a token (HF_TOKEN)");
    else if (status == 403)
        error_prefix(err, "its owner must first grant access, on the page of the repository");
}

static int list_repo(const Fetcher *fetcher, HubRepo *repo, const char *url, const char *token) {
    Buffer buffer = {0};
    HttpAnswer answer;
    const HttpRequest request = {.url = url, .token = token, .stall = fetcher->options->stall};
    HttpResult result;
    int failures = 0;
    do {
        buffer_free(&buffer);
        result = http_get(fetcher->client, &answer, &request, on_answer, &buffer, fetcher->err);
    } while (result == HTTP_AGAIN &&
             retry_wait(fetcher->options, NULL, ++failures, &answer, fetcher->err) == 0);
    int status = result == HTTP_DONE ? 0 : -1;
    if (status < 0 && result == HTTP_FAILED)
        explain_refusal(answer.status, token, fetcher->err);
    else if (status == 0)
        status = buffer_text(&buffer)
                     ? hub_repo_read(repo, buffer.bytes, buffer.size, url, fetcher->arena, fetcher->err)
                     : error_memory(fetcher->err);
    buffer_free(&buffer);
    return status;
}

/* snapshots/COMMIT/NAME -> ../../blobs/DIGEST. Where there are no links, the file itself, as huggingface_hub
 * does. */
static int link_blob(const Fetcher *fetcher, const char *blob, const char *snapshot, const HubFile *file) {
    const char *path = path_join(fetcher->arena, snapshot, file->name);
    const char *target = arena_printf(fetcher->arena, "../../blobs/%s", file->digest);
    if (arena_failed(fetcher->arena))
        return error_memory(fetcher->err);
    char there[256];
    const ssize_t n = readlink(path, there, sizeof there - 1);
    if (n == (ssize_t)strlen(target) && memcmp(there, target, (size_t)n) == 0)
        return 0;
    unlink(path);
    if (symlink(target, path) == 0 || rename(blob, path) == 0)
        return 0;
    return error_errno(fetcher->err, ERROR_RUN, errno, "%s: cannot link it", path);
}

/* One file into the hub's cache, under the lock that huggingface_hub takes. */
static int fetch_blob(const Fetcher *fetcher, Download what, const char *home, const char *snapshot,
                      const HubFile *file) {
    Arena *arena = fetcher->arena;
    const char *name = strrchr(home, '/') + 1;
    what.path = arena_printf(arena, "%s/blobs/%s", home, file->digest);
    what.partial = arena_printf(arena, "%s/blobs/%s.incomplete", home, file->digest);
    what.lock = arena_printf(arena, "%.*s.locks/%s/%s.lock", (int)(name - home), home, name, file->digest);
    what.title = file->name;
    what.replace = true;
    if (arena_failed(arena))
        return error_memory(fetcher->err);
    const char *copy = path_join(arena, snapshot, file->name); /* of a file system without links */
    if (copy && file_exists(copy) && !file_exists(what.path))
        what.path = copy;
    if (download(fetcher->client, &what, fetcher->options, fetcher->err) < 0)
        return -1;
    return what.path == copy ? 0 : link_blob(fetcher, what.path, snapshot, file);
}

static int fetch_files(const Fetcher *fetcher, const Named *named, const HubRepo *repo, const char *token,
                       const char *home, const char *snapshot) {
    for (int small = 1; small >= 0; small--) /* what is soon done goes first */
        for (int i = 0; i < repo->n; i++) {
            const HubFile *file = &repo->files[i];
            const Download what = {.url = arena_printf(fetcher->arena, "%s/%s/resolve/%s/%s",
                                                       endpoint_hub(fetcher->arena), named->repo,
                                                       repo->commit, file->name),
                                   .token = token,
                                   .kind = file->kind,
                                   .digest = file->digest,
                                   .size = file->size};
            if (!file->chosen || (file->size < 1 << 24) != small)
                continue;
            if (!what.url)
                return error_memory(fetcher->err);
            const int status = fetcher->folder ? fetch_into(fetcher, fetcher->folder, what, file->name)
                                               : fetch_blob(fetcher, what, home, snapshot, file);
            if (status < 0)
                return -1;
        }
    return 0;
}

/* The newest revision, once all of it is there. */
static int write_ref(const Fetcher *fetcher, const char *home, const HubRepo *repo) {
    const char *refs = path_join(fetcher->arena, home, "refs"),
               *path = refs ? path_join(fetcher->arena, refs, "main") : NULL;
    if (!path)
        return error_memory(fetcher->err);
    if (make_folders(refs, fetcher->err) < 0)
        return -1;
    return file_write(path, repo->commit, strlen(repo->commit), fetcher->err);
}

static int fetch_repo(const Fetcher *fetcher, const Named *named, const char **weights) {
    Arena *arena = fetcher->arena;
    HubRepo repo;
    const char *token = endpoint_token(arena);
    const char *url =
        arena_printf(arena, "%s/api/models/%s/revision/main?blobs=true", endpoint_hub(arena), named->repo);
    if (endpoint_offline())
        return error_run(fetcher->err, "%s: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids to ask the hub",
                         named->name);
    const char *home =
        need(fetcher, fetcher->folder ? fetcher->folder : cache_hub_folder(named->repo, arena));
    if (!url || !home)
        return url ? -1 : error_memory(fetcher->err);
    if (list_repo(fetcher, &repo, url, token) < 0 ||
        hub_repo_choose(&repo, is_timm(named->repo), url, fetcher->err) < 0)
        return -1;
    const char *snapshot = fetcher->folder ? home : arena_printf(arena, "%s/snapshots/%s", home, repo.commit);
    if (!snapshot)
        return error_memory(fetcher->err);
    if (make_folders(snapshot, fetcher->err) < 0 ||
        fetch_files(fetcher, named, &repo, token, home, snapshot) < 0)
        return -1;
    if (!repo.has_vocabulary && named->known && !fetcher->folder && named_find(named, arena).vocabulary)
        repo.has_vocabulary = true;
    if (!repo.has_vocabulary && named->known &&
        fetch_vocabulary(fetcher, fetcher->folder ? fetcher->folder : cache_coop(arena)) < 0)
        return -1;
    *weights = path_join(arena, snapshot, repo.weights);
    if (!*weights)
        return error_memory(fetcher->err);
    return fetcher->folder ? 0 : write_ref(fetcher, home, &repo);
}

int fetch_named(const char **weights, const Named *named, const char *folder, const FetchOptions *options,
                Arena *arena, Error *err) {
    Fetcher fetcher = {.options = options, .folder = folder, .arena = arena, .err = err};
    fetcher.client = http_open(err);
    if (!fetcher.client)
        return -1;
    const int status =
        named->repo ? fetch_repo(&fetcher, named, weights) : fetch_file(&fetcher, named, weights);
    http_close(fetcher.client);
    return status;
}
