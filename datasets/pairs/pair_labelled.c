/* pair_labelled.c: pairs from the images of a labelled dataset and templates for their captions. */
#include "datasets/pairs/pair_source.h"

#include "clip/base/buffer.h"
#include "clip/base/paths.h"
#include "clip/base/random.h"
#include "datasets/lists/lists.h"

#include <assert.h>
#include <string.h>

typedef struct {
    const char *root;
    Item *items;        /* (PairSource.n) */
    const char **names; /* (n_classes) */
    const char **templates;
    int n_templates;
} Labelled;

static const char *caption(const char *template, const char *name, Arena *arena) {
    Buffer out = {0};
    for (const char *at; (at = strstr(template, "{}")); template = at + 2) {
        buffer_append(&out, template, (size_t)(at - template));
        buffer_puts(&out, name);
    }
    buffer_puts(&out, template);
    return buffer_take(&out, arena);
}

static int get(const PairSource *source, int index, uint32_t seed, int epoch, Pair *pair, Arena *arena,
               Error *err) {
    const Labelled *labelled = source->kind;
    const Item *item = &labelled->items[index];
    Rng rng;
    rng_stream(&rng, seed, STREAM_CAPTION, (uint32_t)index, (uint32_t)epoch);
    int chosen = (int)rng_below(&rng, (uint32_t)labelled->n_templates);
    pair->caption = caption(labelled->templates[chosen], labelled->names[item->label], arena);
    if (!pair->caption)
        return error_memory(err);
    return pair_read_file(pair, path_join(arena, labelled->root, item->path), arena, err);
}

static const char **copy_texts(const char *const *texts, int n, Arena *arena) {
    const char **copy = ARENA_NEW(arena, const char *, n);
    for (int i = 0; copy && i < n; i++)
        copy[i] = arena_strdup(arena, texts[i]);
    return copy;
}

/* As a prompt shows them. */
static const char **copy_names(const char *const *names, int n, Arena *arena) {
    const char **copy = ARENA_NEW(arena, const char *, n);
    for (int i = 0; copy && i < n; i++) {
        char *name = arena_strdup(arena, names[i]);
        if (!name)
            return NULL;
        for (char *at = name; *at; at++)
            *at = *at == '_' ? ' ' : *at;
        copy[i] = name;
    }
    return copy;
}

static void copy_items(PairSource *source, Labelled *labelled, const ItemList *items, int n_classes) {
    TextPool pool = {.arena = source->arena};
    labelled->items = ARENA_NEW(source->arena, Item, items->n);
    for (int i = 0; labelled->items && i < items->n; i++) {
        const Item *item = &items->items[i];
        assert(0 <= item->label && item->label < n_classes);
        labelled->items[i] = (Item){text_join(&pool, NULL, item->path), item->label};
    }
    source->n = items->n;
}

static void hash(PairSource *source, const Labelled *labelled) {
    pair_source_hash_text(source, "labelled");
    pair_source_hash(source, &labelled->n_templates, sizeof labelled->n_templates);
    for (int i = 0; i < labelled->n_templates; i++)
        pair_source_hash_text(source, labelled->templates[i]);
    for (int i = 0; i < source->n; i++) {
        pair_source_hash_text(source, labelled->items[i].path);
        pair_source_hash_text(source, labelled->names[labelled->items[i].label]);
    }
}

static int check_templates(const char *root, const char *const *templates, int n, Error *err) {
    if (n == 0)
        return error_set(err, "%s: no templates for the captions", root);
    for (int i = 0; i < n; i++)
        if (!strstr(templates[i], "{}"))
            return error_set(err, "%s: template '%s' has no {} for the class name", root, templates[i]);
    return 0;
}

PairSource *pairs_open_labelled(const char *root, const ItemList *items, const char *const *class_names,
                                int n_classes, const char *const *templates, int n_templates, Error *err) {
    if (check_templates(root, templates, n_templates, err) < 0)
        return NULL;
    PairSource *source = pair_source_create(get, err);
    if (!source)
        return NULL;
    Labelled *labelled = source->kind = ARENA_NEW(source->arena, Labelled, 1);
    if (labelled) {
        labelled->root = arena_strdup(source->arena, root);
        labelled->names = copy_names(class_names, n_classes, source->arena);
        labelled->templates = copy_texts(templates, n_templates, source->arena);
        labelled->n_templates = n_templates;
        copy_items(source, labelled, items, n_classes);
        if (!arena_failed(source->arena))
            hash(source, labelled);
    }
    return pair_source_finish(source, root, err);
}
