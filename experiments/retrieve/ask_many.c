/* ask_many.c: see ask_many.h */
#include "experiments/retrieve/ask_many.h"

#include "clip/base/files.h"
#include "clip/base/text_map.h"
#include "experiments/config/names.h"
#include "experiments/ranking/vqa.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <string.h>

typedef struct {
    const AskOptions *options;
    AskWith with;
    Asked *asked;
    Subject subject;
    Arena *arena;
} Run;

/* --- candidates --- */

/* Where nothing else is given, what the file itself answers. */
static int collect_answers(AskWith *with, const QuestionSet *set, Arena *arena, Error *err) {
    TextMap seen = {.arena = arena};
    int n = 0, total = 0;
    for (int i = 0; i < set->n; i++)
        total += set->questions[i].n_answers;
    const char **all = ARENA_NEW(arena, const char *, total);
    for (int i = 0; all && i < set->n; i++)
        for (int a = 0; a < set->questions[i].n_answers; a++) {
            const char *answer = set->questions[i].answers[a];
            if (answer[strspn(answer, " \t\r\n")] && !text_map_find(&seen, answer) &&
                text_map_put(&seen, answer, n) == 0)
                all[n++] = answer;
        }
    with->answers = all;
    with->n_answers = n;
    if (arena_failed(arena))
        return error_memory(err);
    return n > 1 ? 0
                 : error_set(err, "%s: nothing to choose from without --answers",
                             n == 1 ? "one answer to all questions" : "no answers but empty ones");
}

static int choose_candidates(Run *run, Error *err) {
    const AskOptions *options = run->options;
    const QuestionSet *set = &run->asked->set;
    const char *file = options->questions;
    run->with = options->with;
    if (set->n_unanswered > 0 && !options->quiet)
        print_line(stderr, "note: %s: %d question%s no annotation: left out", file, set->n_unanswered,
                   set->n_unanswered == 1 ? " has" : "s have");
    if (options->with.n_answers > 0 && set->has_choices && !options->quiet)
        print_line(stderr, "note: %s: --answers are the candidates, not the file's multiple_choices", file);
    if (options->with.n_answers > 0)
        return 0;
    if (set->has_choices) {
        if (!options->quiet)
            print_line(stderr, "note: %s: no --answers: each question's multiple_choices are the candidates",
                       file);
        return 0;
    }
    if (collect_answers(&run->with, set, run->arena, err) < 0)
        return error_prefix(err, "%s", options->annotations ? options->annotations : file);
    if (!options->quiet)
        print_line(stderr, "note: %s: no --answers: the %d that the file itself has are the candidates", file,
                   run->with.n_answers);
    return 0;
}

/* --- what the numbers depend on --- */

static const char *digest_text(const Run *run, int i, Arena *arena) {
    const Question *question = &run->asked->set.questions[i];
    const char *text = arena_printf(arena, "%s\n%s", run->asked->set.images.items[i].path, question->text);
    const char *const types[] = {question->type, question->answer_type};
    for (int t = 0; t < 2 && text; t++)
        text = arena_printf(arena, "%s\ntype %s", text, types[t] ? types[t] : "");
    for (int a = 0; a < question->n_answers && text; a++)
        text = arena_printf(arena, "%s\n%s", text, question->answers[a]);
    for (int c = 0; c < question->n_choices && text && run->with.n_answers == 0; c++)
        text = arena_printf(arena, "%s\nchoice %s", text, question->choices[c]);
    return text;
}

/* A digest of digests: memory stays small. */
static int digest_all(char digest[65], const Run *run, Error *err) {
    const AskWith *with = &run->with;
    Arena *arena = arena_create();
    const char *text = arena ? "" : NULL;
    char part[65];
    for (int i = 0; text && i < with->n_templates; i++)
        text = arena_printf(arena, "%stemplate %s\n", text, with->templates[i]);
    if (text)
        text = arena_printf(arena, "%sexif %d\n", text, run->options->upright);
    if (text)
        digest_bytes(digest, text, strlen(text));
    for (int i = 0; text && i < with->n_answers + run->asked->set.n; i++) {
        const size_t mark = arena_mark(arena);
        const char *one =
            i < with->n_answers ? with->answers[i] : digest_text(run, i - with->n_answers, arena);
        text = one ? arena_printf(arena, "%s\n%s", digest, one) : NULL;
        if (text)
            digest_bytes(part, text, strlen(text));
        memcpy(digest, part, sizeof part);
        arena_reset(arena, mark);
    }
    arena_free(arena);
    return text ? 0 : error_memory(err);
}

/* --- counting --- */

static bool put(ScoreList *list, const char *label, double accuracy, Arena *arena) {
    Measure *measure = label ? score_at(list, label, arena) : NULL;
    if (!measure)
        return false;
    measure->percent += accuracy;
    measure->n++;
    return true;
}

static int count(ScoreList *list, const Run *run, const Pick *picks, Error *err) {
    const QuestionSet *set = &run->asked->set;
    Arena *arena = run->arena;
    double *accuracies = ARENA_NEW(arena, double, set->n);
    bool done = accuracies;
    for (int i = 0; i < set->n && done; i++) {
        const Question *question = &set->questions[i];
        if (vqa_accuracy(&accuracies[i], picks[i].answer, question->answers, question->n_answers, err) < 0)
            return -1;
        done = put(list, "overall", accuracies[i], arena) && put(list, "sure", picks[i].share, arena);
    }
    for (int i = 0; i < set->n && done; i++)
        if (set->questions[i].answer_type)
            done = put(list, arena_printf(arena, "answers %s", set->questions[i].answer_type), accuracies[i],
                       arena);
    for (int i = 0; i < set->n && done; i++)
        if (set->questions[i].type)
            done =
                put(list, arena_printf(arena, "questions %s", set->questions[i].type), accuracies[i], arena);
    for (int i = 0; i < list->n; i++)
        list->measures[i].percent *= 100.0 / list->measures[i].n;
    return done ? 0 : error_memory(err);
}

static int use_model(void *context, LoadedModel *model, int index, Error *err) {
    const Run *run = context;
    const AskOptions *options = run->options;
    ScoreList *list = &run->asked->lists[index];
    Pick *picks = run->asked->picks + (size_t)index * (size_t)run->asked->set.n;
    const ImageFolder folder = {.root = options->images,
                                .cache =
                                    options->output ? path_join(run->arena, options->output, "cache") : NULL,
                                .upright = options->upright,
                                .quiet = options->quiet};
    list->dataset = run->subject.dataset;
    if (ask_all(picks, model, &run->asked->set, &run->with, &folder, err) < 0 ||
        count(list, run, picks, err) < 0)
        return -1;
    return options->output
               ? outcome_write(options->output, &run->subject, model, list->measures, list->n, err)
               : 0;
}

int ask_many(Asked *asked, const AskOptions *options, Arena *arena, Error *err) {
    Run run = {.options = options,
               .asked = asked,
               .subject = {.method = "ask", .dataset = path_stem(options->questions, arena)},
               .arena = arena};
    const int n_models = options->checkpoints.weights.n;
    *asked = (Asked){.models = ARENA_NEW(arena, const char *, n_models),
                     .lists = ARENA_NEW(arena, ScoreList, n_models)};
    if (arena_failed(arena))
        return error_memory(err);
    if (!folder_exists(options->images))
        return error_set(err, "%s: no such folder (--images)", options->images);
    if (question_set_read(&asked->set, options->questions, options->annotations, arena, err) < 0 ||
        choose_candidates(&run, err) < 0 || digest_all(run.subject.digest, &run, err) < 0 ||
        outcome_check(options->output, err) < 0)
        return -1;
    asked->picks = ARENA_NEW(arena, Pick, (size_t)n_models * (size_t)asked->set.n);
    if (!asked->picks)
        return error_memory(err);
    return checkpoints_each(asked->models, &options->checkpoints, options->n_threads, options->quiet,
                            use_model, &run, arena, err);
}
