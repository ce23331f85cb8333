/* fewshot.c: few-shot subsets, bit for bit those that the CoOp code draws.
 *
 *     random.seed(seed)
 *     for list, shots in ((train, n), (val, min(n, 4))):
 *         for items of one class, classes in order of first appearance:
 *             random.sample(items, shots), or all items as they are when there are fewer
 *
 * Source: Zhou et al. 2022, Learning to Prompt for Vision-Language Models, section 4.1, and
 * generate_fewshot_dataset of Dassl. With base/new subsampling the draw is made for all classes and then cut
 * down, as there.
 */
#include "datasets/lists/fewshot.h"

#include "clip/base/random.h"
#include "datasets/lists/original_lists.h"

#include <assert.h>
#include <string.h>

/* A list, grouped: the items of the i-th class to appear are at indices[starts[i]] .. indices[starts[i+1] -
 * 1]. */
typedef struct {
    int n_groups;
    int *starts;  /* (n_groups + 1) */
    int *indices; /* (list->n), ascending within a group */
} Groups;

static int group_by_label(Groups *groups, const ItemList *list, int n_classes, Arena *arena, Error *err) {
    int *group_of =
        ARENA_NEW(arena, int, n_classes); /* 0: the label has not appeared, else its group plus 1 */
    int *fill = ARENA_NEW(arena, int, (size_t)n_classes + 1);
    groups->n_groups = 0;
    groups->starts = ARENA_NEW(arena, int, (size_t)n_classes + 1);
    groups->indices = ARENA_NEW(arena, int, list->n);
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < list->n; i++) {
        int label = list->items[i].label;
        assert(label >= 0 && label < n_classes);
        if (!group_of[label])
            group_of[label] = ++groups->n_groups;
        groups->starts[group_of[label]]++;
    }
    for (int g = 0; g < groups->n_groups; g++) {
        fill[g] = groups->starts[g];
        groups->starts[g + 1] += groups->starts[g];
    }
    for (int i = 0; i < list->n; i++)
        groups->indices[fill[group_of[list->items[i].label] - 1]++] = i;
    return 0;
}

/* Draws from every class; keeps those labelled first_class .. first_class + n_classes - 1, in the order
 * drawn. */
static int draw_groups(ItemList *out, const ItemList *list, const Groups *groups, const Dataset *dataset,
                       int shots, Rng *rng, Arena *arena, Arena *scratch, Error *err) {
    size_t room = (size_t)groups->n_groups * (size_t)shots;
    *out = (ItemList){.items = ARENA_NEW(arena, Item, room < (size_t)list->n ? room : (size_t)list->n)};
    int *drawn = ARENA_NEW(scratch, int, shots < list->n ? shots : list->n);
    if (!out->items || !drawn)
        return error_memory(err);
    for (int g = 0; g < groups->n_groups; g++) {
        const int *indices = groups->indices + groups->starts[g];
        int n = groups->starts[g + 1] - groups->starts[g];
        int n_kept = n < shots ? n : shots;
        int label = list->items[indices[0]].label - dataset->first_class;
        if (n >= shots)
            rng_sample(rng, n, shots, drawn);
        for (int i = 0; i < n_kept && label >= 0 && label < dataset->n_classes; i++) {
            const Item *item = &list->items[indices[n < shots ? i : drawn[i]]];
            out->items[out->n++] = (Item){.path = item->path, .label = label};
        }
    }
    return 0;
}

static int copy_list(ItemList *out, const ItemList *list, Arena *arena, Error *err) {
    *out = (ItemList){.items = ARENA_NEW(arena, Item, list->n), .n = list->n};
    if (!out->items)
        return error_memory(err);
    if (list->n > 0)
        memcpy(out->items, list->items, (size_t)list->n * sizeof *out->items);
    return 0;
}

int dataset_few_shot(ItemList *train, ItemList *val, const Dataset *dataset, int num_shots, uint32_t seed,
                     Arena *arena, Error *err) {
    return dataset_few_shot_with(train, val, dataset, num_shots, num_shots > 4 ? 4 : num_shots, seed, arena,
                                 err);
}

int dataset_few_shot_with(ItemList *train, ItemList *val, const Dataset *dataset, int num_shots,
                          int val_shots, uint32_t seed, Arena *arena, Error *err) {
    if (num_shots < 0)
        return error_set(err, "num_shots: %d is negative (0 is all)", num_shots);
    if (num_shots == 0)
        return copy_list(train, &dataset->train, arena, err) < 0 ||
                       copy_list(val, &dataset->val, arena, err) < 0
                   ? -1
                   : 0;
    const Dataset *whole = dataset->whole ? dataset->whole : dataset;
    const ItemList *lists[] = {&whole->train, &whole->val};
    ItemList *outs[] = {train, val};
    Arena *scratch = arena_create();
    if (!scratch)
        return error_memory(err);
    Rng rng;
    rng_seed(&rng, &seed, 1);
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++) {
        Groups groups = {0};
        const int shots = i == 0 ? num_shots : val_shots;
        if (shots == 0) {
            result = copy_list(outs[i], &dataset->val, arena, err);
            break;
        }
        result = group_by_label(&groups, lists[i], whole->n_classes, scratch, err);
        if (result == 0)
            result = draw_groups(outs[i], lists[i], &groups, dataset, shots, &rng, arena, scratch, err);
    }
    arena_free(scratch);
    const int kept_val = num_shots > 4 ? 4 : num_shots;
    return result < 0 ? -1
                      : original_lists_few_shot(train, val_shots == kept_val ? val : NULL, dataset, num_shots,
                                                seed, arena, err);
}
