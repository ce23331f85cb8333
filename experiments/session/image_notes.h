/* image_notes.h: the images that a session is asked for, noted instead of encoded: for a dry run. */
#ifndef EXPERIMENTS_SESSION_IMAGE_NOTES_H
#define EXPERIMENTS_SESSION_IMAGE_NOTES_H

#include "datasets/features/features.h"

/* Images asked for under one view. */
typedef struct ViewItems {
    FeatureView view;
    ItemList items;
    int capacity;
    struct ViewItems *next;
} ViewItems;

/* Start with {.arena = arena}. */
typedef struct {
    ViewItems *views;
    Arena *arena;
} ImageNotes;

/* The items are copied, their paths borrowed. */
int image_notes_add(ImageNotes *notes, const ItemList *items, FeatureView view, Error *err);

/* How many of them the cache does not have, each view of each content once; root as for features_missing. */
int image_notes_missing(long *n, const ImageNotes *notes, FeatureCache *cache, const char *root, Error *err);

#endif
