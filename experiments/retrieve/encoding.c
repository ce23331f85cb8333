/* encoding.c: see encoding.h */
#include "experiments/retrieve/encoding.h"

#include "clip/math/ops.h"
#include "experiments/session/session.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"

#include <string.h>

enum { TEXTS = 512 }; /* at a time: a tree of some thousand rows */

int encode_folder(float *features, const LoadedModel *model, const ImageFolder *folder,
                  const ItemList *images, Error *err) {
    const Experiment experiment = {.cache = folder->cache,
                                   .dataset.exif = folder->upright ? EXIF_ROTATE : EXIF_IGNORE};
    Session session = {.experiment = &experiment, .quiet = folder->quiet, .dataset.root = folder->root};
    int status = session_attach(&session, model, NULL, err);
    if (status == 0)
        status = session_features(&session, features, images, (FeatureView){0}, "encoding images", err);
    if (status == 0)
        status = session_save(&session, err);
    session_close(&session);
    if (status == 0)
        unit_rows_forward(features, NULL, features, images->n, model->clip->embed_dim);
    return status;
}

/* The distinct texts, in order of appearance, and which of them each text is; the number of them, -1 when
 * memory is out. */
static int distinct_texts(const char **distinct, int *which, const char *const *texts, int n, Arena *arena) {
    TextMap places = {.arena = arena};
    int n_distinct = 0;
    for (int i = 0; i < n; i++) {
        const int *place = text_map_find(&places, texts[i]);
        if (!place && text_map_put(&places, texts[i], n_distinct) < 0)
            return -1;
        which[i] = place ? *place : n_distinct;
        if (which[i] == n_distinct)
            distinct[n_distinct++] = texts[i];
    }
    return n_distinct;
}

/* features (n, E); cut_at: index of the first that was cut. */
static int encode_parts(float *features, TextCuts *cuts, const LoadedModel *model, const char *const *texts,
                        int n, bool quiet, Error *err) {
    const size_t E = (size_t)model->clip->embed_dim;
    Progress progress;
    int status = 0;
    progress_start(&progress, stderr, quiet, "encoding texts", n);
    for (int first = 0; first < n && status == 0; first += TEXTS) {
        const int some = n - first < TEXTS ? n - first : TEXTS;
        TextCuts part;
        status = encode_texts(features + (size_t)first * E, NULL, &part, model->clip, model->tokenizer,
                              model->pool, texts + first, some, NULL, err);
        if (status == 0 && part.n > 0 && cuts->n == 0)
            cuts->first = first + part.first;
        cuts->n += status == 0 ? part.n : 0;
        progress_update(&progress, first + some);
    }
    progress_erase(&progress);
    return status;
}

int encode_captions(float *features, TextCuts *cuts, const LoadedModel *model, const char *const *texts,
                    int n, bool quiet, Error *err) {
    const size_t E = (size_t)model->clip->embed_dim;
    Arena *arena = arena_create();
    const char **distinct = ARENA_NEW(arena, const char *, n);
    int *which = ARENA_NEW(arena, int, n);
    const int n_distinct = arena_failed(arena) ? -1 : distinct_texts(distinct, which, texts, n, arena);
    float *each = n_distinct < 0 ? NULL : arena_floats(arena, (size_t)n_distinct, E);
    TextCuts found = {0};
    int status =
        each ? encode_parts(each, &found, model, distinct, n_distinct, quiet, err) : error_memory(err);
    *cuts = (TextCuts){0};
    if (status == 0) {
        unit_rows_forward(each, NULL, each, n_distinct, (int)E);
        for (int i = 0; i < n; i++)
            memcpy(features + (size_t)i * E, each + (size_t)which[i] * E, E * sizeof *features);
        *cuts = found;
        for (int i = 0; i < n && found.n > 0; i++)
            if (which[i] == found.first) {
                cuts->first = i;
                break;
            }
    }
    arena_free(arena);
    return status;
}

void tell_cuts(const TextCuts *cuts, const LoadedModel *model, const char *const *texts, bool quiet) {
    if (cuts->n > 0 && !quiet)
        print_line(stderr, "note: %d text%s cut at %d tokens%s: '%.60s...'", cuts->n,
                   cuts->n == 1 ? " is" : "s are", model->clip->text.n_positions,
                   cuts->n == 1 ? "" : ", the first", texts[cuts->first]);
}
