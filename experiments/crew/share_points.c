/* share_points.c: see share_points.h. Files and results are written here alone: another rank sends the files
 * of its point as they are to be. */
#include "experiments/crew/share_points.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "experiments/crew/crew.h"
#include "experiments/results/result_columns.h"
#include "experiments/results/result_files.h"
#include "experiments/results/results.h"
#include "experiments/terminal/interrupt.h"

#include <signal.h>
#include <string.h>

/* --- handing out --- */

static int pack_point(const SharedPoints *shared, const Point *point, Buffer *out, Arena *arena, Error *err) {
    const Stage *stage = shared->round->stage;
    const char *output = stage->experiment->output;
    const Session *tested = point->target < 0 ? &shared->job->session : &shared->job->targets[point->target];
    const char *folder = path_join(arena, output, point->folder);
    const char *learned = point->learned ? path_join(arena, output, point->learned->folder) : NULL;
    if (arena_failed(arena))
        return error_memory(err);
    parcel_int(out, stage->number);
    parcel_int(out, point - stage->grid.points);
    parcel_text(out, point->key);
    parcel_int(out, shared->job->session.val_labels != NULL);
    parcel_int(out, tested->val_labels != NULL);
    if (parcel_files(out, folder, result_file_names(), err) < 0 ||
        parcel_files(out, learned, result_file_names(), err) < 0)
        return -1;
    return out->failed ? error_memory(err) : 0;
}

static bool next(void *context, Buffer *out) {
    SharedPoints *shared = context;
    for (const Point *point; (point = round_next(shared->round));) {
        Error err = {0};
        Arena *arena = arena_create();
        const int status = arena ? pack_point(shared, point, out, arena, &err) : error_memory(&err);
        if (status < 0) {
            buffer_free(out);
            round_tell(shared->round, point, NULL, &err, arena);
        }
        arena_free(arena);
        if (status == 0)
            return true;
    }
    return false;
}

/* --- taking back --- */

static int read_result(Result *result, Parcel *in, Arena *arena, Error *err) {
    json_error_t why;
    const char *text = parcel_read_text(in);
    json_t *json = text ? json_read(text, strlen(text), &why) : NULL;
    if (!json)
        return json_refuse(err, "a rank has sent no result");
    const int status = result_from_json(result, json, arena);
    json_decref(json);
    return arena_failed(arena) ? error_memory(err)
           : status < 0        ? error_run(err, "a rank has sent no result")
                               : 0;
}

/* Also of a point that failed or was stopped: it leaves what it would have left here. */
static int keep(const SharedPoints *shared, const Point *point, Result *result, Parcel *in, Arena *arena,
                Error *err) {
    const char *output = shared->round->stage->experiment->output;
    const char *folder = path_join(arena, output, point->folder);
    Error why, late = {0};
    if (!folder)
        return error_memory(err);
    parcel_read_error(in, &why);
    const int status = parcel_read_files(in, folder, result_file_names(), &late);
    if (why.kind != ERROR_NONE || status < 0) {
        *err = why.kind != ERROR_NONE ? why : late;
        return -1;
    }
    return read_result(result, in, arena, err) < 0 ? -1 : result_append(output, result, err);
}

/* A signal that came to one of the ranks is for all. */
static void take(void *context, Parcel *in) {
    SharedPoints *shared = context;
    const Point *point = &shared->round->stage->grid.points[parcel_read_int(in)];
    Error err = {0};
    Result result = {0};
    Arena *arena = arena_create();
    const int status = arena ? keep(shared, point, &result, in, arena, &err) : error_memory(&err);
    if (status < 0 && err.kind == ERROR_SIGNAL)
        interrupt_ask(SIGTERM);
    round_tell(shared->round, point, &result, status < 0 ? &err : NULL, arena);
    arena_free(arena);
}

/* --- what they want --- */

static int give_features(Job *job, Parcel *in, float **features, size_t *size, Arena *arena, Error *err) {
    ItemList items;
    FeatureView view;
    const int target = (int)parcel_read_int(in), width = (int)parcel_read_int(in);
    Session *session = target < 0 ? &job->session : &job->targets[target];
    if (crew_read_items(in, &items, &view, arena, err) < 0)
        return -1;
    *features = arena_floats(arena, (size_t)items.n, (size_t)width);
    *size = (size_t)items.n * (size_t)width * sizeof **features;
    return *features ? session_features(session, *features, &items, view, "encoding images", err)
                     : error_memory(err);
}

static void give(void *context, Parcel *in, Buffer *out) {
    const SharedPoints *shared = context;
    Error err = {0};
    float *features = NULL;
    size_t size = 0;
    Arena *arena = arena_create();
    const int status =
        arena ? give_features(shared->job, in, &features, &size, arena, &err) : error_memory(&err);
    parcel_error(out, &err);
    parcel_bytes(out, features, status < 0 ? 0 : size);
    arena_free(arena);
}

void share_points(SharedPoints *shared) {
    const CrewWork work = {CREW_POINT, 1, next, take, give, shared};
    crew_serve(shared->ranks, &work);
}
