/* next_steps.c: see next_steps.h */
#define _GNU_SOURCE /* program_invocation_name: the line can be pasted as it is */

#include "experiments/run/next_steps.h"

#include "clip/base/files.h"
#include "coop/prompt_file.h"
#include "coop/tuned_file.h"
#include "experiments/report/cells.h"
#include "experiments/results/results.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <stdio.h>

/* The path of what the point has learned, if that is a file of this name; else NULL. */
static const char *learned_of(const Stage *stage, const Point *point, const char *name, Arena *arena) {
    const char *folder = path_join(arena, stage->experiment->output, point->folder);
    const char *path = folder ? path_join(arena, folder, name) : NULL;
    return path && point->target < 0 && file_exists(path) ? path : NULL;
}

typedef struct {
    const char *best; /* the first with the most shots; NULL: none */
    int most_shots, n;
} Learned;

static Learned find_learned(const Stage *stages, int n_stages, const char *name, Arena *arena) {
    Learned learned = {0};
    for (int i = 0; i < n_stages; i++)
        for (int p = 0; p < stages[i].grid.n; p++) {
            const Point *point = &stages[i].grid.points[p];
            const char *path = learned_of(&stages[i], point, name, arena);
            learned.n += path != NULL;
            if (!path || (learned.best && compare_shots(point->num_shots, learned.most_shots) <= 0))
                continue;
            learned.most_shots = point->num_shots;
            learned.best = path;
        }
    return learned;
}

void next_steps_print(const Stage *stages, int n_stages, const char *page, Arena *arena) {
    const char *output = stages[0].experiment->output;
    const Learned prompts = find_learned(stages, n_stages, PROMPT_FILE, arena);
    Learned best = prompts;
    for (int i = 0; i < 2 && !best.best; i++)
        best = find_learned(stages, n_stages, i ? TUNED_WEIGHTS_FILE : TUNED_LOW_RANK_FILE, arena);
    putc('\n', stderr);
    print_line(stderr, "results: %s/" RESULTS_CSV, output);
    if (page)
        print_line(stderr, "report: %s", page);
    if (prompts.n > 1)
        print_line(stderr, "prompts: %d files " PROMPT_FILE " below %s", prompts.n, output);
    if (best.best)
        print_line(stderr, "label images: %s classify %s IMAGE...", program_invocation_name, best.best);
}
