/* download.c: see download.h */
#include "experiments/fetch/download.h"

#include "clip/base/file_lock.h"
#include "clip/base/files.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB (1 << 20)

typedef struct {
    const Download *what;
    const FetchOptions *options;
    Arena *arena;
    const char *etag_path;
    int fd, lock;        /* of the partial file, and of the lock; -1: not open */
    uint64_t have;       /* bytes of it that are there */
    uint64_t asked;      /* bytes that were there when they were asked for */
    bool resumed, begun; /* some of them are of an earlier run; of this answer some have come */
    Progress progress;
} Task;

static int write_error(const Task *task, int reason, Error *err) {
    return error_errno(err, ERROR_RUN, reason, "%s: cannot write", task->what->partial);
}

static void say(Task *task, const char *what) {
    char line[4096];
    snprintf(line, sizeof line, "%s: %s", task->what->path, what);
    retry_say(task->options, &task->progress, line);
}

/* --- what is there --- */

static int is_intact(const Download *what, const char *path, Error *err) {
    char digest[65];
    struct stat info;
    if (what->size >= 0 && stat(path, &info) == 0 && info.st_size != what->size)
        return 0;
    file_digest(digest, what->kind, path, err);
    return *digest ? strncmp(digest, what->digest, strlen(what->digest)) == 0 : -1;
}

/* 1: the file is there, 0: it must be fetched. */
static int look(const Download *what, const FetchOptions *options, Error *err) {
    if (!file_exists(what->path))
        return 0;
    const int intact = is_intact(what, what->path, err);
    if (intact != 0)
        return intact;
    if (!what->replace)
        return error_set(err, "%s: is there already, and not the published one (%s...): it stays as it is",
                         what->path, what->digest);
    if (!options->quiet)
        print_line(stderr, "%s: is damaged, or another (not %.12s...): it is fetched anew", what->path,
                   what->digest);
    return 0;
}

/* --- taking turns --- */

/* Waits for the lock of an open file; where the file system knows none, goes on. */
static int wait_lock(Task *task, int fd, Error *err) {
    FileLock got;
    bool said = false;
    while ((got = file_try_lock(fd)) == FILE_BUSY) {
        if (!said)
            say(task, "another process is fetching it; waiting");
        said = true;
        if (retry_sleep(0.2, err) < 0)
            return -1;
    }
    return got == FILE_LOCK_FAILED ? write_error(task, errno, err) : 0;
}

/* Opens the partial file and takes its lock; once more if who had it has given it its name meanwhile. */
static int open_partial(Task *task, Error *err) {
    struct stat mine, there;
    for (;;) {
        task->fd = open(task->what->partial, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (task->fd < 0)
            return write_error(task, errno, err);
        if (wait_lock(task, task->fd, err) < 0)
            return -1;
        if (fstat(task->fd, &mine) == 0 && stat(task->what->partial, &there) == 0 &&
            mine.st_ino == there.st_ino)
            break;
        close(task->fd);
        task->fd = -1;
    }
    task->have = (uint64_t)mine.st_size;
    task->resumed = task->have > 0;
    return 0;
}

static int open_lock(Task *task, Error *err) {
    if (!task->what->lock)
        return 0;
    const char *folder = path_folder(task->arena, task->what->lock);
    if (!folder)
        return error_memory(err);
    if (make_folders(folder, err) < 0)
        return -1;
    task->lock = open(task->what->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (task->lock < 0)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot open", task->what->lock);
    return wait_lock(task, task->lock, err);
}

/* --- bytes --- */

static int restart(Task *task, Error *err) {
    task->have = 0;
    task->resumed = false;
    unlink(task->etag_path);
    return ftruncate(task->fd, 0) == 0 ? 0 : write_error(task, errno, err);
}

/* The first bytes of an answer: are they those that were asked for? */
static int begin(Task *task, const HttpAnswer *answer, Error *err) {
    const Download *what = task->what;
    task->begun = true;
    if (answer->from != task->asked && answer->from != 0)
        return error_run(err, "%s: bytes from %" PRIu64 " on where %" PRIu64 " was asked for", what->url,
                         answer->from, task->asked);
    if (what->size >= 0 && answer->size >= 0 && answer->size != what->size)
        return error_run(err, "%s: %" PRId64 " bytes where %" PRId64 " were published", what->url,
                         answer->size, what->size);
    if (answer->from == 0 && restart(task, err) < 0) /* no ranges, or another version */
        return -1;
    if (*answer->etag && answer->from == 0 &&
        file_write(task->etag_path, answer->etag, strlen(answer->etag), err) < 0)
        return -1;
    progress_resume(&task->progress, (long)(task->have / MIB),
                    answer->size > 0 ? (long)(answer->size / MIB) : 0);
    return 0;
}

static int on_bytes(void *context, const HttpAnswer *answer, const void *data, size_t size, Error *err) {
    Task *task = context;
    const char *at = data;
    if (!task->begun && begin(task, answer, err) < 0)
        return -1;
    while (size > 0) {
        const ssize_t n = pwrite(task->fd, at, size, (off_t)task->have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return write_error(task, n < 0 ? errno : EIO, err);
        at += n;
        size -= (size_t)n;
        task->have += (uint64_t)n;
    }
    if (task->what->size >= 0 && task->have > (uint64_t)task->what->size)
        return error_run(err, "%s: more than the %" PRId64 " bytes that were published", task->what->url,
                         task->what->size);
    progress_update(&task->progress, (long)(task->have / MIB));
    return 0;
}

/* A disk that is too small is better known at once. */
static int check_space(const Task *task, Error *err) {
    struct statvfs disk;
    if (task->what->size < 0 || fstatvfs(task->fd, &disk) != 0)
        return 0;
    const double need = (double)task->what->size - (double)task->have;
    const double have = (double)disk.f_bavail * (double)disk.f_frsize;
    if (need <= have)
        return 0;
    return error_run(err, "%s: no space: %.0f MiB are needed, and %.0f MiB are free", task->what->path,
                     need / MIB, have / MIB);
}

static HttpResult ask(Task *task, HttpClient *client, HttpAnswer *answer, Error *err) {
    Error ignored = {0};
    const char *etag =
        file_exists(task->etag_path) ? file_read(task->etag_path, 128, task->arena, NULL, &ignored) : NULL;
    const HttpRequest request = {.url = task->what->url,
                                 .token = task->what->token,
                                 .from = task->have,
                                 .etag = etag && *etag == '"' && !strpbrk(etag, "\r\n") ? etag : NULL,
                                 .stall = task->options->stall};
    task->asked = task->have;
    task->begun = false;
    return http_get(client, answer, &request, on_bytes, task, err);
}

/* Asks until all bytes are there. */
static int fetch_bytes(Task *task, HttpClient *client, Error *err) {
    for (int failures = 0;;) {
        HttpAnswer answer;
        if (task->what->size >= 0 && task->have == (uint64_t)task->what->size && task->have > 0)
            return 0;
        const HttpResult result = ask(task, client, &answer, err);
        if (result == HTTP_DONE && !task->begun) /* an empty file */
            return begin(task, &answer, err);
        if (result == HTTP_DONE)
            return 0;
        if (answer.status == 416 && task->asked > 0) { /* all of it is there, or of another version */
            *err = (Error){0};
            return 0;
        }
        failures = task->have > task->asked ? 1 : failures + 1;
        if (result == HTTP_FAILED || retry_wait(task->options, &task->progress, failures, &answer, err) < 0)
            return -1;
    }
}

/* --- a name for it --- */

static int verify(Task *task, Error *err) {
    char digest[65];
    file_digest(digest, task->what->kind, task->what->partial, err);
    if (!*digest)
        return -1;
    if (strncmp(digest, task->what->digest, strlen(task->what->digest)) == 0)
        return 1;
    const bool again = task->resumed;
    if (restart(task, err) < 0)
        return -1;
    if (again)
        return 0;
    unlink(task->what->partial);
    return error_run(err, "%s: not the published file: its digest is %s, not %s; nothing of it is kept",
                     task->what->url, digest, task->what->digest);
}

static int give_name(Task *task, Error *err) {
    if (fsync(task->fd) != 0 && errno != EINVAL)
        return write_error(task, errno, err);
    if (rename(task->what->partial, task->what->path) != 0)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot write", task->what->path);
    unlink(task->etag_path);
    const char *folder = path_folder(task->arena, task->what->path);
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) { /* where a folder cannot be synced, nothing more can be done */
        fsync(fd);
        close(fd);
    }
    return 0;
}

/* What an earlier run left may be of another file: then the second round begins at the first byte. */
static int fetch(Task *task, HttpClient *client, Error *err) {
    if (task->what->size >= 0 && task->have > (uint64_t)task->what->size && restart(task, err) < 0)
        return -1;
    for (;;) {
        if (check_space(task, err) < 0 || fetch_bytes(task, client, err) < 0)
            return -1;
        const int good = verify(task, err);
        if (good != 0)
            return good < 0 ? -1 : give_name(task, err);
        say(task, "what was there of it was of another; from the beginning");
    }
}

/* What is kept is said; an empty file is not kept. */
static void close_task(Task *task, int result) {
    const bool stays = result != 0 && task->fd >= 0;
    if (stays && task->have == 0) {
        unlink(task->what->partial);
        unlink(task->etag_path);
    } else if (stays && result < 0 && !task->options->quiet) {
        print_line(stderr, "%s: %.1f MiB are kept; the same command goes on behind them", task->what->partial,
                   (double)task->have / MIB);
    }
    if (task->fd >= 0)
        close(task->fd);
    if (task->lock >= 0)
        close(task->lock);
}

int download(HttpClient *client, const Download *what, const FetchOptions *options, Error *err) {
    Task task = {.what = what, .options = options, .arena = arena_create(), .fd = -1, .lock = -1};
    const char *folder = path_folder(task.arena, what->path);
    const char *title = what->title ? what->title : path_last(task.arena, what->path);
    const char *label = arena_printf(task.arena, "fetching %s, MiB", title);
    task.etag_path = arena_printf(task.arena, "%s.etag", what->partial);
    int result = arena_failed(task.arena) ? error_memory(err) : look(what, options, err);
    if (result == 0 &&
        (make_folders(folder, err) < 0 || open_lock(&task, err) < 0 || open_partial(&task, err) < 0))
        result = -1;
    if (result == 0 && task.fd >= 0)
        result = look(what, options, err); /* another has been faster */
    if (result == 0) {
        progress_start(&task.progress, stderr, options->quiet, label, 0);
        result = fetch(&task, client, err);
        progress_finish(&task.progress);
    }
    close_task(&task, result);
    arena_free(task.arena);
    return result;
}
