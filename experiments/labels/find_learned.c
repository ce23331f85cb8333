/* find_learned.c: see find_learned.h. */
#include "experiments/labels/find_learned.h"

#include "clip/base/files.h"
#include "experiments/results/best_classifier.h"
#include "experiments/terminal/printable.h"

#include <stdlib.h>
#include <string.h>

void find_learned_options(Option out[FIND_LEARNED_OPTIONS], LearnedWish *wish) {
    *wish = (LearnedWish){.seed = -1};
    const Option options[FIND_LEARNED_OPTIONS] = {
        {"method", OPTION_TEXT, &wish->method, 0, 0, "NAME",
         "of RUN_DIR: the best of this method (coop, linear_probe, ...) or of this row of the table"},
        {"shots", OPTION_TEXT, &wish->shots, 0, 0, "K", "of RUN_DIR: learned with K shots, or with all"},
        {"seed", OPTION_INT, &wish->seed, 0, 2147483647, "N", "of RUN_DIR: learned with this seed"},
        {"dataset", OPTION_TEXT, &wish->dataset, 0, 0, "NAME",
         "of RUN_DIR: learned on this one, where there are several"}};
    memcpy(out, options, sizeof options);
}

/* "16", "all"; "0" is what needs no training. */
static int read_shots(int *num_shots, const char *text, Error *err) {
    char *end;
    *num_shots = ANY_SHOTS;
    if (!text)
        return 0;
    const long number = strtol(text, &end, 10);
    if (strcmp(text, "all") == 0)
        *num_shots = SHOTS_ALL;
    else if (end == text || *end || number < 0 || number > 1000000)
        return error_usage(err, "--shots %s: a number or all is needed", text);
    else
        *num_shots = number == 0 ? SHOTS_NONE : (int)number;
    return 0;
}

/* Other folders that are easily taken for the output of a run. */
static int refuse_folder(const char *folder, Arena *arena, Error *err) {
    const char *state = path_join(arena, folder, "state_before.safetensors");
    const char *clip = path_join(arena, folder, "open_clip_model.safetensors");
    if (arena_failed(arena))
        return error_memory(err);
    if (file_exists(clip) || file_exists(state))
        return error_set(err,
                         "%s: the folder of a pretraining, which has learned a checkpoint and no classifier: "
                         "`coop zeroshot --model` takes it",
                         folder);
    return error_set(err, "%s: not the output of a run: no results.jsonl in it", folder);
}

static const char *find_best(const char *folder, const LearnedWish *given, bool quiet, Arena *arena,
                             Error *err) {
    ClassifierWish wish = {.dataset = given->dataset, .method = given->method, .seed = given->seed};
    ResultList results;
    BestClassifier best;
    const char *file = path_join(arena, folder, "results.jsonl");
    if (!file) {
        error_memory(err);
        return NULL;
    }
    if (read_shots(&wish.num_shots, given->shots, err) < 0 ||
        (!file_exists(file) && refuse_folder(folder, arena, err) < 0) ||
        results_read(&results, folder, arena, err) < 0)
        return NULL;
    for (int i = 0; i < results.n_faults; i++)
        print_line(stderr, "note: %s; it does not count", results.faults[i]);
    if (best_classifier(&best, &results, folder, &wish, arena, err) < 0)
        return NULL;
    if (!file_exists(best.path)) {
        error_set(err, "%s: missing, but it is what %s has learned (%s)", best.path, best.name, best.why);
        return NULL;
    }
    if (!quiet)
        print_line(stderr, "%s: %s, %s", best.path, best.name, best.why);
    return best.path;
}

const char *find_learned(const char *learned, const LearnedWish *wish, bool quiet, Arena *arena, Error *err) {
    if (folder_exists(learned))
        return find_best(learned, wish, quiet, arena, err);
    if (!wish->method && !wish->shots && !wish->dataset && wish->seed < 0)
        return learned;
    error_usage(err, "--method, --shots, --seed and --dataset choose below the output of a run; %s is a file",
                learned);
    return NULL;
}
