/* session.c: see session.h */
#include "experiments/session/session.h"

#include "clip/base/buffer.h"
#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "clip/image/image_tower.h"
#include "clip/math/ops.h"
#include "coop/zeroshot.h"
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/fewshot.h"
#include "datasets/lists/list_check.h"
#include "datasets/lists/original_lists.h"
#include "datasets/lists/remarks.h"
#include "experiments/session/print_faults.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"

#include <string.h>

#define HOLD_SECONDS 30

static bool same_lists(const ItemList *a, const ItemList *b) {
    for (int i = 0; i < a->n && a->n == b->n; i++)
        if (a->items[i].label != b->items[i].label || strcmp(a->items[i].path, b->items[i].path) != 0)
            return false;
    return a->n == b->n;
}

/* The few-shot lists of one draw that the original has kept, unless they are what would be drawn. */
static int digest_few_shot(Buffer *out, const Dataset *dataset, int shots, uint32_t seed, Arena *arena,
                           Error *err) {
    const char *path = original_lists_path(dataset, shots, seed, arena);
    Dataset plain = *dataset;
    ItemList kept[2], drawn[2];
    if (!path || !file_exists(path))
        return arena_failed(arena) ? error_memory(err) : 0;
    plain.kept_few_shot = NULL;
    if (dataset_few_shot(&kept[0], &kept[1], dataset, shots, seed, arena, err) < 0 ||
        dataset_few_shot(&drawn[0], &drawn[1], &plain, shots, seed, arena, err) < 0)
        return -1;
    if (same_lists(&kept[0], &drawn[0]) && same_lists(&kept[1], &drawn[1]))
        return 0;
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < kept[part].n; i++)
            buffer_printf(out, "kept %d %d %u: %d %s\n", part, shots, seed, kept[part].items[i].label,
                          kept[part].items[i].path);
    return 0;
}

static int digest_kept(Buffer *out, Session *session, Error *err) {
    const IntList *shots = &session->experiment->grid.num_shots, *seeds = &session->experiment->grid.seed;
    Arena *arena = arena_create();
    int status = arena ? 0 : error_memory(err);
    for (int i = 0; i < shots->n && session->dataset.kept_few_shot; i++)
        for (int j = 0; j < seeds->n && status == 0; j++)
            status = digest_few_shot(out, &session->dataset, shots->values[i], (uint32_t)seeds->values[j],
                                     arena, err);
    arena_free(arena);
    return status;
}

/* One text of everything that the lists say, digested. */
static int digest_lists(Session *session, Error *err) {
    const Dataset *d = &session->dataset;
    const ItemList *lists[] = {&d->train, &d->val, &d->test};
    Buffer out = {0};
    for (int k = 0; k < d->n_classes; k++)
        buffer_printf(&out, "class %s\n", d->class_names[k]);
    for (int part = 0; part < 3; part++) {
        buffer_printf(&out, "part %d\n", lists[part]->n);
        for (int i = 0; i < lists[part]->n; i++)
            buffer_printf(&out, "%d %s\n", lists[part]->items[i].label, lists[part]->items[i].path);
    }
    const int kept = digest_kept(&out, session, err);
    if (session->given)
        buffer_printf(&out, "features %s\n", given_features_digest(session->given));
    const char *text = kept < 0 ? NULL : buffer_text(&out);
    if (text)
        digest_bytes(session->split_digest, text, out.size);
    buffer_free(&out);
    return kept < 0 ? -1 : text ? 0 : error_memory(err);
}

static int open_given(Session *session, Error *err) {
    const char *folder = session->experiment->dataset.features;
    Dataset *dataset = &session->dataset;
    if (!folder)
        return 0;
    session->given = given_features_open(folder, dataset, err);
    if (!session->given)
        return -1;
    remark(&dataset->remarks, session->arena,
           "%s: features are taken from there, as if the model had made them of %s", folder, dataset->name);
    return arena_failed(session->arena) ? error_memory(err) : 0;
}

int session_open(Session *session, const Experiment *experiment, bool quiet, Error *err) {
    *session = (Session){.experiment = experiment, .quiet = quiet, .arena = arena_create()};
    if (!session->arena)
        return error_memory(err);
    if (dataset_open(&session->dataset, &experiment->dataset, session->arena, err) < 0 ||
        open_given(session, err) < 0 || digest_lists(session, err) < 0)
        return -1;
    if (session->dataset.n_classes == 1)
        return error_set(err, "%s: '%s' is the only class: nothing to tell it from", session->dataset.source,
                         session->dataset.class_names[0]);
    if (session->dataset.test.n == 0)
        return error_set(err, "%s: dataset: no test images", experiment->path);
    const char *part = experiment->dataset.subsample_classes;
    session->name = session->dataset.name;
    if (part && strcmp(part, "all") != 0)
        session->name = arena_printf(session->arena, "%s_%s", session->dataset.name, part);
    return session->name ? 0 : error_memory(err);
}

static void close_cache(Session *session) {
    if (!session->borrows_cache) {
        features_close(session->cache);
        features_close(session->unprojected);
    }
    session->cache = session->unprojected = NULL;
}

static FeatureCache *open_cache(Session *session, const FeatureSource *source, Error *err) {
    FeatureCache *cache = features_open(session->experiment->cache, source, session->model.pool, err);
    if (cache)
        features_hold(cache, HOLD_SECONDS);
    return cache;
}

int session_attach(Session *session, const LoadedModel *model, const Session *from, Error *err) {
    close_cache(session);
    if (session->given && given_features_width(session->given) != model->clip->embed_dim)
        return error_set(err, "%s: features of %d numbers, where those of %s have %d",
                         session->experiment->dataset.features, given_features_width(session->given),
                         model->clip->name, model->clip->embed_dim);
    session->model = *model;
    session->model.upright = session->experiment->dataset.exif == EXIF_ROTATE;
    session->borrows_cache = from && from->model.upright == session->model.upright;
    if (session->borrows_cache) {
        session->cache = from->cache;
        session->unprojected = from->unprojected;
        return 0;
    }
    FeatureSource source = loaded_model_source(&session->model);
    source.model_digest = loaded_model_tower_digest(&session->model);
    const FeatureSource unprojected = loaded_model_unprojected_source(&session->model);
    session->cache = open_cache(session, &source, err);
    session->unprojected = session->cache ? open_cache(session, &unprojected, err) : NULL;
    return session->unprojected ? 0 : -1;
}

void session_close(Session *session) {
    close_cache(session);
    given_features_close(session->given);
    arena_free(session->arena);
    *session = (Session){0};
}

typedef struct {
    Session *session;
    const char *label;
    double start;
    long done;
    bool started;
} Encoding;

/* The first call comes before the first image that has to be encoded: never for a cache that holds them all.
 * All lists share one bar. */
static int on_progress(void *context, long done, long total) {
    Encoding *encoding = context;
    Session *session = encoding->session;
    if (!encoding->started) {
        encoding->start = clock_seconds();
        if (session->progress.out)
            progress_restart(&session->progress, encoding->label, total);
        else
            progress_start(&session->progress, stderr, session->quiet, encoding->label, total);
    }
    encoding->started = true;
    encoding->done = done;
    progress_update(&session->progress, done);
    return interrupt_signal();
}

/* Above the bar, if there is one. */
static void tell_damage(Session *session, FeatureCache *cache) {
    const char *damage = features_damage(cache);
    if (damage && session->progress.out)
        progress_print(&session->progress, "note: %s", damage);
    else if (damage)
        print_line(stderr, "note: %s", damage);
}

typedef struct {
    float *features; /* (n_views, n, E) */
    const ItemList *items;
    FeatureView first;
    int n_views;
    const char *label; /* NULL: by the number of each view */
} ViewsWanted;

static const char *view_label(const ViewsWanted *wanted, int view, char label[64]) {
    if (wanted->label)
        return wanted->label;
    if (view < 0)
        snprintf(label, 64, "encoding %d views", wanted->n_views);
    else
        snprintf(label, 64, "encoding view %d of %d", view + 1, wanted->n_views);
    return label;
}

static void count_encoded(Session *session, const Encoding *encoding) {
    if (encoding->started)
        session->seconds += clock_seconds() - encoding->start;
    session->n_encoded += encoding->done;
}

static int ask_help(Session *session, FeatureCache *cache, const ViewsWanted *wanted, Error *err) {
    char label[64];
    Encoding encoding = {.label = view_label(wanted, -1, label), .session = session};
    const int result = session->help
                           ? session->help(session->help_context, cache, wanted->features, wanted->items,
                                           wanted->first, wanted->n_views, on_progress, &encoding, err)
                           : 0;
    count_encoded(session, &encoding);
    return result;
}

static int ask_cache(Session *session, FeatureCache *cache, const ViewsWanted *wanted, int v, Error *err) {
    char label[64];
    const size_t size = (size_t)wanted->items->n * (size_t)features_width(cache);
    Encoding encoding = {.label = view_label(wanted, v, label), .session = session};
    FeatureView view = wanted->first;
    view.view += (uint32_t)v;
    const int result = features_get(cache, wanted->features + (size_t)v * size, session->dataset.root,
                                    wanted->items, view, on_progress, &encoding, err);
    tell_damage(session, cache);
    count_encoded(session, &encoding);
    return result;
}

/* Under the lock of the cache, if there is one. */
static int get_features(Session *session, const ViewsWanted *wanted, Error *err) {
    FeatureCache *cache = wanted->first.unprojected ? session->unprojected : session->cache;
    const int helped = ask_help(session, cache, wanted, err);
    int result = helped < 0 ? -1 : 0;
    for (int v = 0; v < wanted->n_views && helped == 0 && result == 0; v++)
        result = ask_cache(session, cache, wanted, v, err);
    if (result >= 0)
        return 0;
    progress_erase(&session->progress);
    if (!interrupt_signal())
        return print_faults(features_faults(cache), err);
    return session_save(session, err) < 0 ? -1 : interrupt_check(err);
}

int session_print_remarks(const Session *session, TextMap *said, Error *err) {
    const Remarks *remarks = &session->dataset.remarks;
    for (int i = 0; i < remarks->n && !session->quiet; i++) {
        if (text_map_find(said, remarks->lines[i]))
            continue;
        print_line(stderr, "%s", remarks->lines[i]);
        if (text_map_put(said, remarks->lines[i], 1) < 0)
            return error_memory(err);
    }
    return 0;
}

/* Only what the files hold can be had. */
static int get_given(const Session *session, float *features, const ItemList *items, FeatureView view,
                     Error *err) {
    if (view.random != VIEW_CENTRE || view.unprojected)
        return error_set(
            err, "%s: has no features of random crops (augment.views: 0) or of before the tower's last layer",
            session->experiment->dataset.features);
    return given_features_get(session->given, features, items, err);
}

static int note_images(Session *session, const ViewsWanted *wanted, Error *err) {
    FeatureView view = wanted->first;
    for (int v = 0; v < wanted->n_views; v++, view.view++)
        if (image_notes_add(session->notes, wanted->items, view, err) < 0)
            return -1;
    return 0;
}

static int get_views(Session *session, const ViewsWanted *wanted, Error *err) {
    if (session->given)
        return get_given(session, wanted->features, wanted->items, wanted->first, err);
    if (session->notes)
        return note_images(session, wanted, err);
    if (session->cache_lock)
        pthread_mutex_lock(session->cache_lock);
    int result = get_features(session, wanted, err);
    if (session->cache_lock)
        pthread_mutex_unlock(session->cache_lock);
    return result;
}

int session_features(Session *session, float *features, const ItemList *items, FeatureView view,
                     const char *label, Error *err) {
    return get_views(session, &(ViewsWanted){features, items, view, 1, label}, err);
}

int session_views(Session *session, float *features, const ItemList *items, FeatureView first, int n_views,
                  Error *err) {
    return get_views(session, &(ViewsWanted){features, items, first, n_views, NULL}, err);
}

int session_save(Session *session, Error *err) {
    char number[32];
    progress_erase(&session->progress);
    grouped_number((double)session->n_encoded, number);
    if (session->n_encoded > 0 && !session->quiet)
        fprintf(stderr, "encoded %s image%s in %.1f s\n", number, session->n_encoded == 1 ? "" : "s",
                session->seconds);
    session->n_encoded = 0;
    session->seconds = 0;
    if (features_save(session->cache, err) < 0)
        return -1;
    return features_save(session->unprojected, err);
}

int *list_labels(const ItemList *list, Arena *arena) {
    int *labels = ARENA_NEW(arena, int, list->n);
    for (int i = 0; labels && i < list->n; i++)
        labels[i] = list->items[i].label;
    return labels;
}

int session_check_images(const Session *session, Error *err) {
    ImageFaults faults = {0};
    if (session->given)
        return 0;
    return dataset_check_images(&session->dataset, &faults, err) < 0 ? print_faults(&faults, err) : 0;
}

static bool uses_unprojected(const Experiment *experiment) {
    for (int i = 0; i < experiment->n_methods; i++)
        if (experiment->methods[i].method->uses & USES_UNPROJECTED)
            return true;
    return false;
}

/* features (n, C) of a list before the tower's last layer, if a method uses them. */
static int encode_unprojected(Session *session, const float **features, const ItemList *items,
                              const char *label, Error *err) {
    const FeatureView view = {.unprojected = 1};
    if (!uses_unprojected(session->experiment))
        return 0;
    if (session->notes && !session->given)
        return image_notes_add(session->notes, items, view, err);
    float *rows =
        arena_floats(session->arena, (size_t)items->n, (size_t)image_tower_width(session->model.clip));
    if (!rows)
        return error_memory(err);
    *features = rows;
    return session_features(session, rows, items, view, label, err);
}

int session_encode_test(Session *session, Error *err) {
    const ItemList *test = &session->dataset.test;
    size_t n = (size_t)test->n, E = (size_t)session->model.clip->embed_dim;
    if (encode_unprojected(session, &session->test_unprojected, test, "encoding test images", err) < 0)
        return -1;
    if (session->notes && !session->given)
        return image_notes_add(session->notes, test, (FeatureView){0}, err);
    float *raw = arena_floats(session->arena, n, E), *unit = arena_floats(session->arena, n, E);
    session->test_labels = list_labels(test, session->arena);
    if (arena_failed(session->arena))
        return error_memory(err);
    if (session_features(session, raw, test, (FeatureView){0}, "encoding test images", err) < 0)
        return -1;
    unit_rows_forward(unit, NULL, raw, test->n, (int)E);
    session->test_raw = raw;
    session->test_unit = unit;
    return 0;
}

int session_encode_val(Session *session, Error *err) {
    enum { SHOTS = 16, SEED = 1 };
    ItemList train, *val = &session->val;
    if (session_lists(session, &train, val, SHOTS, SEED, session->arena, err) < 0)
        return -1;
    size_t n = (size_t)val->n, E = (size_t)session->model.clip->embed_dim;
    if (encode_unprojected(session, &session->val_unprojected, val, "encoding validation images", err) < 0)
        return -1;
    if (session->notes && !session->given)
        return image_notes_add(session->notes, val, (FeatureView){0}, err);
    float *raw = arena_floats(session->arena, n, E), *unit = arena_floats(session->arena, n, E);
    session->val_labels = list_labels(val, session->arena);
    if (arena_failed(session->arena))
        return error_memory(err);
    if (session_features(session, raw, val, (FeatureView){0}, "encoding validation images", err) < 0)
        return -1;
    unit_rows_forward(unit, NULL, raw, val->n, (int)E);
    session->val_raw = raw;
    session->val_unit = unit;
    return 0;
}

int session_check_training(const Session *session, Error *err) {
    if (session->dataset.train.n > 0)
        return 0;
    return error_set(err, "%s: dataset: no training images, which every method but zeroshot needs",
                     session->experiment->path);
}

int session_lists(Session *session, ItemList *train, ItemList *val, int num_shots, int seed, Arena *arena,
                  Error *err) {
    return dataset_few_shot(train, val, &session->dataset, num_shots, (uint32_t)seed, arena, err);
}

int session_lists_with(Session *session, ItemList *train, ItemList *val, Validation validation, int num_shots,
                       int seed, Arena *arena, Error *err) {
    const int val_shots = validation == VALIDATION_AS_TRAIN ? num_shots
                          : validation == VALIDATION_MIN4   ? (num_shots > 4 ? 4 : num_shots)
                                                            : 0;
    if (dataset_few_shot_with(train, val, &session->dataset, num_shots, val_shots, (uint32_t)seed, arena,
                              err) < 0)
        return -1;
    if (validation == VALIDATION_NONE)
        val->n = 0;
    return 0;
}

/* --- texts --- */

int session_check_texts(const Session *session, const TextList *templates, const char *label, Error *err) {
    const Dataset *dataset = &session->dataset;
    if (zeroshot_check(session->model.clip, session->model.tokenizer, templates->values, templates->n,
                       dataset->class_names, dataset->n_classes, err) < 0)
        return error_prefix(err, "%s: %.80s", session->experiment->path, label);
    return 0;
}

typedef int (*TextsFn)(float *features, const Clip *clip, const Tokenizer *tokenizer, Pool *pool,
                       const char *const *templates, int n_templates, const char *const *class_names,
                       int n_classes, Error *err);

static float *texts(TextsFn encode, const Session *session, const TextList *templates, Arena *arena,
                    Error *err) {
    const Dataset *dataset = &session->dataset;
    const LoadedModel *model = &session->model;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)model->clip->embed_dim);
    if (!text) {
        error_memory(err);
        return NULL;
    }
    int status = encode(text, model->clip, model->tokenizer, model->pool, templates->values, templates->n,
                        dataset->class_names, dataset->n_classes, err);
    return status == 0 ? text : NULL;
}

float *session_texts(const Session *session, const TextList *templates, Arena *arena, Error *err) {
    return texts(zeroshot_features, session, templates, arena, err);
}

float *session_raw_texts(const Session *session, const TextList *templates, Arena *arena, Error *err) {
    return texts(zeroshot_raw_features, session, templates, arena, err);
}

static void classify(const Session *session, float *logits, const float *images, int n, const float *text) {
    const Clip *clip = session->model.clip;
    cosine_logits(session->model.pool, logits, images, text, n, session->dataset.n_classes, clip->embed_dim,
                  clip->logit_scale);
}

void session_classify(const Session *session, float *logits, const float *text) {
    classify(session, logits, session->test_unit, session->dataset.test.n, text);
}

void session_classify_val(const Session *session, float *logits, const float *text) {
    classify(session, logits, session->val_unit, session->val.n, text);
}
