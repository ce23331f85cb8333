/* results.c: results.jsonl and results.csv (results.h). */
#include "experiments/results/results.h"

#include "clip/base/file_lock.h"
#include "clip/base/files.h"
#include "clip/base/json.h"
#include "clip/base/text_map.h"
#include "experiments/results/checked_line.h"
#include "experiments/results/result_columns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_RESULTS_FILE ((size_t)1 << 30)

/* --- appending --- */

/* The length of the file without a torn last line, or -1. */
static off_t whole_lines(int file) {
    off_t end = lseek(file, 0, SEEK_END);
    char block[4096];
    while (end > 0) {
        size_t n = end < (off_t)sizeof block ? (size_t)end : sizeof block;
        if (pread(file, block, n, end - (off_t)n) != (ssize_t)n)
            return -1;
        for (size_t i = n; i > 0; i--)
            if (block[i - 1] == '\n')
                return end - (off_t)(n - i);
        end -= (off_t)n;
    }
    return end;
}

static int append_line(int file, const char *path, const char *line, Error *err) {
    size_t size = strlen(line);
    if (file_lock(file) == FILE_LOCK_FAILED)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot lock", path);
    off_t end = whole_lines(file);
    if (end < 0 || ftruncate(file, end))
        return error_errno(err, ERROR_RUN, errno, "%s: cannot repair the last line", path);
    ssize_t written = pwrite(file, line, size, end);
    if (written != (ssize_t)size) {
        int reason = written < 0 ? errno : ENOSPC;
        if (ftruncate(file, end)) /* readers ignore a torn line all the same */
            reason = errno;
        return error_errno(err, ERROR_RUN, reason, "%s: cannot write", path);
    }
    return fsync(file) ? error_errno(err, ERROR_RUN, errno, "%s: cannot sync", path) : 0;
}

/* A new name is on disk only when its folder is. */
static int sync_folder(const char *folder, Error *err) {
    int handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = handle < 0 || fsync(handle);
    int reason = errno;
    if (handle >= 0)
        close(handle);
    return failed ? error_errno(err, ERROR_RUN, reason, "%s: cannot sync", folder) : 0;
}

/* "2024-05-01T12:00:00Z" */
static void time_text(char out[32]) {
    time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        strcpy(out, "unknown");
}

int result_append(const char *folder, const Result *result, Error *err) {
    char now[32];
    time_text(now);
    int status = -1, file = -1;
    char *text = NULL, *line = NULL, *path = NULL, tail[LINE_TAIL];
    Arena *arena = arena_create();
    Result finished = *result;
    if (!finished.finished)
        finished.finished = now;
    json_t *json = result_json(&finished);
    if (!arena || !json || !(text = json_write(json, JSON_COMPACT)) ||
        !(line = arena_printf(arena, "%.*s%s\n", (int)strlen(text) - 1, text, line_tail(tail, text))) ||
        !(path = path_join(arena, folder, "results.jsonl"))) {
        error_memory(err);
        goto out;
    }
    if (make_folders(folder, err) < 0)
        goto out;
    bool is_new = !file_exists(path);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) {
        error_errno(err, ERROR_RUN, errno, "%s: cannot open", path);
        goto out;
    }
    if (append_line(file, path, line, err) < 0 || (is_new && sync_folder(folder, err) < 0))
        goto out;
    status = 0;
out:
    if (file >= 0)
        close(file); /* gives the lock back */
    json_decref(json);
    free(text);
    arena_free(arena);
    return status;
}

/* --- reading --- */

/* Room for more as both grow. */
typedef struct {
    ResultList *list;
    int capacity, faults_capacity;
    const char *path;
    Arena *arena;
} Reader;

/* Adds a result, or replaces the earlier one of its key. */
static int add_result(Reader *reader, const Result *result) {
    ResultList *list = reader->list;
    const int *place = text_map_find(&list->places, result->key);
    if (place) {
        list->results[*place] = *result;
        list->n_replaced++;
        return 0;
    }
    Result *results =
        arena_grow(reader->arena, list->results, &reader->capacity, list->n + 1, sizeof *results);
    if (!results || text_map_put(&list->places, result->key, list->n) < 0)
        return -1;
    list->results = results;
    list->results[list->n++] = *result;
    return 0;
}

static int add_fault(Reader *reader, int line, const char *reason) {
    ResultList *list = reader->list;
    const char **faults =
        arena_grow(reader->arena, list->faults, &reader->faults_capacity, list->n_faults + 1, sizeof *faults);
    if (!faults)
        return -1;
    list->faults = faults;
    faults[list->n_faults] = arena_printf(reader->arena, "%s: line %d: %s", reader->path, line, reason);
    return faults[list->n_faults++] ? 0 : -1;
}

/* The line (size) ends in a NUL. */
static int read_line(Reader *reader, int number, const char *line, size_t size) {
    json_error_t why;
    Result result;
    if (line_state(line, size) == LINE_DAMAGED)
        return add_fault(reader, number, "damaged: it does not match its check");
    json_t *json = json_read(line, size, &why);
    if (!json && json_ran_out())
        return -1;
    if (!json)
        return add_fault(reader, number, arena_printf(reader->arena, "not JSON: %s", why.text));
    int failed = result_from_json(&result, json, reader->arena);
    json_decref(json);
    result.line = line;
    if (failed && !arena_failed(reader->arena) && !json_ran_out())
        return add_fault(reader, number,
                         "not a result (key, dataset, method, label or num_shots is missing)");
    return failed ? -1 : add_result(reader, &result);
}

/* Results of one dataset, learned on one, must be of the same images, classes and parts. */
static char *subject(const Result *result, Arena *arena) {
    return arena_printf(arena, "%s\n%s", result->dataset, result->source ? result->source : "");
}

static bool same_split(const Result *a, const Result *b) {
    return !a->split_digest || !b->split_digest || strcmp(a->split_digest, b->split_digest) == 0;
}

/* The last result of a dataset says what it is; of those with a rank, where there are any (ranks may be
 * NULL). */
static int set_aside(ResultList *list, const TextMap *ranks, Arena *arena) {
    TextMap present = {.arena = arena};
    const char **subjects = ARENA_NEW(arena, const char *, list->n);
    int failed = !subjects;
    for (int i = 0; i < list->n && !failed; i++) {
        subjects[i] = subject(&list->results[i], arena);
        failed =
            !subjects[i] || (list->results[i].split_digest && text_map_put(&present, subjects[i], i) < 0);
    }
    for (int i = 0; ranks && i < list->n && !failed; i++)
        failed = text_map_find(ranks, list->results[i].key) && text_map_put(&present, subjects[i], i) < 0;
    list->n_aside = 0;
    for (int i = 0; i < list->n && !failed; i++) {
        const int *last = text_map_find(&present, subjects[i]);
        list->results[i].aside = last && !same_split(&list->results[i], &list->results[*last]);
        list->n_aside += list->results[i].aside;
    }
    return failed ? -1 : 0;
}

const char *results_aside(const ResultList *list, const char *folder, Arena *arena) {
    if (list->n_aside == 0)
        return NULL;
    const Result *first = list->results;
    while (!first->aside)
        first++;
    return arena_printf(
        arena,
        "%s/results.jsonl: %d result%s of other images, classes or parts of '%s' than the last%s "
        "set aside",
        folder, list->n_aside, list->n_aside == 1 ? "" : "s", first->dataset,
        list->n_aside == 1 ? " is" : " are");
}

int results_read(ResultList *list, const char *folder, Arena *arena, Error *err) {
    *list = (ResultList){.places = {.arena = arena}};
    Reader reader = {.list = list, .path = path_join(arena, folder, "results.jsonl"), .arena = arena};
    size_t size;
    if (!reader.path)
        return error_memory(err);
    if (!file_exists(reader.path))
        return 0;
    char *text = file_read(reader.path, MAX_RESULTS_FILE, arena, &size, err);
    if (!text)
        return -1;
    int number = 1, failed = 0;
    char *at = text, *end;
    for (; !failed && (end = memchr(at, '\n', size - (size_t)(at - text))); at = end + 1, number++) {
        *end = '\0';
        failed = end > at && read_line(&reader, number, at, (size_t)(end - at)) < 0;
    }
    if (!failed && at < text + size)
        failed = add_fault(&reader, number, "cut short");
    return failed || set_aside(list, NULL, arena) < 0 || arena_failed(arena) ? error_memory(err) : 0;
}

const Result *results_find(const ResultList *list, const char *key) {
    const int *place = text_map_find(&list->places, key);
    return place ? &list->results[*place] : NULL;
}

/* --- order --- */

/* What is set aside goes before everything else, whatever its age. */
static int move_aside(ResultList *list, bool *moved, Arena *arena) {
    Result *sorted = ARENA_NEW(arena, Result, list->n);
    if (!sorted)
        return -1;
    int n = 0;
    for (int aside = 1; aside >= 0; aside--)
        for (int i = 0; i < list->n; i++)
            if (list->results[i].aside == (aside == 1))
                sorted[n++] = list->results[i];
    for (int i = 0; i < list->n; i++) {
        *moved |= list->results[i].key != sorted[i].key;
        list->results[i] = sorted[i];
    }
    return 0;
}

int results_order(ResultList *list, const char *const *keys, int n, bool *moved, Error *err) {
    Arena *arena = arena_create();
    TextMap ranks = {.arena = arena};
    Result *ranked = ARENA_NEW(arena, Result, n); /* key NULL: there is none yet */
    int *places = ARENA_NEW(arena, int, n), n_places = 0, failed = arena_failed(arena);
    *moved = false;
    for (int i = 0; i < n && !failed; i++) /* of a point that two grids share the first counts */
        failed = !text_map_find(&ranks, keys[i]) && text_map_put(&ranks, keys[i], i) < 0;
    for (int i = 0; i < list->n && !failed; i++) {
        const int *rank = text_map_find(&ranks, list->results[i].key);
        if (rank) {
            ranked[*rank] = list->results[i];
            places[n_places++] = i;
        }
    }
    for (int i = 0, next = 0; i < n && !failed; i++)
        if (ranked[i].key) {
            Result *place = &list->results[places[next++]];
            *moved |= place->key != ranked[i].key;
            *place = ranked[i];
        }
    failed = failed || set_aside(list, &ranks, arena) < 0 || move_aside(list, moved, arena) < 0;
    for (int i = 0; i < list->n && !failed; i++)
        failed = text_map_put(&list->places, list->results[i].key, i) < 0;
    arena_free(arena);
    return failed ? error_memory(err) : 0;
}

int results_rewrite(const char *folder, const ResultList *list, Error *err) {
    Arena *arena = arena_create();
    char *path = arena ? path_join(arena, folder, "results.jsonl") : NULL;
    FileWriter *writer = path ? file_create(path, err) : NULL;
    int status = path ? -1 : error_memory(err);
    if (writer) {
        for (int i = 0; i < list->n; i++)
            file_printf(writer, "%s\n", list->results[i].line);
        status = file_commit(writer, err);
    }
    arena_free(arena);
    return status;
}

/* --- CSV --- */

int results_write_csv(const char *folder, const ResultList *list, Error *err) {
    Arena *arena = arena_create();
    char *path = arena ? path_join(arena, folder, RESULTS_CSV) : NULL;
    FileWriter *writer = path ? file_create(path, err) : NULL;
    int result = path ? -1 : error_memory(err);
    if (writer) {
        result_csv_names(writer);
        for (int i = 0; i < list->n; i++)
            if (!list->results[i].aside)
                result_csv(writer, &list->results[i]);
        result = file_commit(writer, err);
    }
    arena_free(arena);
    return result;
}
