/* share_images.c: see share_images.h */
#include "experiments/crew/share_images.h"

#include "experiments/crew/crew.h"
#include "experiments/terminal/interrupt.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST = 4, MOST = 64, PIECES_EACH = 16 };

/* Whose images: the experiment's own, or those of a target. */
typedef struct {
    RankGroup *ranks;
    const Stage *stage;
    int target;
} Subject;

typedef enum { PIECE_OPEN, PIECE_MADE, PIECE_FAILED } PieceState;

/* Adjacent images of the list. */
typedef struct {
    ItemList items;
    Digest *images;  /* (items.n) */
    float *features; /* (items.n, E) */
    PieceState state;
} Piece;

/* One list. */
typedef struct {
    const Subject *subject;
    FeatureCache *cache;
    const char *root;
    FeatureView view;
    size_t width;  /* numbers of an image */
    Piece *pieces; /* (n) */
    int n, n_given, n_kept;
    int *running;     /* (ranks_count) pieces */
    long done, total; /* images */
    bool stop;
    pthread_mutex_t lock;
} Sharing;

/* --- pieces --- */

static int cut(Sharing *sharing, const ItemList *items, const int *places, int n, Arena *arena, Error *err) {
    const int count = ranks_count(sharing->subject->ranks);
    int size = n / (PIECES_EACH * count);
    size = size < LEAST ? LEAST : size > MOST ? MOST : size;
    sharing->n = (n + size - 1) / size;
    sharing->total = n;
    sharing->pieces = ARENA_NEW(arena, Piece, sharing->n);
    sharing->running = ARENA_NEW(arena, int, count);
    Item *todo = ARENA_NEW(arena, Item, n);
    Digest *images = ARENA_NEW(arena, Digest, n);
    float *features = arena_floats(arena, (size_t)n, sharing->width);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < n; i++)
        todo[i] = items->items[places[i]];
    for (int p = 0; p < sharing->n; p++) {
        const int first = p * size, left = n - first;
        sharing->pieces[p] = (Piece){.items = {.items = todo + first, .n = left < size ? left : size},
                                     .images = images + first,
                                     .features = features + (size_t)first * sharing->width};
    }
    return 0;
}

/* -1 when none is left. */
static int next_piece(Sharing *sharing) {
    pthread_mutex_lock(&sharing->lock);
    const int piece = sharing->stop || sharing->n_given == sharing->n ? -1 : sharing->n_given++;
    pthread_mutex_unlock(&sharing->lock);
    return piece;
}

static void finish_piece(Sharing *sharing, int piece, PieceState state) {
    pthread_mutex_lock(&sharing->lock);
    sharing->pieces[piece].state = state;
    if (state == PIECE_MADE)
        sharing->done += sharing->pieces[piece].items.n;
    pthread_mutex_unlock(&sharing->lock);
}

/* --- the others --- */

static bool next(void *context, int rank, Buffer *out) {
    Sharing *sharing = context;
    const int piece = next_piece(sharing);
    if (piece < 0)
        return false;
    sharing->running[rank] = piece;
    parcel_int(out, sharing->subject->stage->number);
    parcel_int(out, sharing->subject->target);
    crew_pack_items(out, &sharing->pieces[piece].items, sharing->view);
    return true;
}

static void take(void *context, int rank, Parcel *in) {
    Sharing *sharing = context;
    const int number = sharing->running[rank];
    Piece *piece = &sharing->pieces[number];
    const size_t n = (size_t)piece->items.n;
    const bool made = parcel_read_int(in) == 1;
    if (made) {
        parcel_read_into(in, piece->images, n * sizeof *piece->images);
        parcel_read_into(in, piece->features, n * sharing->width * sizeof *piece->features);
    }
    finish_piece(sharing, number, made && !in->failed ? PIECE_MADE : PIECE_FAILED);
}

static void serve(void *context) {
    Sharing *sharing = context;
    const CrewWork work = {CREW_IMAGES, next, take, NULL, sharing};
    crew_serve(sharing->subject->ranks, &work);
}

/* --- rank 0 --- */

static int stop_on_signal(void *context, long done, long total) {
    (void)context, (void)done, (void)total;
    return interrupt_signal();
}

static void make_piece(Sharing *sharing, int number) {
    Piece *piece = &sharing->pieces[number];
    const int status = features_encode(sharing->cache, piece->features, piece->images, sharing->root,
                                       &piece->items, sharing->view, stop_on_signal, NULL, NULL);
    finish_piece(sharing, number, status < 0 ? PIECE_FAILED : PIECE_MADE);
}

/* Puts into the cache what is there of the list, up to the first piece that is still open; at the end, what
 * is there. */
static int keep(Sharing *sharing, bool at_end, Error *err) {
    for (; sharing->n_kept < sharing->n; sharing->n_kept++) {
        const Piece *piece = &sharing->pieces[sharing->n_kept];
        pthread_mutex_lock(&sharing->lock);
        const PieceState state = piece->state;
        pthread_mutex_unlock(&sharing->lock);
        if (state == PIECE_OPEN && !at_end)
            return 0;
        if (state == PIECE_MADE && features_put(sharing->cache, piece->features, piece->images,
                                                piece->items.n, sharing->view, err) < 0)
            return -1;
    }
    return 0;
}

static long count_done(Sharing *sharing) {
    pthread_mutex_lock(&sharing->lock);
    const long done = sharing->done;
    pthread_mutex_unlock(&sharing->lock);
    return done;
}

static int work(Sharing *sharing, ProgressFn progress, void *progress_context, Error *err) {
    progress(progress_context, 0, sharing->total);
    Task *task = task_start(serve, sharing);
    if (!task)
        return error_run(err, "cannot start a thread");
    int status = 0, piece;
    while (status == 0 && (piece = next_piece(sharing)) >= 0) {
        make_piece(sharing, piece);
        status = keep(sharing, false, err);
        if (progress(progress_context, count_done(sharing), sharing->total) != 0)
            break;
    }
    pthread_mutex_lock(&sharing->lock);
    sharing->stop = true;
    pthread_mutex_unlock(&sharing->lock);
    task_wait(task);
    if (status == 0)
        status = keep(sharing, true, err);
    progress(progress_context, sharing->done, sharing->total);
    return status;
}

static int help(void *context, FeatureCache *cache, float *features, const ItemList *items, FeatureView view,
                ProgressFn progress, void *progress_context, Error *err) {
    const Subject *subject = context;
    const Stage *stage = subject->stage;
    const Session *session = subject->target < 0 ? &stage->session : &stage->targets[subject->target];
    Sharing sharing = {.subject = subject,
                       .cache = cache,
                       .root = session->dataset.root,
                       .view = view,
                       .width = (size_t)features_width(cache)};
    Arena *arena = arena_create();
    int *places = ARENA_NEW(arena, int, items->n), n, status = 0;
    (void)features;
    pthread_mutex_init(&sharing.lock, NULL);
    if (!places)
        status = error_memory(err);
    else if (features_missing(cache, &n, places, sharing.root, items, view, NULL) == 0 && n > LEAST)
        status = cut(&sharing, items, places, n, arena, err) < 0
                     ? -1
                     : work(&sharing, progress, progress_context, err);
    pthread_mutex_destroy(&sharing.lock);
    arena_free(arena);
    return status;
}

int share_images(Stage *stage, int number, RankGroup *ranks, Error *err) {
    const int n_targets = stage->experiment->n_targets;
    stage->number = number;
    if (ranks_count(ranks) == 1)
        return 0;
    Subject *subjects = ARENA_NEW(stage->arena, Subject, 1 + n_targets);
    if (!subjects)
        return error_memory(err);
    for (int t = -1; t < n_targets; t++) {
        Session *session = t < 0 ? &stage->session : &stage->targets[t];
        subjects[1 + t] = (Subject){ranks, stage, t};
        session->help = help;
        session->help_context = &subjects[1 + t];
    }
    return 0;
}
