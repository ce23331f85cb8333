/* routes.c: see routes.h */
#include "experiments/serve/routes.h"

#include "experiments/labels/library_call.h"
#include "experiments/serve/label_answer.h"
#include "experiments/serve/photo_answers.h"
#include "experiments/serve/search_answer.h"

#include <string.h>

static void answer_about(const Service *service, Request *request, uint64_t row) {
    const ClassifierInfo *info = service->classifier ? library_info(service->classifier) : NULL;
    (void)row;
    if (request_check_names(request, " ") < 0)
        return;
    json_begin();
    json_t *classifier =
        info ? json_pack("{s:s*, s:i}", "method", info->method, "classes", info->n_classes) : json_null();
    answer_json(request, json_pack("{s:I, s:s, s:o}", "photos",
                                   (json_int_t)(service->index->n - service->index->n_dead), "model",
                                   service->about.name, "classifier", classifier));
}

static const struct {
    const char *path; /* with a '/' at its end: a row follows */
    Route route;
} routes[] = {
    {"/", {.is_page = true}},
    {"/api/about", {.answer = answer_about}},
    {"/api/search", {.kind = ROUTE_MODEL, .posts = true, .answer = answer_search}},
    {"/api/labels/", {.kind = ROUTE_MODEL, .answer = answer_labels}},
    {"/api/thumbnail/", {.kind = ROUTE_PICTURES, .answer = answer_thumbnail}},
    {"/api/photo/", {.kind = ROUTE_PICTURES, .answer = answer_photo}},
};

bool route_find(Route *route, const char *path) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *prefix = routes[i].path;
        const size_t n = strlen(prefix);
        const bool has_row = n > 1 && prefix[n - 1] == '/';
        *route = routes[i].route;
        if (has_row ? strncmp(path, prefix, n) == 0 && target_number(&route->row, path + n, UINT64_MAX) == 0
                    : strcmp(path, prefix) == 0)
            return true;
    }
    return false;
}
