/* index_about.h: what the features of an index are of: the checkpoint, and how images are prepared for it. */
#ifndef EXPERIMENTS_FIND_INDEX_ABOUT_H
#define EXPERIMENTS_FIND_INDEX_ABOUT_H

#include "coop/loaded_model.h"
#include "datasets/index/photo_index.h"

/* What opens the same model again. Texts are owned by the arena. */
typedef struct {
    const char *checkpoint; /* a path, absolute, or a name */
    const char *vocabulary; /* NULL: beside it */
    const char *name;       /* "ViT-B/32", for people */
    const char *digest;     /* loaded_model_tower_digest's */
    ClipActivation activation;
    int heads;
    Precision precision;
    bool upright;
} IndexAbout;

/* The JSON text of an index (index_writer.h), owned by the arena; NULL with an error. what->digest and ->name
 * are found here. */
const char *index_about_text(const IndexAbout *what, LoadedModel *model, Arena *arena, Error *err);
int index_about_read(IndexAbout *about, const PhotoIndex *index, Arena *arena, Error *err);
/* Fails, naming the first difference that changes features, unless the index is of this text; where the
 * checkpoint lies makes none. */
int index_about_compare(const PhotoIndex *index, const char *text, Error *err);

/* Opens the model of an index with these towers: where it and its vocabulary were then, unless `weights` or
 * `vocabulary` are given. Fails
 * unless it is the same. Caller closes, also after a failure. */
int index_about_open(LoadedModel *model, const PhotoIndex *index, const char *weights, const char *vocabulary,
                     ClipTowers towers, int n_threads, Error *err);

#endif
