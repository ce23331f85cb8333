/* service.c: see service.h */
#include "experiments/serve/service.h"

#include "experiments/labels/library_call.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int open_index(Service *s, Error *err) {
    const char *path = s->wish->index;
    s->index = photo_index_open(path, err);
    if (!s->index)
        return -1;
    if (s->index->n == s->index->n_dead)
        return error_set(err, "%s: there is no photo in it", path);
    if (s->index->tail > 0 && !s->wish->quiet)
        print_line(stderr, "note: %s: %" PRIu64 " bytes at its end are of an update that is not finished",
                   path, s->index->tail);
    return index_about_read(&s->about, s->index, s->arena, err);
}

/* What it learned as other images does not stop it, but is said. */
static void note_exif(const Service *s) {
    const ClassifierInfo *info = library_info(s->classifier);
    if (info->exif_rotate != s->about.upright && !s->wish->quiet)
        print_line(stderr, "note: %s was learned with images %s by EXIF, the features of %s are of images %s",
                   s->wish->classifier, info->exif_rotate ? "turned" : "not turned", s->wish->index,
                   s->about.upright ? "that were" : "that were not");
}

static int open_classifier(Service *s, Error *err) {
    const ServiceWish *wish = s->wish;
    coop_options options;
    coop_error error;
    coop_options_init(&options, sizeof options);
    options.threads = wish->threads;
    options.checkpoint = wish->weights;
    options.vocabulary = wish->vocab;
    options.stop = library_stop;
    options.exif = s->about.upright ? COOP_EXIF_ROTATE : COOP_EXIF_IGNORE;
    options.precision = s->about.precision == PRECISION_BFLOAT16 ? COOP_BFLOAT16 : COOP_FLOAT32;
    if (coop_classifier_open(&s->classifier, wish->classifier, &options, &error) != COOP_OK)
        return library_fail(err, &error);
    LoadedModel *model = library_model(s->classifier);
    const char *digest = loaded_model_tower_digest(model);
    if (strcmp(digest, s->about.digest) != 0)
        return error_set(
            err, "%s: learned with another checkpoint (%s, %.12s...) than %s was made with (%s, %.12s...)",
            wish->classifier, model->name, digest, wish->index, s->about.name, s->about.digest);
    s->labels_rows = classifier_takes_unit(s->classifier->classifier);
    if (!model->encode) /* else its image tower is another */
        s->images = model;
    note_exif(s);
    return 0;
}

int service_open(Service *service, const ServiceWish *wish, Error *err) {
    *service = (Service){.wish = wish, .arena = arena_create()};
    service->model = service->images = &service->own;
    int result = service->arena ? open_index(service, err) : error_memory(err);
    if (result == 0 && wish->classifier)
        result = open_classifier(service, err);
    const ClipTowers towers = CLIP_TEXT | (service->images == service->model ? CLIP_IMAGE : 0);
    if (result == 0)
        result = index_about_open(service->model, service->index, wish->weights, wish->vocab, towers,
                                  wish->threads, err);
    return result;
}

void service_close(Service *service) {
    coop_classifier_close(service->classifier);
    loaded_model_close(&service->own);
    photo_index_close(service->index);
    arena_free(service->arena);
    *service = (Service){0};
}

int service_entry(const Service *service, Request *request, uint64_t number, IndexEntry *entry) {
    Error err = {0};
    if (number >= service->index->n || photo_index_is_dead(service->index, number))
        return answer_refuse(request, 404, "there is no photo %" PRIu64, number);
    return photo_index_entry(service->index, number, entry, &err) < 0 ? answer_fail(request, 500, &err) : 0;
}
