/* retrieve_print.c: what `coop retrieve` prints (retrieve.h). */
#include "experiments/retrieve/retrieve.h"

#include "clip/base/json.h"
#include "experiments/terminal/printable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uniwidth.h>

enum { LEAST_LABEL = 16 };

static int width_of(const char *text) {
    return u8_strwidth((const uint8_t *)text, "UTF-8");
}

static void print_direction(const Retrieved *found, bool to_image, int width, bool published, Arena *arena) {
    const Recall *recall = to_image ? &found->to_image : &found->to_text;
    const char *label = printable(found->model, arena);
    printf("%s%*s  %s", label, width - width_of(label), "", to_image ? "text to image" : "image to text");
    for (int k = 0; k < N_RECALLS; k++)
        printf("  %5.1f", 100 * recall->recall[k]);
    if (isfinite(recall->mean_rank))
        printf("  %9.1f  %6.0f", recall->mean_rank, recall->median_rank);
    else
        printf("  %9s  %6s", "-", "-");
    for (int k = 0; k < N_RECALLS && published; k++)
        if (found->published)
            printf("  %5.1f", (to_image ? found->published->image : found->published->text)[k]);
        else
            printf("  %5s", "-");
    printf("\n");
}

static void print_table(const Retrieval *retrieval, Arena *arena) {
    int width = LEAST_LABEL;
    bool published = false;
    for (int i = 0; i < retrieval->n_models; i++) {
        const int own = width_of(printable(retrieval->models[i].model, arena));
        width = own > width ? own : width;
        published |= retrieval->models[i].published != NULL;
    }
    print_line(stdout, "%s, %d images, %d captions: recall in %%", retrieval->dataset, retrieval->n_images,
               retrieval->n_captions);
    printf("\n%-*s  %-13s  %5s  %5s  %5s  %9s  %6s%s\n", width, "model", "direction", "R@1", "R@5", "R@10",
           "mean rank", "median", published ? "  published" : "");
    for (int i = width + 52 + (published ? 21 : 0); i > 0; i--)
        putchar('-');
    putchar('\n');
    for (int i = 0; i < retrieval->n_models; i++)
        for (int to_image = 0; to_image < 2; to_image++)
            print_direction(&retrieval->models[i], to_image, width, published, arena);
    if (published)
        printf("\npublished R@1, R@5 and R@10: %s\n", PUBLISHED_SOURCE);
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *recall_json(const Recall *recall, const double *published) {
    json_t *json = json_object();
    char name[24];
    for (int k = 0; k < N_RECALLS; k++) {
        snprintf(name, sizeof name, "R@%d", RECALL_AT[k]);
        json_object_set_new(json, name, number(100 * recall->recall[k]));
    }
    json_object_set_new(json, "mean_rank", number(recall->mean_rank));
    json_object_set_new(json, "median_rank", number(recall->median_rank));
    json_object_set_new(json, "queries", json_integer(recall->n));
    json_object_set_new(json, "tied", json_integer(recall->n_tied));
    for (int k = 0; k < N_RECALLS && published; k++) {
        snprintf(name, sizeof name, "published_R@%d", RECALL_AT[k]);
        json_object_set_new(json, name, number(published[k]));
    }
    return json;
}

static int print_json(const Retrieval *retrieval, const Retrieved *found, Error *err) {
    const PublishedRecall *published = found->published;
    json_begin();
    json_t *json = json_object();
    json_object_set_new(json, "model", json_string(found->model));
    json_object_set_new(json, "dataset", json_string(retrieval->dataset));
    json_object_set_new(json, "images", json_integer(retrieval->n_images));
    json_object_set_new(json, "captions", json_integer(retrieval->n_captions));
    json_object_set_new(json, "image_to_text",
                        recall_json(&found->to_text, published ? published->text : NULL));
    json_object_set_new(json, "text_to_image",
                        recall_json(&found->to_image, published ? published->image : NULL));
    return print_json_value(stdout, json, err);
}

int retrieve_print(const Retrieval *retrieval, bool json, Arena *arena, Error *err) {
    if (!json) {
        print_table(retrieval, arena);
        return 0;
    }
    for (int i = 0; i < retrieval->n_models; i++)
        if (print_json(retrieval, &retrieval->models[i], err) < 0)
            return -1;
    return 0;
}
