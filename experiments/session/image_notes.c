/* image_notes.c: see image_notes.h */
#include "experiments/session/image_notes.h"

#include "clip/base/text_map.h"
#include "experiments/session/print_faults.h"

#include <string.h>

static bool same_view(FeatureView a, FeatureView b) {
    return a.unprojected == b.unprojected && a.random == b.random &&
           (!a.random || (a.seed == b.seed && a.view == b.view));
}

static ViewItems *items_of_view(ImageNotes *notes, FeatureView view) {
    for (ViewItems *at = notes->views; at; at = at->next)
        if (same_view(at->view, view))
            return at;
    ViewItems *new = ARENA_NEW(notes->arena, ViewItems, 1);
    if (new) {
        *new = (ViewItems){.view = view, .next = notes->views};
        notes->views = new;
    }
    return new;
}

int image_notes_add(ImageNotes *notes, const ItemList *items, FeatureView view, Error *err) {
    ViewItems *to = items_of_view(notes, view);
    if (!to)
        return error_memory(err);
    Item *grown =
        arena_grow(notes->arena, to->items.items, &to->capacity, to->items.n + items->n, sizeof *grown);
    if (!grown && items->n > 0)
        return error_memory(err);
    to->items.items = grown;
    if (items->n > 0)
        memcpy(to->items.items + to->items.n, items->items, (size_t)items->n * sizeof *items->items);
    to->items.n += items->n;
    return 0;
}

/* Of the views, each image once. */
static int distinct_items(ItemList *out, const ImageNotes *notes, Arena *arena, Error *err) {
    TextMap seen = {.arena = arena};
    int capacity = 0;
    *out = (ItemList){0};
    for (const ViewItems *at = notes->views; at; at = at->next)
        for (int i = 0; i < at->items.n; i++) {
            if (text_map_find(&seen, at->items.items[i].path))
                continue;
            Item *items = arena_grow(arena, out->items, &capacity, out->n + 1, sizeof *items);
            if (!items || text_map_put(&seen, at->items.items[i].path, 1) < 0)
                return error_memory(err);
            out->items = items;
            out->items[out->n++] = at->items.items[i];
        }
    return 0;
}

int image_notes_check(const ImageNotes *notes, FeatureCache *cache, const char *root, Error *err) {
    Arena *scratch = arena_create();
    ItemList items;
    int result = scratch ? distinct_items(&items, notes, scratch, err) : error_memory(err);
    if (result == 0 && features_check(cache, root, &items, err) < 0)
        result = print_faults(features_faults(cache), err);
    arena_free(scratch);
    return result;
}

int image_notes_missing(long *n, const ImageNotes *notes, FeatureCache *projected, FeatureCache *unprojected,
                        const char *root, Error *err) {
    *n = 0;
    for (const ViewItems *at = notes->views; at; at = at->next) {
        FeatureCache *cache = at->view.unprojected ? unprojected : projected;
        int missing;
        if (features_missing(cache, &missing, NULL, root, &at->items, at->view, err) < 0)
            return print_faults(features_faults(cache), err);
        *n += missing;
    }
    return 0;
}
