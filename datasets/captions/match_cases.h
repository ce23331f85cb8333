/* match_cases.h: pictures with captions that fit and captions that do not, as match_set.h reads them. */
#ifndef DATASETS_CAPTIONS_MATCH_CASES_H
#define DATASETS_CAPTIONS_MATCH_CASES_H

#include "datasets/lists/dataset.h"

/* A part of a picture, in pixels; width 0: all of it. */
typedef struct {
    int x, y, width, height;
} MatchBox;

/* What several cases have in common: Winoground's "Object", "2 predicates", "Pragmatics"; ARO's "holding". */
typedef struct {
    const char *name;
    bool in_macro; /* whether it has a part in the macro average, if there is one */
} MatchTag;

typedef struct {
    int item, tag; /* a case, and the index of a tag of it */
} MatchLabel;

typedef struct {
    bool pairs;      /* Winoground: two pictures for each case, the first for its first caption */
    bool first_won;  /* equal scores are right: ARO's orders take the first of them, which the right one is */
    ItemList images; /* (n, or 2 n with pairs) */
    MatchBox *boxes; /* (images) */
    bool boxed;      /* whether any has a box */
    const char **texts; /* (firsts[n]) the right caption and the wrong ones; with pairs those of the pictures
                         */
    int *firsts;        /* (n + 1) case i has the texts from firsts[i] up to firsts[i + 1] */
    int n;              /* cases */
    MatchTag *tags;     /* (n_tags) in order of appearance */
    MatchLabel *labels; /* (n_labels) in the order of the cases */
    int n_tags, n_labels;
    int macro_least; /* ARO: accuracy is also averaged over the tags of at least so many cases; 0: it is not
                      */
} MatchSet;

#endif
