/* nearest.c: the Damerau-Levenshtein distance, restricted to swaps of neighbours (optimal string
 * alignment). */
#include "clip/base/nearest.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { MAX = 48 };

int edit_distance(const char *a, const char *b) {
    int n_a = (int)strnlen(a, MAX), n_b = (int)strnlen(b, MAX);
    int lower_a[MAX], lower_b[MAX], d[MAX + 1][MAX + 1];
    for (int i = 0; i < n_a; i++)
        lower_a[i] = tolower((unsigned char)a[i]);
    for (int j = 0; j < n_b; j++)
        lower_b[j] = tolower((unsigned char)b[j]);
    for (int i = 0; i <= n_a; i++)
        for (int j = 0; j <= n_b; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (lower_a[i - 1] != lower_b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && lower_a[i - 1] == lower_b[j - 2] && lower_a[i - 2] == lower_b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n_a][n_b];
}

const char *nearest_word(const char *word, const char *const *candidates, int n) {
    const char *nearest = NULL;
    int best = 0;
    for (int i = 0; i < n; i++) {
        int distance = edit_distance(word, candidates[i]);
        int n_word = (int)strnlen(word, MAX), n_candidate = (int)strnlen(candidates[i], MAX);
        int longest = n_word > n_candidate ? n_word : n_candidate;
        if (distance <= 1 + longest / 4 && distance < longest && (!nearest || distance < best)) {
            nearest = candidates[i];
            best = distance;
        }
    }
    return nearest;
}
