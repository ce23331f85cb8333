/* index_about.c: see index_about.h */
#include "experiments/find/index_about.h"

#include "clip/base/json.h"
#include "clip/checkpoint/locate.h"
#include "experiments/session/cli_model.h"

#include <stdlib.h>
#include <string.h>

/* A path as it is from everywhere, a name as it stands. */
static const char *lasting(const char *path, Arena *arena) {
    char *real = locate_is_name(path) ? NULL : realpath(path, NULL);
    const char *copy = arena_strdup(arena, real ? real : path);
    free(real);
    return copy;
}

const char *index_about_text(const IndexAbout *what, LoadedModel *model, Arena *arena, Error *err) {
    const FeatureSource source = loaded_model_source(model);
    const Transform *t = &source.transform;
    const char *checkpoint = lasting(what->checkpoint, arena);
    const char *vocabulary = what->vocabulary ? lasting(what->vocabulary, arena) : "";
    if (arena_failed(arena)) {
        error_memory(err);
        return NULL;
    }
    json_begin();
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:[f,f,f], s:[f,f,f]}",
                  "checkpoint", checkpoint, "vocabulary", vocabulary, "model", model->name, "digest",
                  loaded_model_tower_digest(model), "activation", clip_activation_name(what->activation),
                  "heads", what->heads, "precision", precision_name(model->clip->precision), "exif",
                  what->upright ? "rotate" : "ignore", "size", t->size, "resize", t->resize, "fit",
                  (int)t->fit, "filter", (int)t->filter, "fill", (int)t->fill, "mean", (double)source.mean[0],
                  (double)source.mean[1], (double)source.mean[2], "std", (double)source.std[0],
                  (double)source.std[1], (double)source.std[2]);
    char *text = object ? json_write(object, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    if (!text) {
        json_refuse(err, "%s: a path that is not UTF-8 cannot be kept in an index", checkpoint);
        return NULL;
    }
    const char *copy = arena_strdup(arena, text);
    free(text);
    if (!copy)
        error_memory(err);
    return copy;
}

static json_t *read_text(const PhotoIndex *index, Error *err) {
    json_error_t why;
    json_t *root = json_read(index->about, strlen(index->about), &why);
    if (!root)
        json_refuse(err, "%s: what its features are of: %s", index->path, why.text);
    return root;
}

int index_about_read(IndexAbout *about, const PhotoIndex *index, Arena *arena, Error *err) {
    const char *checkpoint, *vocabulary, *name, *digest, *activation, *precision, *exif;
    json_t *root = read_text(index, err);
    *about = (IndexAbout){0};
    if (!root)
        return -1;
    int result = json_unpack(root, "{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "checkpoint", &checkpoint,
                             "vocabulary", &vocabulary, "model", &name, "digest", &digest, "activation",
                             &activation, "heads", &about->heads, "precision", &precision, "exif", &exif);
    if (result < 0 || clip_activation_from(&about->activation, activation) < 0 ||
        precision_from(&about->precision, precision) < 0) {
        result = error_set(err, "%s: it does not say what its features are of", index->path);
    } else {
        about->checkpoint = arena_strdup(arena, checkpoint);
        about->vocabulary = *vocabulary ? arena_strdup(arena, vocabulary) : NULL;
        about->name = arena_strdup(arena, name);
        about->digest = arena_strdup(arena, digest);
        about->upright = strcmp(exif, "rotate") == 0;
        result = arena_failed(arena) ? error_memory(err) : 0;
    }
    json_decref(root);
    return result;
}

static bool makes_features(const char *key) {
    return strcmp(key, "checkpoint") != 0 && strcmp(key, "vocabulary") != 0 && strcmp(key, "model") != 0;
}

int index_about_compare(const PhotoIndex *index, const char *text, Error *err) {
    json_error_t why;
    json_t *there = read_text(index, err), *here = there ? json_read(text, strlen(text), &why) : NULL;
    int result = there ? 0 : -1;
    const char *key;
    json_t *value;
    if (there && !here)
        result = json_refuse(err, "%s: what would be added: %s", index->path, why.text);
    json_object_foreach(here, key, value) if (result == 0 && makes_features(key) &&
                                              !json_equal(value, json_object_get(there, key))) {
        char *is = json_write(json_object_get(there, key), JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        char *would = json_write(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        result = error_set(err,
                           "%s: its features are of another kind: %s %s, and what would be added has %s; "
                           "write another index",
                           index->path, key, is ? is : "none", would ? would : "none");
        free(is);
        free(would);
    }
    json_decref(here);
    json_decref(there);
    return result;
}

int index_about_open(LoadedModel *model, const PhotoIndex *index, const char *weights, const char *vocabulary,
                     ClipTowers towers, int n_threads, Error *err) {
    Arena *arena = arena_create();
    IndexAbout about;
    *model = (LoadedModel){0};
    int result = arena ? index_about_read(&about, index, arena, err) : error_memory(err);
    if (result == 0 && !weights && (result = locate_is_there(about.checkpoint, err)) >= 0) {
        result = result == 1
                     ? 0
                     : error_set(err, "%s: its checkpoint %s is not there; say with --model where it is",
                                 index->path, about.checkpoint);
    }
    if (result == 0)
        result = cli_model_open(model, weights ? weights : about.checkpoint,
                                (LoadedModelOptions){.towers = towers | CLIP_DIGEST,
                                                     .vocab = vocabulary ? vocabulary
                                                              : weights  ? NULL
                                                                         : about.vocabulary,
                                                     .activation = about.activation,
                                                     .heads = about.heads,
                                                     .precision = about.precision,
                                                     .n_threads = n_threads},
                                err);
    if (result == 0 && strcmp(loaded_model_tower_digest(model), about.digest) != 0)
        result = error_set(err, "%s: made with another checkpoint (%s, %.12s...) than %s (%.12s...)",
                           index->path, about.name, about.digest, weights ? weights : about.checkpoint,
                           loaded_model_tower_digest(model));
    model->upright = about.upright;
    arena_free(arena);
    return result;
}
