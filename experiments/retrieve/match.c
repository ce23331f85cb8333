/* match.c: see match.h */
#include "experiments/retrieve/match.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "experiments/config/names.h"
#include "experiments/retrieve/boxes.h"
#include "experiments/retrieve/outcome.h"

#include <math.h>

static int digest_set(char digest[65], const MatchSet *set, bool upright, Error *err) {
    Buffer out = {0};
    for (int i = 0; i < set->images.n; i++)
        buffer_printf(&out, "image %s %d %d %d %d\n", set->images.items[i].path, set->boxes[i].x,
                      set->boxes[i].y, set->boxes[i].width, set->boxes[i].height);
    for (int i = 0; i < 2 * set->n; i++)
        buffer_printf(&out, "text %s\n", set->texts[i]);
    buffer_printf(&out, "exif %d\n", upright);
    const char *text = buffer_text(&out);
    if (text)
        digest_bytes(digest, text, out.size);
    buffer_free(&out);
    return text ? 0 : error_memory(err);
}

static int keep(const Matched *found, const MatchSet *set, LoadedModel *model, const MatchOptions *options,
                Error *err) {
    const Matches *m = &found->matches;
    const struct {
        const char *label;
        int n;
    } rows[] = {{"text", m->text}, {"image", m->image}, {"group", m->group}};
    Subject subject = {.method = "match", .dataset = found->name};
    Measure measures[3];
    const int n = found->pairs ? 3 : 1;
    for (int i = 0; i < n; i++)
        measures[i] = (Measure){rows[i].label, 100.0 * rows[i].n / m->n, m->n, NAN, NAN};
    if (digest_set(subject.digest, set, options->upright, err) < 0)
        return -1;
    return outcome_write(options->output, &subject, model, measures, n, err);
}

static int count(Matched *out, const MatchSet *set, LoadedModel *model, const MatchOptions *options,
                 Arena *arena, Error *err) {
    const int E = model->clip->embed_dim;
    const ImageFolder folder = {
        .root = options->images, .upright = options->upright, .quiet = options->quiet};
    float *images = arena_floats(arena, (size_t)set->images.n, (size_t)E);
    float *texts = arena_floats(arena, 2 * (size_t)set->n, (size_t)E);
    TextCuts cuts;
    if (arena_failed(arena))
        return error_memory(err);
    const int status = set->boxed ? evaluation_boxes(images, model, &folder, &set->images, set->boxes, err)
                                  : encode_folder(images, model, &folder, &set->images, err);
    if (status < 0 || encode_captions(texts, &cuts, model, set->texts, 2 * set->n, options->quiet, err) < 0)
        return -1;
    tell_cuts(&cuts, model, set->texts, options->quiet);
    return matches_count(&out->matches, images, texts, set->n, E, set->pairs, err);
}

int match_run(Matched *out, LoadedModel *model, const char *path, const MatchOptions *options, Arena *arena,
              Error *err) {
    MatchSet set;
    *out = (Matched){.name = path_stem(path, arena)};
    if (!out->name)
        return error_memory(err);
    if (match_set_read(&set, path, arena, err) < 0)
        return -1;
    out->pairs = set.pairs;
    if (count(out, &set, model, options, arena, err) < 0)
        return -1;
    return options->output ? keep(out, &set, model, options, err) : 0;
}
