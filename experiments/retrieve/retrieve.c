/* retrieve.c: see retrieve.h */
#include "experiments/retrieve/retrieve.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "datasets/captions/caption_set.h"
#include "experiments/config/names.h"
#include "experiments/retrieve/encoding.h"
#include "experiments/retrieve/outcome.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <string.h>

typedef struct {
    const RetrieveConfig *config;
    CaptionSet set;
    const char **texts; /* (set.n_captions) in their template */
    Subject subject;
    bool quiet;
    Arena *arena;
} Evaluation;

typedef struct {
    const Evaluation *all;
    Retrieval *retrieval;
} Run;

/* --- what is asked --- */

static int fill_templates(Evaluation *all, Error *err) {
    const CaptionSet *set = &all->set;
    const char *template = all->config->template, *gap = strstr(template, "{}");
    all->texts = ARENA_NEW(all->arena, const char *, set->n_captions);
    for (int i = 0; all->texts && i < set->n_captions; i++)
        all->texts[i] = strcmp(template, "{}") == 0
                            ? set->captions[i]
                            : arena_printf(all->arena, "%.*s%s%s", (int)(gap - template), template,
                                           set->captions[i], gap + 2);
    return arena_failed(all->arena) ? error_memory(err) : 0;
}

/* Names the lists and the texts, which the numbers depend on. */
static int digest_set(Evaluation *all, Error *err) {
    const CaptionSet *set = &all->set;
    Buffer out = {0};
    for (int i = 0; i < set->images.n; i++)
        buffer_printf(&out, "image %s\n", set->images.items[i].path);
    for (int i = 0; i < set->n_captions; i++)
        buffer_printf(&out, "%d %s\n", set->image_of[i], all->texts[i]);
    buffer_printf(&out, "exif %d\n", all->config->data.exif);
    const char *text = buffer_text(&out);
    if (text)
        digest_bytes(all->subject.digest, text, out.size);
    buffer_free(&out);
    return text ? 0 : error_memory(err);
}

static int open_set(Evaluation *all, Error *err) {
    const RetrieveConfig *config = all->config;
    CaptionSet *set = &all->set;
    if (caption_set_read(set, config->data.captions, config->data.split, all->arena, err) < 0)
        return -1;
    if (!folder_exists(config->data.images))
        return error_set(err, "%s: data.images: %s: no such folder", config->path, config->data.images);
    const char *name = config->data.name ? config->data.name : set->dataset;
    all->subject = (Subject){.method = "retrieve",
                             .dataset = name ? name : path_stem(config->data.captions, all->arena)};
    if (!all->subject.dataset)
        return error_memory(err);
    if (set->n_without > 0 && !all->quiet)
        print_line(stderr, "note: %s: %d image%s no caption: never found, but in the way of others",
                   set->source, set->n_without, set->n_without == 1 ? " has" : "s have");
    return fill_templates(all, err) < 0 ? -1 : digest_set(all, err);
}

/* --- one checkpoint --- */

static int measure(Retrieved *out, const Evaluation *all, const LoadedModel *model, const float *images,
                   const float *texts, Error *err) {
    const CaptionSet *set = &all->set;
    int *self = ARENA_NEW(all->arena, int, set->images.n);
    if (!self)
        return error_memory(err);
    for (int i = 0; i < set->images.n; i++)
        self[i] = i;
    const int E = model->clip->embed_dim;
    const Ranking to_text = {images, texts, self, set->image_of, set->images.n, set->n_captions, E};
    const Ranking to_image = {texts, images, set->image_of, self, set->n_captions, set->images.n, E};
    return recall_measure(&out->to_text, &to_text, model->pool, err) < 0
               ? -1
               : recall_measure(&out->to_image, &to_image, model->pool, err);
}

static int evaluate(Retrieved *out, const Evaluation *all, const LoadedModel *model, Arena *arena,
                    Error *err) {
    const CaptionSet *set = &all->set;
    const size_t E = (size_t)model->clip->embed_dim;
    const ImageFolder folder = {.root = all->config->data.images,
                                .cache = all->config->cache,
                                .upright = all->config->data.exif == EXIF_ROTATE,
                                .quiet = all->quiet};
    float *images = arena_floats(arena, (size_t)set->images.n, E);
    float *texts = arena_floats(arena, (size_t)set->n_captions, E);
    TextCuts cuts;
    if (arena_failed(arena))
        return error_memory(err);
    if (encode_folder(images, model, &folder, &set->images, err) < 0 ||
        encode_captions(texts, &cuts, model, all->texts, set->n_captions, all->quiet, err) < 0)
        return -1;
    tell_cuts(&cuts, model, all->texts, all->quiet);
    return measure(out, all, model, images, texts, err);
}

static void tell_ties(const Recall *recall, const char *model, const char *direction, bool quiet) {
    if (recall->n_tied > 0 && !quiet)
        print_line(stderr,
                   "note: %s, %s: the best answer of %d of %d queries scores exactly what a wrong one does; "
                   "recall counts what PyTorch's topk takes of them, ranks the first in the list",
                   model, direction, recall->n_tied, recall->n);
}

static int keep(const Evaluation *all, const Retrieved *found, LoadedModel *model, Error *err) {
    Measure measures[2 * N_RECALLS];
    int n = 0;
    for (int direction = 0; direction < 2; direction++) {
        const Recall *recall = direction ? &found->to_image : &found->to_text;
        for (int k = 0; k < N_RECALLS; k++, n++)
            measures[n] =
                (Measure){.label = arena_printf(all->arena, "%s R@%d",
                                                direction ? "text to image" : "image to text", RECALL_AT[k]),
                          .percent = 100 * recall->recall[k],
                          .n = recall->n,
                          .mean_rank = recall->mean_rank,
                          .median_rank = recall->median_rank};
    }
    return arena_failed(all->arena)
               ? error_memory(err)
               : outcome_write(all->config->output, &all->subject, model, measures, n, err);
}

/* Only where the texts are the captions as they stand there. */
static const PublishedRecall *published_of(const Evaluation *all, const char *digest) {
    return strcmp(all->config->template, "{}") == 0
               ? published_recall(all->subject.dataset, all->set.images.n, all->set.n_captions, digest)
               : NULL;
}

static int use_model(void *context, LoadedModel *model, int index, Error *err) {
    Run *run = context;
    const Evaluation *all = run->all;
    Retrieved *out = &run->retrieval->models[index];
    Arena *arena = arena_create();
    out->published = published_of(all, clip_digest(model->clip));
    const int status = arena ? evaluate(out, all, model, arena, err) : error_memory(err);
    arena_free(arena);
    if (status < 0)
        return -1;
    tell_ties(&out->to_text, model->name, "image to text", all->quiet);
    tell_ties(&out->to_image, model->name, "text to image", all->quiet);
    return keep(all, out, model, err);
}

int retrieve_run(Retrieval *retrieval, const RetrieveConfig *config, int n_threads, bool quiet, Arena *arena,
                 Error *err) {
    Evaluation all = {.config = config, .quiet = quiet, .arena = arena};
    Run run = {&all, retrieval};
    if (open_set(&all, err) < 0 || outcome_check(config->output, err) < 0)
        return -1;
    const int n = config->model.weights.n;
    *retrieval = (Retrieval){.dataset = all.subject.dataset,
                             .n_images = all.set.images.n,
                             .n_captions = all.set.n_captions,
                             .models = ARENA_NEW(arena, Retrieved, n),
                             .n_models = n};
    const char **names = ARENA_NEW(arena, const char *, n);
    if (arena_failed(arena))
        return error_memory(err);
    if (checkpoints_each(names, &config->model, n_threads, quiet, use_model, &run, arena, err) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        retrieval->models[i].model = names[i];
    return 0;
}
