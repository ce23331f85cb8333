/* fetch.c: see fetch.h */
#include "clip/checkpoint/fetch.h"

#include "clip/base/arena.h"
#include "clip/base/files.h"
#include "clip/base/minimum.h"
#include "clip/checkpoint/names.h"

#define PIECE ((size_t)4 << 20) /* bytes */

typedef struct {
    const unsigned char *data;
    size_t size;
} Run;

typedef struct {
    Arena *arena;
    Run *pieces; /* in the order of the file */
    int n, capacity;
} Pieces;

static void add_run(Pieces *pieces, Run run) {
    for (size_t at = 0; at < run.size && !arena_failed(pieces->arena); at += PIECE) {
        Run *grown =
            arena_grow(pieces->arena, pieces->pieces, &pieces->capacity, pieces->n + 1, sizeof *grown);
        if (!grown)
            return;
        pieces->pieces = grown;
        grown[pieces->n++] = (Run){run.data + at, min_size(PIECE, run.size - at)};
    }
}

static void fetch_piece(void *context, int piece, int worker) {
    (void)worker;
    const Run *run = (const Run *)context + piece;
    file_map_fetch(run->data, run->size);
}

void fetch_tensors(const TensorFile *file, bool visual, bool others, Pool *pool) {
    Pieces pieces = {.arena = arena_create()};
    Run run = {0};
    if (!pieces.arena) /* then they come when they are touched */
        return;
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        if (!(names_is_visual(tensor->name) ? visual : others))
            continue;
        if (run.data + run.size != tensor->data) {
            add_run(&pieces, run);
            run = (Run){tensor->data, 0};
        }
        run.size += tensor->size;
    }
    add_run(&pieces, run);
    if (!arena_failed(pieces.arena))
        pool_run(pool, pieces.n, fetch_piece, pieces.pieces);
    arena_free(pieces.arena);
}
