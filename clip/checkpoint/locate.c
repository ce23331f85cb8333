/* locate.c: see locate.h */
#include "clip/checkpoint/locate.h"

#include "clip/base/files.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

static const char *const vocabularies[] = {"merges.txt", "merges.txt.gz", "bpe_simple_vocab_16e6.txt.gz",
                                           "bpe_simple_vocab_16e6.txt", "tokenizer.json"};

/* The folder of the files: Hugging Face's cache of a model keeps them in snapshots/REVISION, and the newest
 * revision in the file refs/main. */
static const char *snapshot_of(const char *folder, Arena *arena) {
    enum { MAX_REVISION = 128 };
    Error ignored = {0};
    size_t size;
    const char *ref = path_join(arena, folder, "refs/main");
    char *revision = ref && file_exists(ref) ? file_read(ref, MAX_REVISION, arena, &size, &ignored) : NULL;
    if (!revision)
        return folder;
    revision[strcspn(revision, "/\r\n")] = '\0';
    const char *snapshots = path_join(arena, folder, "snapshots");
    const char *found = snapshots ? path_join(arena, snapshots, revision) : NULL;
    return found && *revision && *revision != '.' && folder_exists(found) ? found : folder;
}

static const char *folder_of(const char *path, Arena *arena) {
    return folder_exists(path) ? snapshot_of(path, arena) : path_folder(arena, path);
}

const char *locate_beside(const char *path, const char *name, Arena *arena) {
    const char *folder = folder_of(path, arena);
    const char *found = folder ? path_join(arena, folder, name) : NULL;
    return found && file_exists(found) ? found : NULL;
}

const char *locate_vocabulary(const char *path, Arena *arena, Error *err) {
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        const char *found = locate_beside(path, vocabularies[i], arena);
        if (found)
            return found;
    }
    if (arena_failed(arena))
        error_memory(err);
    else
        error_set(
            err,
            "%s: vocabulary: none of merges.txt, bpe_simple_vocab_16e6.txt (or .gz) and tokenizer.json is %s "
            "(coop models says where CLIP's is)",
            path, folder_exists(path) ? "in it" : "beside it");
    return NULL;
}

/* --- the weights in a folder --- */

/* Files in a folder whose names end in a certain way. */
typedef struct {
    const char *first; /* the first by name */
    int n;
} Matches;

static bool ends(const char *name, const char *end) {
    size_t n = strlen(name), n_end = strlen(end);
    return n > n_end && strcmp(name + n - n_end, end) == 0;
}

static void add_match(Matches *matches, const char *folder, const char *name, Arena *arena) {
    const char *path = path_join(arena, folder, name);
    if (name[0] == '.' || !path || !file_exists(path))
        return;
    matches->n++;
    if (!matches->first || strcmp(path, matches->first) < 0)
        matches->first = path;
}

static int list_matches(Matches *index, Matches *single, const char *folder, Arena *arena, Error *err) {
    DIR *dir = opendir(folder);
    if (!dir)
        return error_errno(err, ERROR_INPUT, errno, "%s: cannot open", folder);
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (ends(name, ".safetensors.index.json"))
            add_match(index, folder, name, arena);
        if (ends(name, ".safetensors") || ends(name, ".pt") || ends(name, ".pth"))
            add_match(single, folder, name, arena);
    }
    closedir(dir);
    return arena_failed(arena) ? error_memory(err) : 0;
}

const char *locate_weights(const char *path, Arena *arena, Error *err) {
    if (!folder_exists(path)) {
        const char *copy = arena_strdup(arena, path);
        if (!copy)
            error_memory(err);
        return copy;
    }
    path = snapshot_of(path, arena);
    Matches index = {0}, single = {0};
    if (list_matches(&index, &single, path, arena, err) < 0)
        return NULL;
    const char *found = locate_beside(path, "open_clip_model.safetensors", arena);
    found = found ? found : locate_beside(path, "model.safetensors", arena);
    found = found ? found : index.n == 1 ? index.first : NULL;
    found = found ? found : locate_beside(path, "open_clip_pytorch_model.bin", arena);
    found = found ? found : locate_beside(path, "pytorch_model.bin", arena);
    found = found ? found : locate_beside(path, "pytorch_model.bin.index.json", arena);
    found = found ? found : index.n == 0 && single.n == 1 ? single.first : NULL;
    if (found)
        return found;
    const Matches *many = index.n > 1 ? &index : &single;
    if (arena_failed(arena))
        error_memory(err);
    else if (many->n > 1)
        error_set(err, "%s: %d checkpoints in it (one is %s): say which", path, many->n,
                  strrchr(many->first, '/') + 1);
    else
        error_set(err,
                  "%s: no checkpoint in it: looked for open_clip_model.safetensors, model.safetensors, "
                  "*.safetensors.index.json, open_clip_pytorch_model.bin, pytorch_model.bin, "
                  "pytorch_model.bin.index.json, *.safetensors, *.pt, *.pth",
                  path);
    return NULL;
}
