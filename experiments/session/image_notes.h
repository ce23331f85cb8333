/* image_notes.h: the images that a session is asked for, noted instead of encoded: to count them in a dry
 * run, and to look at all of them before the first is encoded. */
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

/* Fails if one of the images cannot be read; several are listed on stderr (print_faults.h). */
int image_notes_check(const ImageNotes *notes, FeatureCache *cache, const char *root, Error *err);

/* *n: how many of these views the cache lacks, those of images with the same content counted once. root is
 * that of features_missing. */
int image_notes_missing(long *n, const ImageNotes *notes, FeatureCache *projected, FeatureCache *unprojected,
                        const char *root, Error *err);

#endif
