/* checkpoints.c: see checkpoints.h */
#include "experiments/pretrain/checkpoints.h"

#include "clip/base/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEWEST "open_clip_model.safetensors"
#define CONFIG "open_clip_config.json"
#define MAX_VOCABULARY ((size_t)64 << 20)

/* One of the names that clip/checkpoint/locate.h looks for; what is inside is told by content. */
static const char *vocabulary_name(const char *bytes, size_t size) {
    const bool gzip = size > 1 && memcmp(bytes, "\x1f\x8b", 2) == 0;
    return gzip ? "merges.txt.gz" : size > 0 && *bytes == '{' ? "tokenizer.json" : "merges.txt";
}

int checkpoints_begin(const PretrainSession *session, Error *err) {
    size_t size;
    Arena *arena = arena_create();
    const char *bytes = file_read(session->vocabulary, MAX_VOCABULARY, arena, &size, err);
    const char *path = bytes ? path_join(arena, session->config->output, vocabulary_name(bytes, size)) : NULL;
    int status = path ? file_write(path, bytes, size, err) : bytes ? error_memory(err) : -1;
    arena_free(arena);
    return status;
}

static bool is_kept(const PretrainConfig *config, int epoch) {
    return epoch == config->optim.epochs ||
           (config->save_frequency > 0 && epoch % config->save_frequency == 0);
}

static const char *path_of(const PretrainConfig *config, int epoch, Arena *arena) {
    return arena_printf(arena, "%s/epoch_%d.safetensors", config->output, epoch);
}

/* Made beside it and renamed, so that there is always one. */
static int link_newest(const PretrainConfig *config, const char *path, Arena *arena, Error *err) {
    const char *link = path_join(arena, config->output, NEWEST);
    const char *fresh = arena_printf(arena, "%s.new", link ? link : ""), *target = path_last(arena, path);
    if (arena_failed(arena))
        return error_memory(err);
    remove(fresh);
    if (symlink(target, fresh) < 0 || rename(fresh, link) < 0)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot link", link);
    return 0;
}

static int remove_old(const PretrainConfig *config, int epoch, Arena *arena, Error *err) {
    const int old = epoch - config->save_most_recent;
    if (old < 1 || config->save_most_recent == 0 || is_kept(config, old))
        return 0;
    const char *path = path_of(config, old, arena);
    if (!path)
        return error_memory(err);
    if (remove(path) < 0 && errno != ENOENT)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot remove", path);
    return 0;
}

int checkpoints_add(const PretrainSession *session, int epoch, Error *err) {
    const PretrainConfig *config = session->config;
    if (!is_kept(config, epoch) && config->save_most_recent == 0)
        return 0;
    Arena *arena = arena_create();
    const char *path = path_of(config, epoch, arena);
    int status = path ? trainable_clip_save(session->clip, path, err) : error_memory(err);
    if (status == 0)
        status = link_newest(config, path, arena, err);
    if (status == 0)
        status = remove_old(config, epoch, arena, err);
    arena_free(arena);
    return status;
}

int checkpoints_restore(const PretrainSession *session, bool *written, Error *err) {
    const PretrainConfig *config = session->config;
    const int last = config->optim.epochs;
    Arena *arena = arena_create();
    const char *paths[] = {path_of(config, last, arena), path_join(arena, config->output, NEWEST),
                           path_join(arena, config->output, CONFIG)};
    int status = arena_failed(arena) ? error_memory(err) : checkpoints_begin(session, err);
    *written = false;
    for (size_t i = 0; status == 0 && i < sizeof paths / sizeof *paths; i++)
        *written |= !file_exists(paths[i]);
    arena_free(arena);
    return status == 0 && *written ? checkpoints_add(session, last, err) : status;
}

const char *checkpoints_newest(const PretrainConfig *config, int epoch, Arena *arena) {
    for (; epoch > 0; epoch--) {
        const char *path = path_of(config, epoch, arena);
        if (!path || file_exists(path))
            return path;
    }
    return NULL;
}
