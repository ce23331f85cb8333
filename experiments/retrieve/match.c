/* match.c: see match.h */
#include "experiments/retrieve/match.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "datasets/captions/match_set.h"
#include "experiments/config/names.h"
#include "experiments/ranking/matching.h"
#include "experiments/retrieve/boxes.h"

#include <math.h>
#include <string.h>

typedef struct {
    const MatchOptions *options;
    MatchSet *sets;        /* (n_files) */
    const char **datasets; /* (n_files) their names */
    ScoreList *lists;      /* (n_files, checkpoints) */
    Arena *arena;
} Run;

static int digest_set(char digest[65], const MatchSet *set, bool upright, Error *err) {
    Buffer out = {0};
    for (int i = 0; i < set->images.n; i++)
        buffer_printf(&out, "image %s %d %d %d %d\n", set->images.items[i].path, set->boxes[i].x,
                      set->boxes[i].y, set->boxes[i].width, set->boxes[i].height);
    for (int i = 0; i < set->n; i++)
        for (int t = set->firsts[i]; t < set->firsts[i + 1]; t++)
            buffer_printf(&out, "%s %s\n", t == set->firsts[i] ? "text" : "or", set->texts[t]);
    for (int i = 0; i < set->n_labels; i++)
        buffer_printf(&out, "tag %d %s\n", set->labels[i].item, set->tags[set->labels[i].tag].name);
    buffer_printf(&out, "exif %d\n", upright);
    const char *text = buffer_text(&out);
    if (text)
        digest_bytes(digest, text, out.size);
    buffer_free(&out);
    return text ? 0 : error_memory(err);
}

/* --- counting --- */

typedef struct {
    int n, text, image, group;
} Counts;

static void count(Counts *counts, Verdict verdict) {
    counts->n++;
    counts->text += verdict.text;
    counts->image += verdict.image;
    counts->group += verdict.text && verdict.image;
}

/* "text", or of a tag "Object text"; false when memory is out. */
static bool put_scores(ScoreList *list, const Counts *counts, const char *tag, bool pairs, bool is_detail,
                       Arena *arena) {
    const int right[] = {counts->text, counts->image, counts->group};
    static const char *const names[] = {"text", "image", "group"};
    for (int i = 0; i < (pairs ? 3 : 1); i++) {
        const char *label = tag ? arena_printf(arena, "%s %s", tag, names[i]) : names[i];
        Measure *measure = label ? score_at(list, label, arena) : NULL;
        if (!measure)
            return false;
        measure->n = counts->n;
        measure->percent = 100.0 * right[i] / counts->n;
        measure->is_detail = is_detail;
    }
    return true;
}

/* The mean of the tags' accuracies, as ARO's evaluation has it. */
static bool put_macro(ScoreList *list, const MatchSet *set, const Counts *tags, Arena *arena) {
    double sum = 0;
    int n = 0, n_tags = 0;
    for (int t = 0; t < set->n_tags; t++)
        if (set->tags[t].in_macro && tags[t].n >= set->macro_least) {
            sum += 100.0 * tags[t].text / tags[t].n;
            n += tags[t].n;
            n_tags++;
        }
    Measure *measure = score_at(list, "macro", arena);
    if (measure) {
        measure->n = n;
        measure->percent = n_tags > 0 ? sum / n_tags : NAN;
    }
    return measure;
}

static int add_up(ScoreList *list, const MatchSet *set, const Verdict *verdicts, Arena *arena, Error *err) {
    Counts all = {0}, *tags = ARENA_NEW(arena, Counts, set->n_tags);
    if (!tags)
        return error_memory(err);
    for (int i = 0; i < set->n; i++)
        count(&all, verdicts[i]);
    for (int i = 0; i < set->n_labels; i++)
        count(&tags[set->labels[i].tag], verdicts[set->labels[i].item]);
    bool done = put_scores(list, &all, NULL, set->pairs, false, arena);
    if (done && set->macro_least > 0 && set->n_tags > 0)
        done = put_macro(list, set, tags, arena);
    for (int t = 0; t < set->n_tags && done; t++)
        done = put_scores(list, &tags[t], set->tags[t].name, set->pairs, set->macro_least > 0, arena);
    return done ? 0 : error_memory(err);
}

/* --- one checkpoint --- */

static int judge(Verdict *verdicts, const MatchSet *set, LoadedModel *model, const MatchOptions *options,
                 Arena *arena, Error *err) {
    const int E = model->clip->embed_dim, n_texts = set->firsts[set->n];
    const ImageFolder folder = {.root = options->images,
                                .cache = options->output ? path_join(arena, options->output, "cache") : NULL,
                                .upright = options->upright,
                                .quiet = options->quiet};
    float *images = arena_floats(arena, (size_t)set->images.n, (size_t)E);
    float *texts = arena_floats(arena, (size_t)n_texts, (size_t)E);
    TextCuts cuts;
    if (arena_failed(arena))
        return error_memory(err);
    const int status = set->boxed ? evaluation_boxes(images, model, &folder, &set->images, set->boxes, err)
                                  : encode_folder(images, model, &folder, &set->images, err);
    if (status < 0 || encode_captions(texts, &cuts, model, set->texts, n_texts, options->quiet, err) < 0)
        return -1;
    tell_cuts(&cuts, model, set->texts, options->quiet);
    const MatchCases cases = {images, texts, set->firsts, set->n, E, set->pairs, set->first_won};
    return matches_judge(verdicts, &cases, err);
}

static int keep(const Run *run, int file, const ScoreList *list, LoadedModel *model, Error *err) {
    const MatchOptions *options = run->options;
    Subject subject = {.method = "match", .dataset = run->datasets[file]};
    return digest_set(subject.digest, &run->sets[file], options->upright, err) < 0
               ? -1
               : outcome_write(options->output, &subject, model, list->measures, list->n, err);
}

static int use_model(void *context, LoadedModel *model, int index, Error *err) {
    const Run *run = context;
    const MatchOptions *options = run->options;
    for (int i = 0; i < options->n_files; i++) {
        ScoreList *list = &run->lists[i * options->checkpoints.weights.n + index];
        list->dataset = run->datasets[i];
        Arena *arena = arena_create();
        Verdict *verdicts = ARENA_NEW(arena, Verdict, run->sets[i].n);
        int status =
            verdicts ? judge(verdicts, &run->sets[i], model, options, arena, err) : error_memory(err);
        if (status == 0)
            status = add_up(list, &run->sets[i], verdicts, run->arena, err);
        arena_free(arena);
        if (status < 0 || (options->output && keep(run, i, list, model, err) < 0))
            return -1;
    }
    return 0;
}

static int read_files(Run *run, Error *err) {
    const MatchOptions *options = run->options;
    if (!folder_exists(options->images))
        return error_set(err, "%s: no such folder (--images)", options->images);
    for (int i = 0; i < options->n_files; i++) {
        run->datasets[i] = path_stem(options->files[i], run->arena);
        if (!run->datasets[i])
            return error_memory(err);
        for (int j = 0; j < i; j++)
            if (strcmp(run->datasets[i], run->datasets[j]) == 0)
                return error_usage(err, "%s, %s: results go by the name of the file: another is needed",
                                   options->files[j], options->files[i]);
        if (match_set_read(&run->sets[i], options->files[i], options->tags, run->arena, err) < 0)
            return -1;
    }
    return 0;
}

int match_run(ScoreList **lists, const char ***models, const MatchOptions *options, Arena *arena,
              Error *err) {
    const int n_models = options->checkpoints.weights.n;
    Run run = {.options = options,
               .sets = ARENA_NEW(arena, MatchSet, options->n_files),
               .datasets = ARENA_NEW(arena, const char *, options->n_files),
               .lists = ARENA_NEW(arena, ScoreList, options->n_files * n_models),
               .arena = arena};
    *models = ARENA_NEW(arena, const char *, n_models);
    *lists = run.lists;
    if (arena_failed(arena))
        return error_memory(err);
    return read_files(&run, err) < 0 || outcome_check(options->output, err) < 0
               ? -1
               : checkpoints_each(*models, &options->checkpoints, options->n_threads, options->quiet,
                                  use_model, &run, arena, err);
}
