/* hub_repo.c: see hub_repo.h */
#include "experiments/fetch/hub_repo.h"

#include "clip/base/json.h"
#include "clip/base/text_ends.h"

#include <ctype.h>
#include <string.h>

enum { MAX_FILES = 100000 };

/* --- reading --- */

static bool is_hex(const char *text, size_t n) {
    return text && strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

/* Names become paths here and addresses there. */
static bool is_file_name(const char *name) {
    if (!name || !isalnum((unsigned char)*name) || strlen(name) > 200)
        return false;
    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
            return false;
    return true;
}

/* False of a file without what a verified download needs. */
static bool read_file(HubFile *file, const json_t *entry, Arena *arena) {
    const json_t *lfs = json_object_get(entry, "lfs");
    const char *name = json_string_value(json_object_get(entry, "rfilename"));
    const char *sha256 = json_string_value(json_object_get(lfs, "sha256"));
    const char *blob = json_string_value(json_object_get(entry, "blobId"));
    const json_t *size = json_object_get(json_is_object(lfs) ? lfs : entry, "size");
    const bool large = json_is_object(lfs);
    if (!is_file_name(name) || !json_is_integer(size) || json_integer_value(size) < 0 ||
        !is_hex(large ? sha256 : blob, large ? 64 : 40))
        return false;
    *file = (HubFile){.name = arena_strdup(arena, name),
                      .digest = arena_strdup(arena, large ? sha256 : blob),
                      .kind = large ? DIGEST_SHA256 : DIGEST_GIT,
                      .size = json_integer_value(size)};
    return true;
}

int hub_repo_read(HubRepo *repo, const char *answer, size_t size, const char *url, Arena *arena, Error *err) {
    json_error_t why;
    *repo = (HubRepo){0};
    json_t *root = json_read(answer, size, &why);
    if (!root)
        return json_refuse(err, "%s: not what a hub answers: line %d: %s", url, why.line, why.text);
    const json_t *list = json_object_get(root, "siblings");
    const char *commit = json_string_value(json_object_get(root, "sha"));
    int result = 0;
    if (!is_hex(commit, 40) || !json_is_array(list) || json_array_size(list) > MAX_FILES) {
        result = error_set(err, "%s: not what a hub answers: a commit and a list of files are needed", url);
    } else {
        repo->commit = arena_strdup(arena, commit);
        repo->files = ARENA_NEW(arena, HubFile, json_array_size(list));
        for (size_t i = 0; i < json_array_size(list) && repo->files; i++)
            repo->n += read_file(&repo->files[repo->n], json_array_get(list, i), arena);
    }
    json_decref(root);
    return result == 0 && arena_failed(arena) ? error_memory(err) : result;
}

/* --- choosing --- */

static HubFile *find(HubRepo *repo, const char *name) {
    for (int i = 0; i < repo->n; i++)
        if (strcmp(repo->files[i].name, name) == 0)
            return &repo->files[i];
    return NULL;
}

static bool choose(HubRepo *repo, const char *name) {
    HubFile *file = find(repo, name);
    if (file)
        file->chosen = true;
    return file;
}

static bool choose_as_weights(HubRepo *repo, const char *name) {
    if (!choose(repo, name))
        return false;
    repo->weights = name;
    return true;
}

/* The index of a split file, and its pieces, "model-00001-of-00002.safetensors". */
static bool choose_split(HubRepo *repo, const char *index, const char *start, const char *suffix) {
    int n_pieces = 0;
    if (!find(repo, index))
        return false;
    for (int i = 0; i < repo->n; i++) {
        const char *name = repo->files[i].name;
        if (starts_with(name, start) && strstr(name, "-of-") && has_suffix(name, suffix)) {
            repo->files[i].chosen = true;
            n_pieces++;
        }
    }
    return n_pieces > 0 && choose_as_weights(repo, index);
}

/* The only file of weights, whatever its name. */
static bool choose_only(HubRepo *repo) {
    const char *only = NULL;
    int n = 0;
    for (int i = 0; i < repo->n; i++) {
        const char *name = repo->files[i].name;
        if (has_suffix(name, ".safetensors") || has_suffix(name, ".pt") || has_suffix(name, ".pth")) {
            only = name;
            n++;
        }
    }
    return n == 1 && choose_as_weights(repo, only);
}

static bool choose_weights(HubRepo *repo, bool only_openclip) {
    if (choose_as_weights(repo, "open_clip_model.safetensors"))
        return true;
    if (only_openclip)
        return choose_as_weights(repo, "open_clip_pytorch_model.bin");
    return choose_as_weights(repo, "model.safetensors") ||
           choose_split(repo, "model.safetensors.index.json", "model-", ".safetensors") ||
           choose_as_weights(repo, "open_clip_pytorch_model.bin") ||
           choose_as_weights(repo, "pytorch_model.bin") ||
           choose_split(repo, "pytorch_model.bin.index.json", "pytorch_model-", ".bin") || choose_only(repo);
}

int hub_repo_choose(HubRepo *repo, bool only_openclip, const char *url, Error *err) {
    static const char *const configs[] = {"open_clip_config.json",  "config.json", "preprocessor_config.json",
                                          "processor_config.json",  "vocab.json",  "tokenizer_config.json",
                                          "special_tokens_map.json"};
    static const char *const vocabularies[] = {"merges.txt", "bpe_simple_vocab_16e6.txt.gz",
                                               "tokenizer.json"};
    if (!choose_weights(repo, only_openclip))
        return error_set(err, "%s: no checkpoint among its %d files", url, repo->n);
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
        choose(repo, configs[i]);
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++)
        repo->has_vocabulary |= choose(repo, vocabularies[i]);
    return 0;
}
