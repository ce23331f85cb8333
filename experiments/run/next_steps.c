/* next_steps.c: see next_steps.h */
#define _GNU_SOURCE /* program_invocation_name: the line can be pasted as it is */

#include "experiments/run/next_steps.h"

#include "experiments/results/best_classifier.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <stdio.h>

/* Points that were finished by an earlier version, some of whose methods left nothing to classify with. */
static int count_without(const Stage *stages, int n_stages, const ResultList *results, Arena *arena) {
    int n = 0;
    for (int i = 0; i < n_stages; i++)
        for (int p = 0; p < stages[i].grid.n; p++) {
            const Point *point = &stages[i].grid.points[p];
            const Result *result = point->learned ? NULL : results_find(results, point->key);
            n += result && !result_classifier(results, result, stages[i].experiment->output, arena);
        }
    return n;
}

void next_steps_print(const Stage *stages, int n_stages, const ResultList *results, const char *page,
                      Arena *arena) {
    const char *output = stages[0].experiment->output;
    const int n_without = count_without(stages, n_stages, results, arena);
    ClassifierWish wish = ANY_CLASSIFIER;
    BestClassifier best;
    wish.dataset = stages[0].session.name;
    putc('\n', stderr);
    print_line(stderr, "results: %s/" RESULTS_CSV, output);
    if (page)
        print_line(stderr, "report: %s", page);
    if (n_without > 0)
        print_line(stderr,
                   "note: %d point%s finished by an earlier version, which kept no classifier; another "
                   "`output:` makes %s",
                   n_without, n_without == 1 ? " was" : "s were", n_without == 1 ? "it" : "them");
    if (best_classifier(&best, results, output, &wish, arena, NULL) < 0)
        return;
    print_line(stderr, "best classifier: %s, %s", best.name, best.why);
    print_line(stderr, "its file: %s", best.path);
    print_line(stderr, "label images: %s classify %s%s%s IMAGE...", program_invocation_name, output,
               best.needs_dataset ? " --dataset " : "", best.needs_dataset ? wish.dataset : "");
}
