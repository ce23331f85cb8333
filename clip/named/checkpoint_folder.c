/* checkpoint_folder.c: see checkpoint_folder.h */
#include "clip/named/checkpoint_folder.h"

#include "clip/base/files.h"
#include "clip/base/text_ends.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char *const vocabularies[] = {"merges.txt", "merges.txt.gz", "bpe_simple_vocab_16e6.txt.gz",
                                           "bpe_simple_vocab_16e6.txt", "tokenizer.json"};

/* Whoever finds nothing asks the arena whether that is so. */
static void *lack_memory(Arena *arena) {
    return arena_alloc(arena, SIZE_MAX, SIZE_MAX);
}

/* The name of the only folder in a folder; NULL. */
static const char *only_folder(const char *folder, Arena *arena) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    const char *only = NULL;
    int n = 0;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            only = arena_strdup(arena, entry->d_name);
            n++;
        }
    if (!dir && errno == ENOMEM)
        lack_memory(arena);
    if (dir)
        closedir(dir);
    return n == 1 ? only : NULL;
}

const char *checkpoint_snapshot(const char *folder, Arena *arena) {
    enum { MAX_REVISION = 128 };
    Error ignored = {0};
    size_t size;
    const char *ref = path_join(arena, folder, "refs/main"),
               *snapshots = path_join(arena, folder, "snapshots");
    if (!ref || !snapshots || !folder_exists(snapshots))
        return folder;
    const char *revision = file_exists(ref) ? file_read(ref, MAX_REVISION, arena, &size, &ignored)
                                            : only_folder(snapshots, arena);
    if (ignored.is_memory)
        lack_memory(arena);
    revision = revision ? arena_printf(arena, "%.*s", (int)strcspn(revision, "/\r\n"), revision) : NULL;
    if (!revision || !*revision || *revision == '.')
        return folder;
    const char *found = path_join(arena, snapshots, revision);
    return found && folder_exists(found) ? found : folder;
}

const char *checkpoint_file(const char *folder, const char *name, Arena *arena) {
    const char *path = path_join(arena, folder, name);
    return path && file_exists(path) ? path : NULL;
}

const char *checkpoint_vocabulary(const char *folder, Arena *arena) {
    const char *found = NULL;
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies && !found; i++)
        found = checkpoint_file(folder, vocabularies[i], arena);
    return found;
}

/* --- the weights in a folder --- */

/* Files in a folder whose names end in a certain way. */
typedef struct {
    const char *first; /* the first by name */
    int n;
} Matches;

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
    const int reason = errno;
    if (!dir && reason == ENOMEM)
        lack_memory(arena);
    if (!dir)
        return error_errno(err, ERROR_INPUT, reason, "%s: cannot open", folder);
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (has_suffix(name, ".safetensors.index.json"))
            add_match(index, folder, name, arena);
        if (has_suffix(name, ".safetensors") || has_suffix(name, ".pt") || has_suffix(name, ".pth"))
            add_match(single, folder, name, arena);
    }
    closedir(dir);
    return arena_failed(arena) ? error_memory(err) : 0;
}

const char *checkpoint_weights(const char *path, Arena *arena, Error *err) {
    Matches index = {0}, single = {0};
    if (list_matches(&index, &single, path, arena, err) < 0)
        return NULL;
    const char *found = checkpoint_file(path, "open_clip_model.safetensors", arena);
    found = found ? found : checkpoint_file(path, "model.safetensors", arena);
    found = found ? found : index.n == 1 ? index.first : NULL;
    found = found ? found : checkpoint_file(path, "open_clip_pytorch_model.bin", arena);
    found = found ? found : checkpoint_file(path, "pytorch_model.bin", arena);
    found = found ? found : checkpoint_file(path, "pytorch_model.bin.index.json", arena);
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
