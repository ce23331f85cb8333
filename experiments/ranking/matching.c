/* matching.c: see matching.h */
#include "experiments/ranking/matching.h"

#include <math.h>
#include <stddef.h>

static double score(const MatchCases *cases, int image, int text) {
    const float *a = cases->images + (size_t)image * (size_t)cases->E;
    const float *b = cases->texts + (size_t)text * (size_t)cases->E;
    double sum = 0;
    for (int i = 0; i < cases->E; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* [picture][caption] */
static Verdict judge_pair(double s[2][2]) {
    return (Verdict){.text = s[0][0] > s[0][1] && s[1][1] > s[1][0],
                     .image = s[0][0] > s[1][0] && s[1][1] > s[0][1]};
}

int matches_judge(Verdict *verdicts, const MatchCases *cases, Error *err) {
    for (int i = 0; i < cases->n; i++) {
        const int first = cases->firsts[i], n = cases->firsts[i + 1] - first;
        double s[2][2] = {{0}}, right = 0, wrong = -INFINITY, sum = 0;
        for (int p = 0; p < 2 && cases->pairs; p++)
            for (int t = 0; t < 2; t++)
                sum += s[p][t] = score(cases, 2 * i + p, first + t);
        for (int t = 0; t < n && !cases->pairs; t++) {
            const double here = score(cases, i, first + t);
            sum += here;
            right = t == 0 ? here : right;
            wrong = t > 0 && here > wrong ? here : wrong;
        }
        if (!isfinite(sum))
            return error_run(err, "the features are not finite");
        verdicts[i] = cases->pairs ? judge_pair(s)
                                   : (Verdict){.text = right > wrong || (cases->first_won && right == wrong)};
    }
    return 0;
}
