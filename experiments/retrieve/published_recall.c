/* published_recall.c: see published_recall.h */
#include "experiments/retrieve/published_recall.h"

#include "clip/named/named.h"

#include <stddef.h>
#include <string.h>

static const PublishedRecall published[] = {
    {"flickr30k", 1000, "RN50", 80.0, 57.4},     {"flickr30k", 1000, "ViT-B/32", 78.9, 58.8},
    {"flickr30k", 1000, "ViT-B/16", 82.2, 62.2}, {"coco", 5000, "RN50", 48.8, 28.5},
    {"coco", 5000, "ViT-B/32", 50.1, 30.4},      {"coco", 5000, "ViT-B/16", 52.4, 33.1},
};

const PublishedRecall *published_recall(const char *dataset, int n_images, const char *digest) {
    const char *model = named_of_digest(digest);
    for (size_t i = 0; model && i < sizeof published / sizeof *published; i++)
        if (strcmp(published[i].dataset, dataset) == 0 && published[i].n_images == n_images &&
            strcmp(published[i].model, model) == 0)
            return &published[i];
    return NULL;
}
