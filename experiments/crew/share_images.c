/* share_images.c: see share_images.h */
#include "experiments/crew/share_images.h"

#include "experiments/crew/crew.h"
#include "experiments/terminal/interrupt.h"

#include <stdlib.h>
#include <string.h>

/* Pieces are large at first and small at last, so that all ranks end at about the same time; the towers have
 * their full speed from a few images on. */
enum { LEAST = 2, MOST = 64, SHARES_LEFT = 3 /* for each rank, when a piece is cut */ };

/* Whose images: the experiment's own, or those of a target. */
typedef struct {
    RankGroup *ranks;
    const Stage *stage;
    int target;
} Subject;

typedef enum { PIECE_OPEN, PIECE_MADE, PIECE_FAILED } PieceState;

/* Images of one view that are not in the cache, or adjacent ones of them. */
typedef struct {
    ItemList items;
    FeatureView view;
} Wanted;

typedef struct {
    Wanted wanted;
    Digest *images;  /* (n), malloc'd, until the cache has them */
    float *features; /* (n, E), the same */
    PieceState state;
} Piece;

/* One list, in one view or several. */
typedef struct {
    const Subject *subject;
    FeatureCache *cache;
    const char *root;
    size_t width;   /* numbers of an image */
    Wanted *wanted; /* (n_views) */
    Piece *pieces;  /* (n) */
    int n_views, n, n_given, n_kept;
    long done, total; /* images */
    bool stop;
    pthread_mutex_t lock;
} Sharing;

/* --- pieces --- */

/* Those items that are not in the cache. */
static int look_up(Sharing *sharing, Wanted *wanted, const ItemList *items, Arena *arena) {
    int *places = ARENA_NEW(arena, int, items->n), n;
    Item *missing = ARENA_NEW(arena, Item, items->n);
    if (arena_failed(arena) ||
        features_missing(sharing->cache, &n, places, sharing->root, items, wanted->view, NULL) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        missing[i] = items->items[places[i]];
    wanted->items = (ItemList){.items = missing, .n = n};
    sharing->total += n;
    return 0;
}

static long size_of_piece(const Sharing *sharing, long left_in_all, int left_in_view) {
    long size = left_in_all / (SHARES_LEFT * ranks_count(sharing->subject->ranks));
    size = size < LEAST ? LEAST : size > MOST ? MOST : size;
    return size < left_in_view ? size : left_in_view;
}

/* Into `pieces`, or NULL to count them. */
static int cut(const Sharing *sharing, Piece *pieces) {
    long left = sharing->total;
    int n = 0;
    for (int v = 0; v < sharing->n_views; v++) {
        const Wanted *from = &sharing->wanted[v];
        for (int first = 0, size; first < from->items.n; first += size, left -= size, n++) {
            size = (int)size_of_piece(sharing, left, from->items.n - first);
            if (pieces)
                pieces[n].wanted = (Wanted){{.items = from->items.items + first, .n = size}, from->view};
        }
    }
    return n;
}

static bool hold(const Sharing *sharing, Piece *piece) {
    const size_t n = (size_t)piece->wanted.items.n;
    piece->images = malloc(n * sizeof *piece->images);
    piece->features = malloc(n * sharing->width * sizeof *piece->features);
    return piece->images && piece->features;
}

static void let_go(Piece *piece) {
    free(piece->images);
    free(piece->features);
    piece->images = NULL;
    piece->features = NULL;
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
        sharing->done += sharing->pieces[piece].wanted.items.n;
    pthread_mutex_unlock(&sharing->lock);
}

/* --- the others --- */

static bool next(void *context, Buffer *out) {
    Sharing *sharing = context;
    const int piece = next_piece(sharing);
    if (piece < 0)
        return false;
    parcel_int(out, sharing->subject->stage->number);
    parcel_int(out, piece);
    parcel_int(out, sharing->subject->target);
    const Wanted *wanted = &sharing->pieces[piece].wanted;
    crew_pack_items(out, &wanted->items, wanted->view);
    return true;
}

static void take(void *context, Parcel *in) {
    Sharing *sharing = context;
    const int number = (int)parcel_read_int(in);
    Piece *piece = &sharing->pieces[number];
    const size_t n = (size_t)piece->wanted.items.n;
    const bool made = parcel_read_int(in) == 1 && hold(sharing, piece);
    if (made) {
        parcel_read_into(in, piece->images, n * sizeof *piece->images);
        parcel_read_into(in, piece->features, n * sharing->width * sizeof *piece->features);
    }
    finish_piece(sharing, number, made && !in->failed ? PIECE_MADE : PIECE_FAILED);
}

static void serve(void *context) {
    Sharing *sharing = context;
    const CrewWork work = {CREW_IMAGES, 2, next, take, NULL, sharing};
    crew_serve(sharing->subject->ranks, &work);
}

/* --- rank 0 --- */

static int stop_on_signal(void *context, long done, long total) {
    (void)context, (void)done, (void)total;
    return interrupt_signal();
}

static void make_piece(Sharing *sharing, int number) {
    Piece *piece = &sharing->pieces[number];
    const bool made =
        hold(sharing, piece) &&
        features_encode(sharing->cache, piece->features, piece->images, sharing->root, &piece->wanted.items,
                        piece->wanted.view, stop_on_signal, NULL, NULL) == 0;
    finish_piece(sharing, number, made ? PIECE_MADE : PIECE_FAILED);
}

/* Puts into the cache what is there of the list, up to the first piece that is still open; at the end, what
 * is there. */
static int keep(Sharing *sharing, bool at_end, Error *err) {
    for (; sharing->n_kept < sharing->n; sharing->n_kept++) {
        Piece *piece = &sharing->pieces[sharing->n_kept];
        pthread_mutex_lock(&sharing->lock);
        const PieceState state = piece->state;
        pthread_mutex_unlock(&sharing->lock);
        if (state == PIECE_OPEN && !at_end)
            return 0;
        if (state == PIECE_MADE && features_put(sharing->cache, piece->features, piece->images,
                                                piece->wanted.items.n, piece->wanted.view, err) < 0)
            return -1;
        let_go(piece);
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

/* What cannot be looked up is left to who asks the cache next, and says why. */
static int share(Sharing *sharing, const ItemList *items, FeatureView first, ProgressFn progress,
                 void *progress_context, Arena *arena, Error *err) {
    sharing->wanted = ARENA_NEW(arena, Wanted, sharing->n_views);
    if (!sharing->wanted)
        return error_memory(err);
    for (int v = 0; v < sharing->n_views; v++) {
        sharing->wanted[v].view = first;
        sharing->wanted[v].view.view += (uint32_t)v;
        if (look_up(sharing, &sharing->wanted[v], items, arena) < 0)
            return arena_failed(arena) ? error_memory(err) : 0;
    }
    if (sharing->total <= LEAST)
        return 0;
    sharing->n = cut(sharing, NULL);
    sharing->pieces = ARENA_NEW(arena, Piece, sharing->n);
    if (!sharing->pieces)
        return error_memory(err);
    cut(sharing, sharing->pieces);
    return work(sharing, progress, progress_context, err);
}

static int help(void *context, FeatureCache *cache, float *features, const ItemList *items, FeatureView first,
                int n_views, ProgressFn progress, void *progress_context, Error *err) {
    const Subject *subject = context;
    const Stage *stage = subject->stage;
    const Session *session = subject->target < 0 ? &stage->session : &stage->targets[subject->target];
    Sharing sharing = {.subject = subject,
                       .cache = cache,
                       .root = session->dataset.root,
                       .width = (size_t)features_width(cache),
                       .n_views = n_views};
    Arena *arena = arena_create();
    (void)features;
    pthread_mutex_init(&sharing.lock, NULL);
    const int status =
        arena ? share(&sharing, items, first, progress, progress_context, arena, err) : error_memory(err);
    for (int p = 0; sharing.pieces && p < sharing.n; p++)
        let_go(&sharing.pieces[p]);
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
