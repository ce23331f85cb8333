/* next_steps.c: see next_steps.h */
#define _GNU_SOURCE /* program_invocation_name: the line can be pasted as it is */

#include "experiments/run/next_steps.h"

#include "clip/base/files.h"
#include "coop/prompt_file.h"
#include "experiments/report/cells.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <stdio.h>

/* The path of what the point has learned, if that is a prompt; else NULL. */
static const char *prompt_of(const Stage *stage, const Point *point, Arena *arena) {
    const char *folder = path_join(arena, stage->experiment->output, point->folder);
    const char *path = folder ? path_join(arena, folder, PROMPT_FILE) : NULL;
    return path && point->target < 0 && file_exists(path) ? path : NULL;
}

void next_steps_print(const Stage *stages, int n_stages, const char *page, Arena *arena) {
    const char *best = NULL;
    int most_shots = 0;
    for (int i = 0; i < n_stages; i++)
        for (int p = 0; p < stages[i].grid.n; p++) {
            const Point *point = &stages[i].grid.points[p];
            if (best && compare_shots(point->num_shots, most_shots) <= 0)
                continue;
            const char *path = prompt_of(&stages[i], point, arena);
            most_shots = path ? point->num_shots : most_shots;
            best = path ? path : best;
        }
    if (page)
        fprintf(stderr, "\nreport: %s\n", printable(page, arena));
    if (best)
        fprintf(stderr, "label images: %s classify %s IMAGE...\n", program_invocation_name,
                printable(best, arena));
}
