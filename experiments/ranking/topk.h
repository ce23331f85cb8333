/* topk.h: which items torch.topk takes on a processor, also where scores are equal.
 *
 * Which of several equal scores come among the best K is not laid down anywhere; it follows from how the C++
 * library selects: through a heap of K where there are 64 K items or more, else by partitions around the
 * median of three (ATen/native/TopKImpl.h; partial_sort and nth_element of GCC's library). Published recalls
 * were counted with that, so here is the same selection. Scores that differ leave it no choice.
 */
#ifndef EXPERIMENTS_RANKING_TOPK_H
#define EXPERIMENTS_RANKING_TOPK_H

typedef struct {
    float score;
    int item;
} Scored;

/* Puts the k items that are taken to the front of items (n), in no order; 1 <= k <= n. No score is NaN. */
void topk_select(Scored *items, int n, int k);

#endif
