/* results.c: results.jsonl and results.csv (results.h). */
#include "experiments/results/results.h"

#include "clip/base/files.h"
#include "datasets/lists/csv_fields.h"
#include "experiments/methods/method.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_RESULTS_FILE ((size_t)1 << 30)

void result_start(Result *result, const Point *point, const char *dataset) {
    *result = (Result){.key = point->key,
                       .dataset = dataset,
                       .method = point->method->section.name,
                       .label = point->label,
                       .folder = point->folder,
                       .config = point->config,
                       .num_shots = point->num_shots,
                       .seed = point->seed,
                       .accuracy = NAN,
                       .macro_f1 = NAN,
                       .final_loss = NAN,
                       .C = NAN,
                       .train_seconds = NAN,
                       .total_seconds = NAN};
    if (point->method->uses & USES_OPTIM)
        result->epochs = point->optim.max_epoch;
    if (point->method->result)
        point->method->result(result, point);
}

/* --- one result as JSON --- */

static json_t *real_json(double number) {
    return isfinite(number) ? json_real(number) : json_null();
}

static json_t *per_class_json(const Result *result) {
    json_t *list = json_array();
    for (int k = 0; result->per_class && k < result->n_classes; k++)
        json_array_append_new(list, real_json(result->per_class[k]));
    return list;
}

static json_t *shots_json(int num_shots) {
    return num_shots == SHOTS_ALL ? json_string("all")
                                  : json_integer(num_shots == SHOTS_NONE ? 0 : num_shots);
}

static json_t *result_json(const Result *r, const char *finished) {
    json_t *config = r->config ? json_loads(r->config, 0, NULL) : json_null();
    bool prompt = r->class_token_position != NULL;
    return json_pack(
        "{s:s, s:s, s:s?, s:s, s:s, s:o, s:i, s:o, s:o, s:s?, s:s?, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:o, "
        "s:o, s:o, s:s?, s:s?, "
        "s:s?, s:s?, s:s?, s:s?, s:s, s:o, s:o}",
        "key", r->key, "dataset", r->dataset, "source", r->source, "method", r->method, "label", r->label,
        "num_shots", shots_json(r->num_shots), "seed", r->seed, "n_ctx",
        prompt ? json_integer(r->n_ctx) : json_null(), "csc", prompt ? json_boolean(r->csc) : json_null(),
        "class_token_position", r->class_token_position, "ctx_init", r->ctx_init, "accuracy",
        real_json(r->accuracy), "macro_f1", real_json(r->macro_f1), "n_classes", r->n_classes, "n_train",
        r->n_train, "n_test", r->n_test, "epochs", r->epochs > 0 ? json_integer(r->epochs) : json_null(),
        "final_loss", real_json(r->final_loss), "C", real_json(r->C), "train_seconds",
        real_json(r->train_seconds), "total_seconds", real_json(r->total_seconds), "found", r->found,
        "folder", r->folder, "backbone", r->backbone, "model_digest", r->model_digest, "vocab_digest",
        r->vocab_digest, "split_digest", r->split_digest, "finished", finished, "per_class",
        per_class_json(r), "config", config);
}

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
    if (flock(file, LOCK_EX))
        return error_run(err, "%s: cannot lock: %s", path, strerror(errno));
    off_t end = whole_lines(file);
    if (end < 0 || ftruncate(file, end))
        return error_run(err, "%s: cannot repair the last line: %s", path, strerror(errno));
    ssize_t written = pwrite(file, line, size, end);
    if (written != (ssize_t)size) {
        int reason = written < 0 ? errno : ENOSPC;
        if (ftruncate(file, end)) /* readers ignore a torn line all the same */
            reason = errno;
        return error_run(err, "%s: cannot write: %s", path, strerror(reason));
    }
    return fsync(file) ? error_run(err, "%s: cannot sync: %s", path, strerror(errno)) : 0;
}

/* A new name is on disk only when its folder is. */
static int sync_folder(const char *folder, Error *err) {
    int handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = handle < 0 || fsync(handle);
    int reason = errno;
    if (handle >= 0)
        close(handle);
    return failed ? error_run(err, "%s: cannot sync: %s", folder, strerror(reason)) : 0;
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
    char *text = NULL, *line = NULL, *path = NULL;
    Arena *arena = arena_create();
    json_t *json = result_json(result, result->finished ? result->finished : now);
    if (!arena || !json || !(text = json_dumps(json, JSON_COMPACT)) ||
        !(line = arena_printf(arena, "%s\n", text)) || !(path = path_join(arena, folder, "results.jsonl"))) {
        error_memory(err);
        goto out;
    }
    if (make_folders(folder, err) < 0)
        goto out;
    bool is_new = !file_exists(path);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) {
        error_run(err, "%s: cannot open: %s", path, strerror(errno));
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

static const char *get_text(const json_t *json, const char *key, Arena *arena) {
    const char *text = json_string_value(json_object_get(json, key));
    return text ? arena_strdup(arena, text) : NULL;
}

static double get_real(const json_t *json, const char *key) {
    const json_t *value = json_object_get(json, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int get_int(const json_t *json, const char *key) {
    json_int_t value = json_integer_value(json_object_get(json, key));
    return value >= 0 && value <= INT32_MAX ? (int)value : 0;
}

static void read_per_class(Result *result, const json_t *list, Arena *arena) {
    size_t n = json_array_size(list);
    double *values = ARENA_NEW(arena, double, n);
    for (size_t k = 0; values && k < n; k++) {
        const json_t *value = json_array_get(list, k);
        values[k] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    if (n > 0 && (int)n == result->n_classes)
        result->per_class = values;
}

/* -1 when the object is no result. Missing memory shows in the arena. */
static int read_result(Result *result, const json_t *json, Arena *arena) {
    const json_t *shots = json_object_get(json, "num_shots");
    *result = (Result){.key = get_text(json, "key", arena),
                       .dataset = get_text(json, "dataset", arena),
                       .source = get_text(json, "source", arena),
                       .method = get_text(json, "method", arena),
                       .label = get_text(json, "label", arena),
                       .folder = get_text(json, "folder", arena),
                       .seed = get_int(json, "seed"),
                       .n_ctx = get_int(json, "n_ctx"),
                       .csc = json_is_true(json_object_get(json, "csc")),
                       .class_token_position = get_text(json, "class_token_position", arena),
                       .ctx_init = get_text(json, "ctx_init", arena),
                       .accuracy = get_real(json, "accuracy"),
                       .macro_f1 = get_real(json, "macro_f1"),
                       .n_classes = get_int(json, "n_classes"),
                       .n_train = get_int(json, "n_train"),
                       .n_test = get_int(json, "n_test"),
                       .epochs = get_int(json, "epochs"),
                       .final_loss = get_real(json, "final_loss"),
                       .C = get_real(json, "C"),
                       .found = get_text(json, "found", arena),
                       .train_seconds = get_real(json, "train_seconds"),
                       .total_seconds = get_real(json, "total_seconds"),
                       .backbone = get_text(json, "backbone", arena),
                       .model_digest = get_text(json, "model_digest", arena),
                       .vocab_digest = get_text(json, "vocab_digest", arena),
                       .split_digest = get_text(json, "split_digest", arena),
                       .finished = get_text(json, "finished", arena)};
    result->num_shots = json_is_string(shots) ? SHOTS_ALL : get_int(json, "num_shots");
    if (json_is_integer(shots) && result->num_shots == 0)
        result->num_shots = SHOTS_NONE;
    read_per_class(result, json_object_get(json, "per_class"), arena);
    char *config = json_dumps(json_object_get(json, "config"), JSON_COMPACT | JSON_SORT_KEYS);
    result->config = config ? arena_strdup(arena, config) : NULL;
    free(config);
    bool whole = result->key && result->dataset && result->method && result->label && shots;
    return whole && strlen(result->key) == 64 ? 0 : -1;
}

/* Adds a result, or replaces the earlier one of its key. places maps a key to its index. */
static int add_result(ResultList *list, int *capacity, json_t *places, const Result *result, Arena *arena,
                      Error *err) {
    const json_t *place = json_object_get(places, result->key);
    if (place) {
        list->results[json_integer_value(place)] = *result;
        return 0;
    }
    if (list->n == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        Result *results = ARENA_NEW(arena, Result, *capacity);
        if (!results)
            return error_memory(err);
        if (list->n > 0)
            memcpy(results, list->results, (size_t)list->n * sizeof *results);
        list->results = results;
    }
    if (json_object_set_new(places, result->key, json_integer(list->n)))
        return error_memory(err);
    list->results[list->n++] = *result;
    return 0;
}

static int read_lines(ResultList *list, char *text, const char *path, json_t *places, Arena *arena,
                      Error *err) {
    int capacity = 0, line = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        line++;
        *end = '\0';
        if (end == at)
            continue;
        json_error_t why;
        json_t *json = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, &why);
        if (!json)
            return error_set(err, "%s: line %d: not JSON: %s", path, line, why.text);
        Result result;
        int failed = read_result(&result, json, arena);
        json_decref(json);
        result.line = at;
        if (arena_failed(arena))
            return error_memory(err);
        if (failed)
            return error_set(
                err, "%s: line %d: not a result (key, dataset, method, label or num_shots is missing)", path,
                line);
        if (add_result(list, &capacity, places, &result, arena, err) < 0)
            return -1;
    }
    return 0;
}

int results_read(ResultList *list, const char *folder, Arena *arena, Error *err) {
    *list = (ResultList){0};
    char *path = path_join(arena, folder, "results.jsonl");
    if (!path)
        return error_memory(err);
    if (!file_exists(path))
        return 0;
    size_t size;
    char *text = file_read(path, MAX_RESULTS_FILE, arena, &size, err);
    if (!text)
        return -1;
    for (size_t i = 0; i < size;
         i++) /* a crashed file system may leave zeros, which would hide what follows */
        if (text[i] == '\0')
            return error_set(err, "%s: byte %zu: a zero byte", path, i);
    json_t *places = json_object();
    int result = places ? read_lines(list, text, path, places, arena, err) : error_memory(err);
    json_decref(places);
    return result;
}

const Result *results_find(const ResultList *list, const char *key) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->results[i].key, key) == 0)
            return &list->results[i];
    return NULL;
}

/* --- order --- */

int results_order(ResultList *list, const char *const *keys, int n, bool *moved, Error *err) {
    json_t *ranks = json_object();
    Arena *arena = arena_create();
    Result *ranked = ARENA_NEW(arena, Result, n); /* key NULL: there is none yet */
    int *places = ARENA_NEW(arena, int, n), n_places = 0, failed = !ranks || arena_failed(arena);
    *moved = false;
    for (int i = 0; i < n && !failed; i++) /* of a point that two grids share the first counts */
        failed = !json_object_get(ranks, keys[i]) && json_object_set_new(ranks, keys[i], json_integer(i));
    for (int i = 0; i < list->n && !failed; i++) {
        const json_t *rank = json_object_get(ranks, list->results[i].key);
        if (rank) {
            ranked[json_integer_value(rank)] = list->results[i];
            places[n_places++] = i;
        }
    }
    for (int i = 0, next = 0; i < n && !failed; i++)
        if (ranked[i].key) {
            Result *place = &list->results[places[next++]];
            *moved |= place->key != ranked[i].key;
            *place = ranked[i];
        }
    arena_free(arena);
    json_decref(ranks);
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

static void csv_text(FileWriter *writer, const char *text) {
    csv_put(writer, text);
    file_append(writer, ",", 1);
}

static void csv_real(FileWriter *writer, const char *format, double number) {
    char text[64] = "";
    if (isfinite(number))
        snprintf(text, sizeof text, format, number);
    file_printf(writer, "%s,", text);
}

static void csv_row(FileWriter *writer, const Result *r) {
    bool prompt = r->class_token_position != NULL;
    csv_text(writer, r->dataset);
    csv_text(writer, r->source);
    csv_text(writer, r->method);
    csv_text(writer, r->label);
    if (r->num_shots == SHOTS_ALL)
        file_printf(writer, "all,%d,", r->seed);
    else
        file_printf(writer, "%d,%d,", r->num_shots == SHOTS_NONE ? 0 : r->num_shots, r->seed);
    if (prompt)
        file_printf(writer, "%d,%s,", r->n_ctx, r->csc ? "true" : "false");
    else
        file_printf(writer, ",,");
    csv_text(writer, r->class_token_position);
    csv_text(writer, r->ctx_init);
    csv_real(writer, "%.4f", r->accuracy);
    csv_real(writer, "%.4f", r->macro_f1);
    file_printf(writer, "%d,%d,%d,", r->n_classes, r->n_train, r->n_test);
    csv_real(writer, "%.0f", r->epochs > 0 ? r->epochs : NAN);
    csv_real(writer, "%.6g", r->final_loss);
    csv_real(writer, "%.6g", r->C);
    csv_text(writer, r->found);
    csv_real(writer, "%.3f", r->train_seconds);
    csv_real(writer, "%.3f", r->total_seconds);
    csv_text(writer, r->folder);
    csv_text(writer, r->backbone);
    csv_text(writer, r->model_digest);
    csv_text(writer, r->vocab_digest);
    csv_text(writer, r->split_digest);
    csv_text(writer, r->finished);
    file_printf(writer, "%s\n", r->key);
}

int results_write_csv(const char *folder, const ResultList *list, Error *err) {
    Arena *arena = arena_create();
    char *path = arena ? path_join(arena, folder, "results.csv") : NULL;
    FileWriter *writer = path ? file_create(path, err) : NULL;
    int result = path ? -1 : error_memory(err);
    if (writer) {
        file_printf(
            writer,
            "dataset,source,method,label,num_shots,seed,n_ctx,csc,class_token_position,ctx_init,accuracy,"
            "macro_f1,n_classes,n_train,n_test,epochs,final_loss,C,found,train_seconds,total_seconds,folder,"
            "backbone,model_digest,vocab_digest,split_digest,finished,key\n");
        for (int i = 0; i < list->n; i++)
            csv_row(writer, &list->results[i]);
        result = file_commit(writer, err);
    }
    arena_free(arena);
    return result;
}
