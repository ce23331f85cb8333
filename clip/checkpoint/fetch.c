/* fetch.c: see fetch.h */
#include "clip/checkpoint/fetch.h"

#include "clip/base/files.h"
#include "clip/base/minimum.h"
#include "clip/checkpoint/names.h"

#include <stdlib.h>

#define PIECE ((size_t)4 << 20) /* bytes */

typedef struct {
    const unsigned char *data;
    size_t size;
} Run;

typedef struct {
    Run *pieces; /* in the order of the file */
    int n, room;
    bool failed;
} Pieces;

static void add_piece(Pieces *pieces, Run piece) {
    if (pieces->n == pieces->room) {
        const int room = 2 * pieces->room + 64;
        Run *grown = realloc(pieces->pieces, (size_t)room * sizeof *grown);
        if (!grown) {
            pieces->failed = true;
            return;
        }
        pieces->pieces = grown;
        pieces->room = room;
    }
    pieces->pieces[pieces->n++] = piece;
}

static void add_run(Pieces *pieces, Run run) {
    for (size_t at = 0; at < run.size && !pieces->failed; at += PIECE)
        add_piece(pieces, (Run){run.data + at, min_size(PIECE, run.size - at)});
}

static void fetch_piece(void *context, int piece, int worker) {
    (void)worker;
    const Run *run = (const Run *)context + piece;
    file_map_fetch(run->data, run->size);
}

void fetch_tensors(const TensorFile *file, bool visual, bool others, Pool *pool) {
    Pieces pieces = {0};
    Run run = {0};
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
    if (!pieces.failed) /* else they come when they are touched */
        pool_run(pool, pieces.n, fetch_piece, pieces.pieces);
    free(pieces.pieces);
}
