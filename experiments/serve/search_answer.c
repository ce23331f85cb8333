/* search_answer.c: see search_answer.h */
#include "experiments/serve/search_answer.h"

#include "clip/math/ops.h"
#include "coop/library/image_input.h"
#include "datasets/images/image.h"
#include "experiments/find/photo_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 60, MOST_TOP = 1000 };
#define NO_FOLD 3.0 /* no cosine is so high */

typedef struct {
    PhotoWish wish;
    const char *texts[TARGET_WORDS], *without[TARGET_WORDS];
    float *features; /* (n, E): of the image, and of rows */
    int top;
    double fold;
} Search;

/* --- what is asked for --- */

static int read_like(const Service *service, Request *request, Search *search, const char *text) {
    const int E = service->index->E;
    IndexEntry entry;
    Error err = {0};
    uint64_t row;
    if (target_number(&row, text, UINT64_MAX) < 0)
        return answer_refuse(request, 400, "like=%s: the row of a photo is needed", text);
    if (service_entry(service, request, row, &entry) < 0)
        return -1;
    float *feature = search->features + (size_t)search->wish.n_features++ * (size_t)E;
    return photo_index_feature(service->index, row, feature, &err) < 0 ? answer_fail(request, 500, &err) : 0;
}

static int read_fold(Request *request, double *fold) {
    const char *text = request_value(request, "fold");
    char *end;
    *fold = NO_FOLD;
    if (!text)
        return 0;
    *fold = strtod(text, &end);
    return end != text && *end == '\0' && *fold > 0 && *fold <= 1
               ? 0
               : answer_refuse(request, 400, "fold=%s: a cosine above 0, at most 1, is needed", text);
}

static int read_words(const Service *service, Request *request, Search *search) {
    PhotoWish *wish = &search->wish;
    wish->texts.values = search->texts;
    wish->without.values = search->without;
    for (int i = 0; i < request->target.n; i++) {
        const char *name = request->target.words[i].name, *value = request->target.words[i].value;
        if (strcmp(name, "q") == 0 && value[strspn(value, " ")])
            search->texts[wish->texts.n++] = value;
        else if (strcmp(name, "not") == 0 && value[strspn(value, " ")])
            search->without[wish->without.n++] = value;
        else if (strcmp(name, "like") == 0 && read_like(service, request, search, value) < 0)
            return -1;
    }
    return 0;
}

/* Refused by its header before memory is taken for its pixels. */
static int read_image(const Service *service, Request *request, Search *search) {
    const FeatureSource source = loaded_model_source(service->images);
    const coop_image image = {.name = "the image", .data = request->body.bytes, .size = request->body.size};
    ImageShape shape = {.transform = source.transform, .upright = source.upright};
    const size_t S = (size_t)source.transform.size;
    float *pixels = arena_floats(request->arena, 3, S * S);
    Error err = {0};
    memcpy(shape.mean, source.mean, sizeof shape.mean);
    memcpy(shape.std, source.std, sizeof shape.std);
    if (!pixels && error_memory(&err) < 0)
        return answer_fail(request, 503, &err);
    if (image_check(image.data, image.size, image.name, request->arena, &err) < 0 ||
        image_input(pixels, &image, &shape, request->arena, &err) < 0)
        return answer_fail(request, err.kind == ERROR_INPUT ? 415 : 500, &err);
    float *feature = search->features + (size_t)search->wish.n_features++ * (size_t)source.embed_dim;
    if (source.encode(source.context, pixels, 1, feature, &err) < 0)
        return answer_fail(request, 500, &err);
    unit_rows_forward(feature, NULL, feature, 1, source.embed_dim);
    return 0;
}

static int read_search(const Service *service, Request *request, Search *search) {
    Error err = {0};
    *search = (Search){.wish = {.templates = service->wish->templates}, .top = TOP};
    search->features = arena_floats(request->arena, TARGET_WORDS + 1, (size_t)service->index->E);
    if (!search->features && error_memory(&err) < 0)
        return answer_fail(request, 503, &err);
    search->wish.features = search->features;
    if (request_check_names(request, " q not like top fold ") < 0 ||
        request_number(request, &search->top, "top", 1, MOST_TOP) < 0 ||
        read_fold(request, &search->fold) < 0 || read_words(service, request, search) < 0 ||
        (request->body.size > 0 && read_image(service, request, search) < 0))
        return -1;
    if (search->wish.texts.n + search->wish.n_features == 0)
        return answer_refuse(request, 400,
                             "what is looked for? q=TEXT, like=ROW or a POST of an image is needed");
    return 0;
}

/* --- what is found --- */

static void tell(const Service *service, Request *request, const FoundPhoto *photos, int n) {
    json_begin();
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        json_t *photo = photo_json(&photos[i], request->arena);
        json_object_set_new(photo, "row", json_integer((json_int_t)photos[i].number));
        json_array_append_new(list, photo);
    }
    answer_json(request, json_pack("{s:I, s:o}", "of",
                                   (json_int_t)(service->index->n - service->index->n_dead), "photos", list));
}

void answer_search(const Service *service, Request *request, uint64_t row) {
    (void)row;
    Search search;
    FoundPhoto *photos;
    Error err = {0};
    int n;
    if (read_search(service, request, &search) < 0)
        return;
    float *query = arena_floats(request->arena, 1, (size_t)service->index->E);
    if (!query && error_memory(&err) < 0)
        answer_fail(request, 503, &err);
    else if (photo_query(query, &search.wish, service->index, service->model, &err) < 0)
        answer_fail(request, err.kind == ERROR_INPUT ? 400 : 500, &err); /* a text that is too long */
    else if (photo_search(&photos, &n, service->index, NULL, query, search.top, search.fold,
                          service->model->pool, request->arena, &err) < 0)
        answer_fail(request, 500, &err);
    else
        tell(service, request, photos, n);
}
