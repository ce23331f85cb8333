/* matching.c: see matching.h */
#include "experiments/ranking/matching.h"

#include <math.h>
#include <stddef.h>

static double score(const float *a, const float *b, int E) {
    double sum = 0;
    for (int i = 0; i < E; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

int matches_count(Matches *matches, const float *images, const float *texts, int n, int E, bool pairs,
                  Error *err) {
    const int n_images = pairs ? 2 : 1;
    *matches = (Matches){.n = n};
    for (int i = 0; i < n; i++) {
        double s[2][2] = {{0}}; /* [picture][caption] */
        for (int p = 0; p < n_images; p++)
            for (int c = 0; c < 2; c++) {
                s[p][c] = score(images + ((size_t)i * (size_t)n_images + (size_t)p) * (size_t)E,
                                texts + ((size_t)i * 2 + (size_t)c) * (size_t)E, E);
                if (!isfinite(s[p][c]))
                    return error_run(err, "the features are not finite");
            }
        const bool text = s[0][0] > s[0][1] && (!pairs || s[1][1] > s[1][0]);
        const bool image = pairs && s[0][0] > s[1][0] && s[1][1] > s[0][1];
        matches->text += text;
        matches->image += image;
        matches->group += text && image;
    }
    return 0;
}
