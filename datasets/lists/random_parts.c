/* random_parts.c: see random_parts.h
 *
 *     random.seed(seed)
 *     for images of one class, sorted by their paths, classes by label:
 *         random.shuffle(images)
 *         the first go to train, the next to val, the rest to test
 *
 * Source: read_and_split_data in datasets/dtd.py of github.com/KaiyangZhou/CoOp, which takes the images in
 * the order of the directory and refuses classes too small for three parts.
 */
#include "datasets/lists/random_parts.h"
#include "clip/base/random.h"
#include "datasets/lists/lists.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_items(const void *a, const void *b) {
    const Item *left = a, *right = b;
    if (left->label != right->label)
        return left->label < right->label ? -1 : 1;
    return strcmp(left->path, right->path);
}

typedef struct {
    int n[N_PARTS];
} Sizes;

static Sizes class_sizes(int n, double p_trn, double p_val) {
    int train = (int)rint(n * p_trn), val = (int)rint(n * p_val); /* halves to even, as Python's round */
    int most = n > 1 ? n - 1 : 1;
    train = train < 1 ? 1 : train > most ? most : train;
    int left = n > train ? n - train - 1 : 0;
    val = val > left ? left : val;
    return (Sizes){{train, val, n - train - val}};
}

static void draw_class(ItemList lists[N_PARTS], const Item *items, int n, Sizes sizes, int *order, Rng *rng) {
    for (int i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(rng, order, n);
    for (Part part = 0; part < N_PARTS; part++)
        for (int i = 0; i < sizes.n[part]; i++)
            lists[part].items[lists[part].n++] = items[*order++];
}

int random_parts(Dataset *dataset, double p_trn, double p_val, uint32_t seed, Arena *arena, Error *err) {
    assert(p_trn > 0 && p_val >= 0 && p_trn + p_val < 1);
    const int n = dataset->train.n;
    Item *items = dataset->train.items;
    ItemList lists[N_PARTS] = {0};
    int *order = ARENA_NEW(arena, int, n);
    for (Part part = 0; part < N_PARTS; part++)
        lists[part].items = ARENA_NEW(arena, Item, n);
    if (arena_failed(arena))
        return error_memory(err);
    if (n > 0)
        qsort(items, (size_t)n, sizeof *items, compare_items);
    for (int i = 1; i < n; i++)
        if (compare_items(&items[i - 1], &items[i]) == 0)
            return error_set(err, "%s: image '%s' comes twice", dataset->source, items[i].path);
    Rng rng;
    rng_seed(&rng, &seed, 1);
    for (int first = 0, end = 0; first < n; first = end) {
        while (end < n && items[end].label == items[first].label)
            end++;
        draw_class(lists, items + first, end - first, class_sizes(end - first, p_trn, p_val), order, &rng);
    }
    dataset->train = lists[PART_TRAIN];
    dataset->val = lists[PART_VAL];
    dataset->test = lists[PART_TEST];
    dataset->drawn = true;
    return 0;
}
