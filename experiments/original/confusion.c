/* confusion.c: see confusion.h. It is sklearn.metrics.confusion_matrix with normalize="true". */
#include "experiments/original/confusion.h"

#include "clip/tensors/torch_write.h"

/* The rank of each class among those that occur, and how many do. */
static int rank_classes(int *ranks, const int *labels, const int *predicted, int n, int n_classes) {
    int n_ranks = 0;
    for (int i = 0; i < n; i++)
        ranks[labels[i]] = ranks[predicted[i]] = 1;
    for (int k = 0; k < n_classes; k++)
        if (ranks[k])
            ranks[k] = n_ranks++;
    return n_ranks;
}

int confusion_write(const char *path, const int *labels, const int *predicted, int n, int n_classes,
                    Arena *arena, Error *err) {
    int *ranks = ARENA_NEW(arena, int, n_classes);
    if (!ranks)
        return error_memory(err);
    const int m = rank_classes(ranks, labels, predicted, n, n_classes);
    double *matrix = ARENA_NEW(arena, double, (size_t)m *(size_t)m);
    if (!matrix)
        return error_memory(err);
    for (int i = 0; i < n; i++)
        matrix[(size_t)ranks[labels[i]] * (size_t)m + (size_t)ranks[predicted[i]]]++;
    for (int r = 0; r < m; r++) {
        double sum = 0;
        for (int c = 0; c < m; c++)
            sum += matrix[(size_t)r * (size_t)m + (size_t)c];
        for (int c = 0; c < m && sum > 0; c++)
            matrix[(size_t)r * (size_t)m + (size_t)c] /= sum;
    }
    return torch_array_write(path, matrix, m, m, err);
}
