/* locate.c: see locate.h */
#include "clip/checkpoint/locate.h"

#include "clip/base/files.h"
#include "clip/named/checkpoint_folder.h"
#include "clip/named/named_find.h"

#include <string.h>

bool locate_is_name(const char *text) {
    return !file_exists(text) && !folder_exists(text) && !named_is_path(text);
}

/* --- by name --- */

static int refuse_absent(const Named *named, const char *text, Arena *arena, Error *err) {
    if (named->known)
        return error_set(err, "%s: not on this disk; this fetches it: coop models get %s", text, named->name);
    return error_set(err,
                     "%s: neither a file or folder, nor a repository of the Hugging Face hub that is on this "
                     "disk%s; this fetches it: coop models get %s",
                     text, named_near(text, arena), named->name);
}

/* NULL unless all is here that its numbers depend on. */
static const Named *find_name(NamedFiles *files, const char *text, Arena *arena, Error *err) {
    Named *named = ARENA_NEW(arena, Named, 1);
    if (!named || named_parse(named, text, arena, err) < 0)
        return named ? NULL : (error_memory(err), NULL);
    *files = named_find(named, arena);
    if (arena_failed(arena))
        error_memory(err);
    else if (!files->weights)
        refuse_absent(named, text, arena, err);
    else if (files->lacks)
        error_set(err, "%s: its %s is not on this disk, only weights; this fetches it: coop models get %s",
                  text, files->lacks, named->name);
    else
        return named;
    return NULL;
}

/* --- by name or path --- */

const char *locate_named(const char *text, const Named **named, Arena *arena, Error *err) {
    *named = NULL;
    if (locate_is_name(text)) {
        NamedFiles files;
        *named = find_name(&files, text, arena, err);
        return *named ? files.weights : NULL;
    }
    if (folder_exists(text))
        return checkpoint_weights(checkpoint_snapshot(text, arena), arena, err);
    const char *copy = arena_strdup(arena, text);
    if (!copy)
        error_memory(err);
    return copy;
}

const char *locate_weights(const char *text, Arena *arena, Error *err) {
    const Named *named;
    return locate_named(text, &named, arena, err);
}

static const char *folder_of(const char *path, Arena *arena) {
    return folder_exists(path) ? checkpoint_snapshot(path, arena) : path_folder(arena, path);
}

const char *locate_beside(const char *path, const char *name, Arena *arena) {
    const char *folder = folder_of(path, arena);
    return folder ? checkpoint_file(folder, name, arena) : NULL;
}

const char *locate_vocabulary(const char *text, Arena *arena, Error *err) {
    if (locate_is_name(text)) {
        NamedFiles files;
        const Named *named = find_name(&files, text, arena, err);
        if (named && !files.vocabulary)
            error_set(err, "%s: its vocabulary is not on this disk; this fetches it: coop models get %s",
                      text, named->name);
        return named ? files.vocabulary : NULL;
    }
    const char *folder = folder_of(text, arena);
    const char *found = folder ? checkpoint_vocabulary(folder, arena) : NULL;
    if (found)
        return found;
    if (arena_failed(arena))
        error_memory(err);
    else
        error_set(
            err,
            "%s: vocabulary: none of merges.txt, bpe_simple_vocab_16e6.txt (or .gz) and tokenizer.json is %s "
            "(coop models says where CLIP's is)",
            text, folder_exists(text) ? "in it" : "beside it");
    return NULL;
}

int locate_check_digest(const char *text, const char *path, const char *digest, Error *err) {
    Arena *arena = arena_create();
    Named named = {0};
    int result = locate_is_name(text) ? named_parse(&named, text, arena, err) : 0;
    const char *name = named.digest ? path_last(arena, path) : NULL;
    if (arena_failed(arena))
        result = error_memory(err);
    else if (result == 0 && name && strcmp(name, named.file) == 0 &&
             strncmp(digest, named.digest, strlen(named.digest)) != 0)
        result = error_set(
            err,
            "%s: %s: sha256 %.12s...: not the file of that name that was published (%.12s...); this "
            "fetches it: coop models get %s; as it is it can be used by its path",
            text, path, digest, named.digest, named.name);
    arena_free(arena);
    return result;
}

int locate_is_there(const char *text, Error *err) {
    Error why = {0};
    if (!locate_is_name(text))
        return file_exists(text) || folder_exists(text);
    Arena *arena = arena_create();
    NamedFiles files;
    const bool found = find_name(&files, text, arena, &why);
    arena_free(arena);
    return why.is_memory ? error_memory(err) : found;
}
