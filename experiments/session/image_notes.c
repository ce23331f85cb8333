/* image_notes.c: see image_notes.h */
#include "experiments/session/image_notes.h"

#include <string.h>

static bool same_view(FeatureView a, FeatureView b) {
    return a.random == b.random && (!a.random || (a.seed == b.seed && a.view == b.view));
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

int image_notes_missing(long *n, const ImageNotes *notes, FeatureCache *cache, const char *root, Error *err) {
    *n = 0;
    for (const ViewItems *at = notes->views; at; at = at->next) {
        int missing;
        if (features_missing(cache, &missing, root, &at->items, at->view, err) < 0)
            return -1;
        *n += missing;
    }
    return 0;
}
