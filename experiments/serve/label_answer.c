/* label_answer.c: see label_answer.h */
#include "experiments/serve/label_answer.h"

#include "coop/labels.h"
#include "experiments/labels/library_call.h"
#include "experiments/serve/photo_answers.h"

#include <string.h>

enum { TOP = 3, MOST = 100 };

/* labels (K), the best first; `top` of them at least. */
static int label_row(const Service *service, Request *request, uint64_t row, coop_label *labels) {
    const int K = coop_classifier_classes(service->classifier);
    Arena *arena = request->arena;
    float *feature = arena_floats(arena, 1, (size_t)service->index->E),
          *logits = arena_floats(arena, 1, (size_t)K);
    Label *ranked = ARENA_NEW(arena, Label, K);
    IndexEntry entry;
    Error err = {0};
    coop_error error;
    if (service_entry(service, request, row, &entry) < 0)
        return -1;
    if (arena_failed(arena) && error_memory(&err) < 0)
        return answer_fail(request, 503, &err);
    if (photo_index_feature(service->index, row, feature, &err) < 0)
        return answer_fail(request, 500, &err);
    if (coop_logits(service->classifier, logits, feature, 1, &error) != COOP_OK) {
        library_fail(&err, &error);
        return answer_fail(request, 500, &err);
    }
    labels_rank(ranked, logits, K);
    for (int k = 0; k < K; k++)
        labels[k] = (coop_label){.index = ranked[k].label, .probability = ranked[k].probability};
    return 0;
}

static int label_photo(const Service *service, Request *request, uint64_t row, coop_label *labels, int top) {
    IndexEntry entry;
    Error err = {0};
    coop_error error;
    size_t size;
    const unsigned char *bytes = request_photo(service, request, row, &entry, &size);
    if (!bytes)
        return -1;
    const coop_image image = coop_image_bytes(bytes, size);
    if (coop_classify(service->classifier, &image, 1, labels, top, NULL, &error) == COOP_OK)
        return 0;
    library_fail(&err, &error);
    return answer_fail(request, 500, &err);
}

void answer_labels(const Service *service, Request *request, uint64_t row) {
    int top = TOP;
    if (!service->classifier) {
        answer_refuse(request, 404, "there is no classifier: coop serve --classifier takes one");
        return;
    }
    if (request_check_names(request, " top ") < 0 || request_number(request, &top, "top", 1, MOST) < 0)
        return;
    const int K = coop_classifier_classes(service->classifier);
    coop_label *labels = ARENA_NEW(request->arena, coop_label, K);
    Error err = {0};
    top = top < K ? top : K;
    if (!labels && error_memory(&err) < 0)
        answer_fail(request, 503, &err);
    else if ((service->labels_rows ? label_row(service, request, row, labels)
                                   : label_photo(service, request, row, labels, top)) == 0) {
        json_begin();
        json_t *list = json_array();
        for (int i = 0; i < top; i++)
            json_array_append_new(list, json_pack("{s:s, s:f}", "name",
                                                  coop_classifier_name(service->classifier, labels[i].index),
                                                  "probability", labels[i].probability));
        answer_json(request, json_pack("{s:I, s:o}", "row", (json_int_t)row, "labels", list));
    }
}
