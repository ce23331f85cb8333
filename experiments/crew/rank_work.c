/* rank_work.c: see rank_work.h. An experiment is opened when something of it is asked for; what this rank
 * reads is what rank 0 reads (the file, the checkpoint, lists, images), and it writes nothing but the files
 * of a point in a folder of its own, which go to rank 0. */
#include "experiments/crew/rank_work.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "experiments/crew/crew.h"
#include "experiments/crew/share_classes.h"
#include "experiments/crew/stage_in.h"
#include "experiments/ranks/private_folder.h"
#include "experiments/results/result_columns.h"
#include "experiments/results/result_files.h"
#include "experiments/stage/model_slot.h"
#include "experiments/stage/point_run.h"
#include "experiments/terminal/interrupt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT 1.0            /* seconds */
#define LOOK_AGAIN 10000000 /* nanoseconds */

/* Work that has come; the first is next. Under the lock one thread at a time receives. */
typedef struct {
    RankMessage *messages; /* (n) */
    size_t n, capacity;
    pthread_mutex_t lock;
} Inbox;

typedef struct RankWorker RankWorker;

/* Whose images are wanted: the experiment's own (-1), or those of a target. */
typedef struct {
    RankWorker *worker;
    int target;
} Wanted;

struct RankWorker {
    RankGroup *ranks;
    const RankStudy *source;
    RunOptions options;
    Study study;
    Staged staged;
    bool is_read;
    ModelSlot slot;
    Stage stage; /* the one that is open; its number, or -1 */
    int number;
    Job job;
    PrivateFolder folder;
    Arena *arena;
    Inbox inbox;
};

/* --- an experiment --- */

static int want_view(const Wanted *wanted, float *features, size_t width, const ItemList *items,
                     FeatureView view, Error *err) {
    RankGroup *ranks = wanted->worker->ranks;
    Buffer out = {0};
    RankMessage message;
    Error why;
    parcel_int(&out, wanted->target);
    parcel_int(&out, (int64_t)width);
    crew_pack_items(&out, items, view);
    const char *bytes = buffer_text(&out);
    if (bytes)
        ranks_send(ranks, 0, CREW_WANT, bytes, out.size);
    buffer_free(&out);
    if (!bytes)
        return error_memory(err);
    while (!ranks_receive(ranks, &message, 0, CREW_GIVE, 1))
        ;
    Parcel in = parcel_open(message.data, message.size);
    parcel_read_error(&in, &why);
    if (why.kind == ERROR_NONE)
        parcel_read_into(&in, features, (size_t)items->n * width * sizeof *features);
    if (why.kind == ERROR_NONE && in.failed)
        error_run(&why, "rank 0 has sent other images than were asked for");
    free(message.data);
    if (why.kind == ERROR_NONE)
        return 0;
    *err = why;
    return -1;
}

/* Rank 0 has all that is needed in its cache. */
static int want(void *context, FeatureCache *cache, float *features, const ItemList *items, FeatureView first,
                int n_views, ProgressFn progress, void *progress_context, Error *err) {
    const size_t width = (size_t)features_width(cache);
    (void)progress, (void)progress_context;
    for (FeatureView view = first; view.view < first.view + (uint32_t)n_views; view.view++) {
        if (want_view(context, features, width, items, view, err) < 0)
            return -1;
        features += (size_t)items->n * width;
    }
    return 1;
}

static int read_study(RankWorker *worker, Error *err) {
    const RankStudy *source = worker->source;
    if (worker->is_read)
        return 0;
    worker->is_read = true;
    if (study_read(&worker->study, source->path, source->overrides, source->n_overrides, source->methods,
                   worker->arena, err) < 0)
        return -1;
    stage_in_use(&worker->staged, &worker->study);
    return 0;
}

static void close_stage(RankWorker *worker) {
    Arena *arena = worker->stage.arena;
    if (worker->number >= 0)
        stage_close(&worker->stage);
    worker->number = -1;
    worker->stage = (Stage){0};
    arena_free(arena);
}

static int open_stage(RankWorker *worker, int number, Error *err) {
    Stage *stage = &worker->stage;
    const Experiment *experiment = &worker->study.experiments[number];
    Wanted *wanted;
    Arena *arena = arena_create();
    if (!arena)
        return error_memory(err);
    worker->number = number;
    if (stage_open(stage, experiment, &worker->options, false, arena, err) < 0 ||
        model_slot_use(&worker->slot, experiment, worker->options.n_threads, err) < 0 ||
        stage_expand(stage, &worker->slot.model, err) < 0 ||
        stage_attach(stage, &worker->slot.model, err) < 0 || job_create(&worker->job, stage, err) < 0)
        return -1;
    job_share_memory(&worker->job, ranks_on_host(worker->ranks));
    wanted = ARENA_NEW(arena, Wanted, 1 + experiment->n_targets);
    if (!wanted)
        return error_memory(err);
    for (int t = -1; t < experiment->n_targets; t++) {
        Session *session = t < 0 ? &worker->job.session : &worker->job.targets[t];
        wanted[1 + t] = (Wanted){worker, t};
        session->help = want;
        session->help_context = &wanted[1 + t];
    }
    return 0;
}

/* The experiment that a message begins with. What fails here is this rank's own affair: rank 0 has it. */
static void turn_to(RankWorker *worker, Parcel *in) {
    Error err = {0};
    const int number = (int)parcel_read_int(in);
    int status = read_study(worker, &err);
    if (status == 0 && (number < 0 || number >= worker->study.n))
        status = error_run(&err, "%s: it has fewer experiments than that of rank 0", worker->source->path);
    if (status == 0 && number != worker->number) {
        close_stage(worker);
        status = open_stage(worker, number, &err);
    }
    if (status < 0)
        ranks_abort(worker->ranks, err.text);
}

static Session *session_of(RankWorker *worker, int target) {
    return target < 0 ? &worker->job.session : &worker->job.targets[target];
}

/* --- images --- */

static int stop_on_signal(void *context, long done, long total) {
    (void)context, (void)done, (void)total;
    return interrupt_signal();
}

/* What cannot be read is left to rank 0, which says so. */
static void do_images(RankWorker *worker, Parcel *in) {
    turn_to(worker, in);
    const int64_t piece = parcel_read_int(in);
    const Session *session = session_of(worker, (int)parcel_read_int(in));
    Buffer out = {0};
    ItemList items;
    FeatureView view;
    Digest *images = NULL;
    float *features = NULL;
    Arena *arena = arena_create();
    bool made = arena && crew_read_items(in, &items, &view, arena, NULL) == 0;
    if (made) {
        FeatureCache *cache = view.unprojected ? session->unprojected : session->cache;
        const size_t n = (size_t)items.n, size = n * (size_t)features_width(cache) * sizeof *features;
        images = ARENA_NEW(arena, Digest, n);
        features = arena_alloc(arena, size, 1);
        made = !arena_failed(arena) && features_encode(cache, features, images, session->dataset.root, &items,
                                                       view, stop_on_signal, NULL, NULL) == 0;
        parcel_int(&out, piece);
        parcel_int(&out, made);
        parcel_bytes(&out, images, made ? n * sizeof *images : 0);
        parcel_bytes(&out, features, made ? size : 0);
    }
    if (out.failed || !made) {
        buffer_free(&out);
        parcel_int(&out, piece);
        parcel_int(&out, 0);
    }
    parcel_send(worker->ranks, 0, 0, CREW_IMAGES + 1, &out);
    arena_free(arena);
}

/* --- points --- */

/* The test images, and those on which all points are compared, where rank 0 has them. */
static int fill_session(Session *session, bool has_val, Error *err) {
    if (!session->test_labels && session_encode_test(session, err) < 0)
        return -1;
    return has_val && !session->val_labels ? session_encode_val(session, err) : 0;
}

/* The point that rank 0 means, by its key. */
static const Point *find_point(RankWorker *worker, Parcel *in) {
    const Grid *grid = &worker->stage.grid;
    const int64_t index = parcel_read_int(in);
    const char *key = parcel_read_text(in);
    if (!key || index < 0 || index >= grid->n || strcmp(grid->points[index].key, key) != 0)
        ranks_abort(worker->ranks, "finds another checkpoint, other lists or another experiment file than "
                                   "rank 0: the points are not the same");
    return &grid->points[index];
}

/* Unpacks what rank 0 has of the point, and runs it. */
static int run_point(RankWorker *worker, const Point *point, Parcel *in, const PointFolders *folders,
                     Result *result, Arena *arena, Error *err) {
    Progress none = {0};
    const bool own_val = parcel_read_int(in) != 0, tested_val = parcel_read_int(in) != 0;
    if (parcel_read_files(in, folders->folder, result_file_names(), err) < 0 ||
        parcel_read_files(in, folders->learned, result_file_names(), err) < 0 ||
        fill_session(&worker->job.session, own_val, err) < 0 ||
        fill_session(session_of(worker, point->target), tested_val, err) < 0)
        return -1;
    return point_run(&worker->job, point, folders, result, &none, arena, err);
}

static int pack_result(Buffer *out, const Result *result, Error *err) {
    json_begin();
    json_t *json = result_json(result);
    char *text = json ? json_write(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text)
        parcel_text(out, text);
    free(text);
    return text ? 0 : error_memory(err);
}

/* The answer: which point it is, why there is no result, the files, the result. */
static void send_point(RankWorker *worker, const Point *point, const char *folder, const Result *result,
                       const Error *why) {
    Buffer out = {0};
    Error err = {0};
    parcel_int(&out, point - worker->stage.grid.points);
    parcel_error(&out, why);
    int status = parcel_files(&out, folder, result_file_names(), &err);
    if (status == 0 && why->kind == ERROR_NONE)
        status = pack_result(&out, result, &err);
    if (status < 0)
        ranks_abort(worker->ranks, err.text);
    parcel_send(worker->ranks, 0, 0, CREW_POINT + 1, &out);
}

static void do_point(RankWorker *worker, Parcel *in) {
    turn_to(worker, in);
    const Point *point = find_point(worker, in);
    Error err = {0};
    Result result = {0};
    Arena *arena = arena_create();
    const PointFolders folders = {arena ? path_join(arena, worker->folder.path, "point") : NULL,
                                  arena ? path_join(arena, worker->folder.path, "learned") : NULL};
    if (arena_failed(arena))
        ranks_abort(worker->ranks, "out of memory");
    if (run_point(worker, point, in, &folders, &result, arena, &err) == 0)
        err = (Error){0};
    send_point(worker, point, folders.folder, &result, &err);
    private_folder_clear(folders.folder);
    private_folder_clear(folders.learned);
    arena_free(arena);
}

/* --- classes --- */

/* Has a part of a training until that is over. */
static void do_classes(RankWorker *worker, Parcel *in) {
    Error err = {0};
    ClassLink link;
    turn_to(worker, in);
    const LoadedModel *model = &worker->slot.model;
    const char *digest = parcel_read_text(in);
    if (!digest || strcmp(digest, clip_digest(model->clip)) != 0)
        ranks_abort(worker->ranks, "finds another checkpoint than rank 0");
    class_link(&link, worker->ranks, NULL);
    if (text_part_serve(&link.link, ranks_index(worker->ranks), model->clip, model->pool,
                        experiment_memory_budget(worker->job.session.experiment), &err) < 0)
        ranks_abort(worker->ranks, err.text);
}

/* --- until the end --- */

static void inbox_put(RankWorker *worker, const RankMessage *message) {
    Inbox *inbox = &worker->inbox;
    if (inbox->n == inbox->capacity) {
        const size_t capacity = 2 * inbox->capacity + 4;
        RankMessage *grown = realloc(inbox->messages, capacity * sizeof *grown);
        if (!grown)
            ranks_abort(worker->ranks, "out of memory");
        inbox->messages = grown;
        inbox->capacity = capacity;
    }
    inbox->messages[inbox->n++] = *message;
}

/* Under the lock: work into the inbox. */
static void fetch(RankWorker *worker, double seconds) {
    static const int kinds[] = {CREW_STOP, CREW_POINT, CREW_IMAGES, CREW_CLASSES, 0};
    RankMessage message;
    if (!ranks_receive_one_of(worker->ranks, &message, 0, kinds, 5, seconds))
        return;
    if (message.kind != CREW_STOP) {
        inbox_put(worker, &message);
        return;
    }
    free(message.data);
    interrupt_ask(SIGTERM);
}

/* Waits for what comes next; nobody else receives meanwhile. */
static RankMessage take_work(RankWorker *worker) {
    Inbox *inbox = &worker->inbox;
    pthread_mutex_lock(&inbox->lock);
    while (inbox->n == 0)
        fetch(worker, WAIT);
    const RankMessage message = inbox->messages[0];
    memmove(inbox->messages, inbox->messages + 1, --inbox->n * sizeof *inbox->messages);
    pthread_mutex_unlock(&inbox->lock);
    return message;
}

/* On a thread of its own: while this rank is at work, the next work may come, and rank 0 may want it to stop.
 */
static void receive(void *context) {
    RankWorker *worker = context;
    while (!ranks_ended(worker->ranks)) {
        pthread_mutex_lock(&worker->inbox.lock);
        fetch(worker, 0);
        pthread_mutex_unlock(&worker->inbox.lock);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN}, NULL);
    }
}

/* Until the message that ends it. */
static void serve(RankWorker *worker) {
    static void (*const does[])(RankWorker *, Parcel *) = {
        [CREW_POINT] = do_point, [CREW_IMAGES] = do_images, [CREW_CLASSES] = do_classes};
    Task *receiver = task_start(receive, worker);
    if (!receiver)
        ranks_abort(worker->ranks, "cannot start a thread");
    for (bool goes_on = true; goes_on;) {
        RankMessage message = take_work(worker);
        Parcel in = parcel_open(message.data, message.size);
        goes_on = message.kind != 0;
        if (goes_on)
            does[message.kind](worker, &in);
        free(message.data);
    }
    task_wait(receiver);
}

void rank_work(RankGroup *ranks, const RankStudy *source, Arena *arena) {
    Error err = {0};
    RankWorker worker = {.ranks = ranks,
                         .source = source,
                         .number = -1,
                         .options = {.n_threads = source->n_threads, .n_jobs = 1, .quiet = true},
                         .arena = arena};
    if (private_folder_create(&worker.folder, &err) < 0)
        ranks_abort(ranks, err.text);
    pthread_mutex_init(&worker.inbox.lock, NULL);
    if (!source->stage_in || stage_in_take(&worker.staged, ranks, arena))
        serve(&worker);
    free(worker.inbox.messages);
    pthread_mutex_destroy(&worker.inbox.lock);
    close_stage(&worker);
    model_slot_close(&worker.slot);
    stage_in_close(&worker.staged);
    private_folder_remove(&worker.folder);
}
