/* photo_lists.c: see photo_lists.h
 *
 * Recall is measured with photos of the index and with texts, which lie far from all photos and are what such
 * lists are worst at: "a photo of a WORD." with words of the vocabulary, evenly taken.
 */
#include "experiments/find/photo_lists.h"

#include "clip/base/clock.h"
#include "coop/zeroshot.h"
#include "experiments/near/clusters.h"
#include "experiments/near/near_build.h"
#include "experiments/terminal/printable.h"

#include <inttypes.h>
#include <string.h>

enum { MEASURED = 200 };

/* --- texts --- */

/* Its letters, when an id is a whole word of three or more of them. */
static int word_size(const Tokenizer *tokenizer, int id) {
    const char *word = tokenizer_word(tokenizer, id);
    const int n = (int)strspn(word, "abcdefghijklmnopqrstuvwxyz");
    return n >= 3 && strcmp(word + n, "</w>") == 0 ? n : 0;
}

/* words (most), owned by the arena; how many there are, or -1. */
static int take_words(const char **words, int most, const Tokenizer *tokenizer, Arena *arena, Error *err) {
    int all = 0, seen = 0, n = 0;
    for (int id = 0; id < tokenizer_size(tokenizer); id++)
        all += word_size(tokenizer, id) > 0;
    const int step = all / most + 1;
    for (int id = 0; id < tokenizer_size(tokenizer) && n < most; id++) {
        const int size = word_size(tokenizer, id);
        if (size == 0 || seen++ % step != 0)
            continue;
        words[n] = arena_printf(arena, "%.*s", size, tokenizer_word(tokenizer, id));
        if (!words[n++])
            return error_memory(err);
    }
    return n;
}

static int measure(NearLists *lists, const PhotoIndex *index, LoadedModel *model, Error *err) {
    static const char *const templates[] = {"a photo of a {}."};
    Arena *arena = arena_create();
    const char **words = ARENA_NEW(arena, const char *, MEASURED);
    float *texts = arena_floats(arena, MEASURED, (size_t)index->E);
    int n = words && texts ? 0 : error_memory(err);
    if (n == 0 && model->tokenizer)
        n = take_words(words, MEASURED, model->tokenizer, arena, err);
    int result = n < 0 ? -1 : 0;
    if (n > 0)
        result =
            zeroshot_features(texts, model->clip, model->tokenizer, model->pool, templates, 1, words, n, err);
    if (result == 0)
        result = near_measure(lists, index, MEASURED, texts, n, model->pool, err);
    arena_free(arena);
    return result;
}

/* --- all --- */

int photo_lists_open(PhotoLists *lists, bool *are_wanted, const PhotoIndex *index, int probes, bool quiet,
                     Error *err) {
    *lists = (PhotoLists){0};
    *are_wanted = false;
    if (!clusters_known()) /* which says so */
        return clusters_learn(NULL, 0, NULL, 0, 0, NULL, err);
    if (index->n - index->n_dead < PHOTO_LISTS_FEWEST) {
        if (!quiet)
            print_line(stderr,
                       "note: --approximate: an exact search of %" PRIu64
                       " photos is as fast, and is what is done",
                       index->n - index->n_dead);
        return 0;
    }
    Arena *arena = arena_create();
    Error reason = {0};
    const char *path = near_lists_path(index->path, arena);
    if (!path) {
        arena_free(arena);
        return error_memory(err);
    }
    lists->lists = near_lists_open(path, index, &reason);
    *are_wanted = !lists->lists;
    if (reason.is_memory)
        *err = reason;
    else if (lists->lists)
        lists->probes = probes > 0 ? probes : near_default_probes(lists->lists);
    else if (!quiet)
        print_line(stderr, "note: %s; it is made now", reason.text);
    arena_free(arena);
    return reason.is_memory ? -1 : 0;
}

int photo_lists_make(PhotoLists *lists, const PhotoIndex *index, LoadedModel *model, int probes, bool quiet,
                     Error *err) {
    Arena *arena = arena_create();
    const double start = clock_seconds();
    const char *path = near_lists_path(index->path, arena);
    int result = path ? 0 : error_memory(err);
    if (result == 0)
        result = (lists->lists = near_build(index, model->pool, err)) ? 0 : -1;
    const double built = clock_seconds();
    if (result == 0)
        result = measure(lists->lists, index, model, err);
    if (result == 0)
        result = near_lists_write(lists->lists, index, path, err);
    if (result == 0)
        lists->probes = probes > 0 ? probes : near_default_probes(lists->lists);
    if (result == 0 && !quiet)
        print_line(stderr, "%s: %d lists made in %.1f s, measured in %.1f s", path, lists->lists->K,
                   built - start, clock_seconds() - built);
    for (int i = 0; result == 0 && !quiet && i < lists->lists->n_recall; i++) {
        const NearRecall *row = &lists->lists->recall[i];
        print_line(stderr, "  --probes %-5u of the ten nearest %.3f to photos, %.3f to texts", row->probes,
                   (double)row->photos, (double)row->texts);
    }
    arena_free(arena);
    return result;
}

void photo_lists_close(PhotoLists *lists) {
    near_lists_close(lists->lists);
    *lists = (PhotoLists){0};
}

void photo_lists_tell(const PhotoLists *lists) {
    const NearRecall *recall = near_recall_of(lists->lists, lists->probes);
    const int probes = lists->probes < lists->lists->K ? lists->probes : lists->lists->K;
    if (recall && recall->texts >= 0)
        print_line(stderr,
                   "note: approximate: %d of %d lists; of the ten nearest about %.2f to photos and %.2f to "
                   "texts are found",
                   probes, lists->lists->K, (double)recall->photos, (double)recall->texts);
    else if (recall)
        print_line(stderr,
                   "note: approximate: %d of %d lists; of the ten nearest about %.2f to photos are found, to "
                   "texts not measured",
                   probes, lists->lists->K, (double)recall->photos);
}
