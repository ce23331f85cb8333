/* match_builder.c: see match_builder.h */
#include "datasets/captions/match_builder.h"

#include "datasets/lists/split_file.h"

#include <limits.h>
#include <string.h>

int match_image(MatchBuilder *builder, const char *path, MatchBox box, Error *err) {
    MatchSet *set = builder->set;
    const char *fault = split_path_fault(path);
    if (fault)
        return error_set(err, "%s: '%s'", fault, path);
    const int n = builder->images.list.n;
    MatchBox *boxes =
        arena_grow(builder->pool.arena, set->boxes, &builder->boxes_capacity, n + 1, sizeof *boxes);
    const char *copy = text_join(&builder->pool, NULL, path);
    if (!boxes || !copy)
        return error_memory(err);
    set->boxes = boxes;
    boxes[n] = box;
    set->boxed |= box.width > 0;
    return list_push(&builder->images, copy, 0, builder->pool.arena, err);
}

/* Where the texts of the case to come end; the place behind it is there, too. */
static int *text_end(MatchBuilder *builder) {
    MatchSet *set = builder->set;
    int *firsts =
        arena_grow(builder->pool.arena, set->firsts, &builder->firsts_capacity, set->n + 2, sizeof *firsts);
    set->firsts = firsts ? firsts : set->firsts;
    if (firsts && firsts[set->n + 1] == 0)
        firsts[set->n + 1] = firsts[set->n];
    return firsts ? &firsts[set->n + 1] : NULL;
}

int match_text(MatchBuilder *builder, const char *text, Error *err) {
    MatchSet *set = builder->set;
    int *end = text_end(builder);
    if (!text[strspn(text, " \t\r\n")])
        return error_set(err, "an empty caption");
    if (end && *end > INT_MAX / 4)
        return error_set(err, "too many captions");
    const char **texts =
        !end ? NULL
             : arena_grow(builder->pool.arena, set->texts, &builder->texts_capacity, *end + 1, sizeof *texts);
    const char *copy = text_join(&builder->pool, NULL, text);
    if (!texts || !copy)
        return error_memory(err);
    set->texts = texts;
    texts[(*end)++] = copy;
    return 0;
}

int match_tag(MatchBuilder *builder, const char *name, bool in_macro, Error *err) {
    MatchSet *set = builder->set;
    Arena *arena = builder->pool.arena;
    const int *known = text_map_find(&builder->tags, name);
    const int tag = known ? *known : set->n_tags;
    MatchLabel *labels =
        arena_grow(arena, set->labels, &builder->labels_capacity, set->n_labels + 1, sizeof *labels);
    if (!labels)
        return error_memory(err);
    set->labels = labels;
    labels[set->n_labels++] = (MatchLabel){set->n, tag};
    if (known)
        return 0;
    MatchTag *tags = arena_grow(arena, set->tags, &builder->tags_capacity, set->n_tags + 1, sizeof *tags);
    const char *copy = text_join(&builder->pool, NULL, name);
    if (!tags || !copy || text_map_put(&builder->tags, copy, tag) < 0)
        return error_memory(err);
    set->tags = tags;
    tags[set->n_tags++] = (MatchTag){copy, in_macro};
    return 0;
}

int match_case(MatchBuilder *builder, Error *err) {
    MatchSet *set = builder->set;
    const int *end = text_end(builder);
    if (!end)
        return error_memory(err);
    if (*end - set->firsts[set->n] < 2)
        return error_set(err, "one caption: a right and a wrong one are needed");
    set->n++;
    return 0;
}
