/* match_builder.h: what the readers of match_set.h fill. */
#ifndef DATASETS_CAPTIONS_MATCH_BUILDER_H
#define DATASETS_CAPTIONS_MATCH_BUILDER_H

#include "clip/base/text_map.h"
#include "datasets/captions/match_cases.h"
#include "datasets/lists/lists.h"

typedef struct {
    MatchSet *set;
    TextPool pool;
    ListBuilder images;
    TextMap tags; /* their indices */
    int boxes_capacity, texts_capacity, firsts_capacity, tags_capacity, labels_capacity;
} MatchBuilder;

/* A picture of the case to come. Everything is copied. */
int match_image(MatchBuilder *builder, const char *path, MatchBox box, Error *err);
/* A caption of the case to come. */
int match_text(MatchBuilder *builder, const char *text, Error *err);
/* A tag of the case to come; in_macro counts when the tag is new. */
int match_tag(MatchBuilder *builder, const char *name, bool in_macro, Error *err);
/* Ends the case. */
int match_case(MatchBuilder *builder, Error *err);

#endif
