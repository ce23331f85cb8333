/* photo_search.c: see photo_search.h */
#include "experiments/find/photo_search.h"

#include "clip/math/ops.h"
#include "coop/zeroshot.h"
#include "experiments/session/cli_model.h"

#include <math.h>
#include <string.h>

enum { SAMPLE = 4096 };
#define WITHOUT_WEIGHT 0.5

ClipTowers photo_wish_towers(const PhotoWish *wish) {
    return (wish->texts.n + wish->without.n > 0 ? CLIP_TEXT : 0) |
           (wish->images.n > 0 ? CLIP_IMAGE | loaded_model_few(wish->images.n) : 0);
}

/* --- the query --- */

static int encode_words(float *features, const OptionTexts *texts, const PhotoWish *wish, LoadedModel *model,
                        Error *err) {
    static const char *const plain[] = {"{}"};
    const bool given = wish->templates.n > 0;
    return texts->n == 0 ? 0
                         : zeroshot_features(features, model->clip, model->tokenizer, model->pool,
                                             given ? (const char *const *)wish->templates.values : plain,
                                             given ? wish->templates.n : 1,
                                             (const char *const *)texts->values, texts->n, err);
}

/* Of the cosines of a part over a sample of the photos, evenly taken; 1 when they are all alike. */
static double spread(const PhotoIndex *index, const float *part) {
    const uint64_t step = index->n / SAMPLE + 1;
    double sum = 0, squares = 0, n = 0;
    for (uint64_t i = 0; i < index->n; i += step) {
        if (photo_index_is_dead(index, i))
            continue;
        const double cosine = feature_score(index, i, part);
        sum += cosine;
        squares += cosine * cosine;
        n++;
    }
    const double variance = n > 0 ? squares / n - sum / n * (sum / n) : 0;
    return variance > 1e-12 ? sqrt(variance) : 1;
}

int photo_query(float *query, const PhotoWish *wish, const PhotoIndex *index, LoadedModel *model,
                Error *err) {
    const int E = index->E, n_texts = wish->texts.n, n_images = wish->images.n;
    const int n_encoded = n_texts + n_images, n_wanted = n_encoded + wish->n_features;
    const int n = n_wanted + wish->without.n;
    Arena *arena = arena_create();
    float *parts = arena_floats(arena, (size_t)n, (size_t)E);
    int result = parts ? 0 : error_memory(err);
    if (result == 0)
        result = encode_words(parts, &wish->texts, wish, model, err);
    if (result == 0 && n_images > 0)
        result = cli_model_encode(model, parts + (size_t)n_texts * (size_t)E, NULL,
                                  (const char *const *)wish->images.values, n_images, true, true, err);
    if (result == 0 && wish->n_features > 0)
        memcpy(parts + (size_t)n_encoded * (size_t)E, wish->features,
               (size_t)wish->n_features * (size_t)E * sizeof *parts);
    if (result == 0)
        result = encode_words(parts + (size_t)n_wanted * (size_t)E, &wish->without, wish, model, err);
    if (result == 0 && n == 1)
        memcpy(query, parts, (size_t)E * sizeof *query);
    else if (result == 0) {
        memset(query, 0, (size_t)E * sizeof *query);
        for (int i = 0; i < n; i++) {
            const float *part = parts + (size_t)i * (size_t)E;
            const float weight = (float)((i < n_wanted ? 1 : -WITHOUT_WEIGHT) / spread(index, part));
            for (int k = 0; k < E; k++)
                query[k] += weight * part[k];
        }
        unit_rows_forward(query, NULL, query, 1, E);
    }
    arena_free(arena);
    return result;
}

/* --- what is found --- */

/* The better one that this photo is like; -1: none. features (n, E): of the better ones. */
static int alike(const float *features, int n, const float *feature, int E, double fold) {
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int k = 0; k < E; k++)
            sum += (double)features[(size_t)i * (size_t)E + (size_t)k] * (double)feature[k];
        if (sum >= fold)
            return i;
    }
    return -1;
}

/* photos (top) of found (n_found), best first; how many, or -1. */
static int take_found(FoundPhoto *photos, int top, const Found *found, int n_found, const PhotoIndex *index,
                      double fold, Arena *arena, Error *err) {
    const int E = index->E;
    float *features = arena_floats(arena, (size_t)top + 1, (size_t)E);
    int n = 0;
    if (!features)
        return error_memory(err);
    for (int i = 0; i < n_found; i++) {
        float *feature = features + (size_t)n * (size_t)E;
        FoundPhoto photo = {.number = found[i].number, .score = found[i].score};
        if (photo_index_feature(index, photo.number, feature, err) < 0 ||
            photo_index_entry(index, photo.number, &photo.entry, err) < 0)
            return -1;
        const int like = fold < 2 ? alike(features, n, feature, E, fold) : -1;
        if (like >= 0)
            photos[like].n_alike++;
        else if (n < top)
            photos[n++] = photo;
    }
    return n;
}

static int find(Found *found, int *n_found, const PhotoIndex *index, const PhotoLists *lists,
                const float *query, int top, Pool *pool, Error *err) {
    return lists && lists->lists
               ? near_search(found, n_found, lists->lists, index, query, top, lists->probes, pool, err)
               : top_features(found, n_found, index, query, 1, top, pool, err);
}

int photo_search(FoundPhoto **photos, int *n, const PhotoIndex *index, const PhotoLists *lists,
                 const float *query, int top, double fold, Pool *pool, Arena *arena, Error *err) {
    const uint64_t living = index->n - index->n_dead;
    top = (uint64_t)top < living ? top : (int)living;
    *n = 0;
    *photos = ARENA_NEW(arena, FoundPhoto, top + 1);
    if (!*photos)
        return error_memory(err);
    /* with folding more are looked at, until there are enough that differ */
    for (uint64_t many = (uint64_t)top;; many *= 4) {
        Arena *scratch = arena_create();
        many = many < living ? many : living;
        Found *found = ARENA_NEW(scratch, Found, many + 1);
        int n_found = 0, result = found ? 0 : error_memory(err);
        memset(*photos, 0, ((size_t)top + 1) * sizeof **photos);
        if (result == 0 && many > 0)
            result = find(found, &n_found, index, lists, query, (int)many, pool, err);
        if (result == 0)
            result = *n = take_found(*photos, top, found, n_found, index, fold, scratch, err);
        arena_free(scratch);
        if (result < 0)
            return -1;
        if (*n == top || many >= living)
            break;
    }
    for (int i = 0; i < *n; i++)
        (*photos)[i].state = photo_state(&(*photos)[i].entry);
    return 0;
}
