/* service.h: what is served: an index with the towers that made it, and perhaps a classifier.
 *
 * All that computes with a model is called by one thread at a time; the rest only reads.
 */
#ifndef EXPERIMENTS_SERVE_SERVICE_H
#define EXPERIMENTS_SERVE_SERVICE_H

#include "coop/coop.h"
#include "experiments/find/index_about.h"
#include "experiments/serve/answer.h"
#include "experiments/terminal/options.h"

/* All is borrowed. */
typedef struct {
    const char *index;
    const char *weights, *vocab; /* NULL: as the index says */
    const char *classifier;      /* a learned file, or NULL */
    OptionTexts templates;       /* none: "{}" */
    int threads;
    bool quiet;
} ServiceWish;

typedef struct {
    const ServiceWish *wish;
    PhotoIndex *index;
    IndexAbout about;
    LoadedModel own;             /* the index's */
    LoadedModel *model;          /* own: the text tower, and the pool for searches */
    LoadedModel *images;         /* with the image tower: own, or the classifier's */
    coop_classifier *classifier; /* or NULL */
    bool labels_rows;            /* it takes the features of the index; else the photos are encoded for it */
    Arena *arena;
} Service;

/* Fails where the classifier is of another checkpoint than the index. Caller closes, also after a failure. */
int service_open(Service *service, const ServiceWish *wish, Error *err);
void service_close(Service *service);

/* An entry that lives; else 404. */
int service_entry(const Service *service, Request *request, uint64_t number, IndexEntry *entry);

#endif
