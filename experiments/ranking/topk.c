/* topk.c: see topk.h. "Before" is the order of the selection: the higher score comes before the lower. */
#include "experiments/ranking/topk.h"

#include <stdbool.h>
#include <string.h>

static bool before(Scored a, Scored b) {
    return a.score > b.score;
}

static void swap(Scored *a, Scored *b) {
    const Scored kept = *a;
    *a = *b;
    *b = kept;
}

/* --- through a heap, whose first is the last of all in that order --- */

/* Puts a value into the hole: down along the later children to the bottom, then up to where it belongs. */
static void heap_put(Scored *heap, int hole, int n, Scored value) {
    const int top = hole;
    int child = hole;
    while (child < (n - 1) / 2) {
        child = 2 * child + 2;
        child -= before(heap[child], heap[child - 1]);
        heap[hole] = heap[child];
        hole = child;
    }
    if (n % 2 == 0 && child == (n - 2) / 2) { /* the last parent has one child */
        child = 2 * child + 1;
        heap[hole] = heap[child];
        hole = child;
    }
    for (int parent = (hole - 1) / 2; hole > top && before(heap[parent], value); parent = (hole - 1) / 2) {
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = value;
}

static void select_by_heap(Scored *items, int n, int k) {
    for (int parent = (k - 2) / 2; k > 1 && parent >= 0; parent--)
        heap_put(items, parent, k, items[parent]);
    for (int i = k; i < n; i++)
        if (before(items[i], items[0])) {
            const Scored value = items[i];
            items[i] = items[0];
            heap_put(items, 0, k, value);
        }
}

/* --- by partitions --- */

static void median_to(Scored *out, Scored *a, Scored *b, Scored *c) {
    if (before(*a, *b))
        swap(out, before(*b, *c) ? b : before(*a, *c) ? c : a);
    else
        swap(out, before(*a, *c) ? a : before(*b, *c) ? c : b);
}

/* Items (n) around the median of three of them: what comes before it, then the rest, whose place it returns.
 */
static int partition(Scored *items, int n) {
    median_to(items, items + 1, items + n / 2, items + n - 1);
    const Scored pivot = items[0];
    for (int low = 1, high = n;; low++) {
        while (before(items[low], pivot))
            low++;
        high--;
        while (before(pivot, items[high]))
            high--;
        if (low >= high)
            return low;
        swap(items + low, items + high);
    }
}

static void sort_few(Scored *items, int n) {
    for (int i = 1; i < n; i++) {
        const Scored value = items[i];
        int at = i;
        while (at > 0 && before(value, items[at - 1]))
            at--;
        memmove(items + at + 1, items + at, (size_t)(i - at) * sizeof *items);
        items[at] = value;
    }
}

static int floor_log2(int n) {
    int log = 0;
    while (n >>= 1)
        log++;
    return log;
}

/* Item nth comes to its place, and before it what belongs there. */
static void select_by_partitions(Scored *items, int n, int nth) {
    int first = 0, last = n;
    for (int left = 2 * floor_log2(n); last - first > 3; left--) {
        if (left == 0) { /* pivots have been bad all along */
            select_by_heap(items + first, last - first, nth + 1 - first);
            return;
        }
        const int cut = first + partition(items + first, last - first);
        if (cut <= nth)
            first = cut;
        else
            last = cut;
    }
    sort_few(items + first, last - first);
}

void topk_select(Scored *items, int n, int k) {
    if (k <= n / 64)
        select_by_heap(items, n, k);
    else
        select_by_partitions(items, n, k - 1);
}
