/* retrieve.h: texts find images and images find texts, with one checkpoint or several side by side. */
#ifndef EXPERIMENTS_RETRIEVE_RETRIEVE_H
#define EXPERIMENTS_RETRIEVE_RETRIEVE_H

#include "clip/base/error.h"
#include "experiments/ranking/recall.h"
#include "experiments/retrieve/published_recall.h"
#include "experiments/retrieve/retrieve_config.h"

/* What came of one checkpoint. */
typedef struct {
    const char *model; /* of tables: "ViT-B/32", and its file where several have one name */
    Recall to_text, to_image;
    const PublishedRecall *published; /* NULL: none */
} Retrieved;

typedef struct {
    const char *dataset;
    int n_images, n_captions;
    Retrieved *models; /* (n_models) */
    int n_models;
} Retrieval;

/* Evaluates every checkpoint and leaves its results in the output folder. Each of them is opened, used and
 * closed before the next. All is owned by the arena. */
int retrieve_run(Retrieval *retrieval, const RetrieveConfig *config, int n_threads, bool quiet, Arena *arena,
                 Error *err);

/* A table, or with json an object per checkpoint, on stdout. */
int retrieve_print(const Retrieval *retrieval, bool json, Arena *arena, Error *err);

#endif
