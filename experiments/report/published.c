/* published.c: see published.h */
#include "experiments/report/published.h"

#include <string.h>

static const struct {
    const char *name; /* as the catalog has it */
    int n_classes;
} datasets[] = {{"caltech101", 100},
                {"oxford_pets", 37},
                {"stanford_cars", 196},
                {"oxford_flowers", 102},
                {"food101", 101},
                {"sun397", 397},
                {"dtd", 47},
                {"eurosat", 10},
                {"fgvc_aircraft", 100},
                {"ucf101", 101},
                {"imagenet", 1000}};
enum { N_DATASETS = sizeof datasets / sizeof *datasets };

static const int shots[N_PUBLISHED_SHOTS] = {0, 1, 2, 4, 8, 16};

enum { PAPER, APE, ICLR24, LIST, KGCOOP, PROLIP, N_SOURCES };
static const char *const sources[N_SOURCES] = {
    "Zhou et al. 2022",         "APE_results.ipynb of yangyangyang127/APE",
    "logs of mrflogs/ICLR24",   "zhengli97/Awesome-Prompt-Adapter-Learning-for-VLMs",
    "readme of htyao89/KgCoOp", "Fahes et al. 2024"};

#define COOP PAPER, "CoOp M=16 end"
static const Published published[] = {
    {COOP, "caltech101", {86.29, 87.53, 0, 0, 0, 91.83}},
    {COOP, "oxford_pets", {85.77, 85.89, 0, 0, 0, 87.01}},
    {COOP, "stanford_cars", {55.61, 55.59, 0, 0, 0, 73.36}},
    {COOP, "oxford_flowers", {66.14, 68.12, 0, 0, 0, 94.51}},
    {COOP, "food101", {77.31, 74.32, 0, 0, 0, 74.67}},
    {COOP, "fgvc_aircraft", {17.28, 9.64, 0, 0, 0, 31.26}},
    {COOP, "sun397", {58.52, 60.29, 0, 0, 0, 69.26}},
    {COOP, "dtd", {42.32, 44.39, 0, 0, 0, 63.58}},
    {COOP, "eurosat", {37.56, 50.63, 0, 0, 0, 83.53}},
    {COOP, "ucf101", {61.46, 61.92, 0, 0, 0, 75.71}},
    {COOP, "imagenet", {58.18, 57.15, 0, 0, 0, 62.95}},
    {COOP, NULL, {58.77, 59.59, 0, 0, 0, 73.42}},
    /* of the numbers for each dataset, averaged */
    {APE, "CoOp", NULL, {0, 59.801, 62.215, 66.835, 70.052, 73.453}},
    {APE, "CLIP-Adapter", NULL, {0, 62.903, 65.113, 68.025, 71.523, 74.495}},
    {APE, "Tip-Adapter", NULL, {0, 62.316, 64.645, 66.505, 68.413, 70.355}},
    {APE, "Tip-Adapter-F", NULL, {0, 64.555, 66.787, 69.755, 72.593, 75.694}},
    {ICLR24, "GDA", NULL, {0, 62.193, 66.195, 69.774, 73.307, 76.050}},
};
enum { N_PUBLISHED = sizeof published / sizeof *published };

static const PublishedTransfer transfers[] = {
    {LIST, "zero-shot CLIP", 69.34, 74.22, 71.70},
    {LIST, "CoOp", 82.69, 63.22, 71.66},
    {KGCOOP, "CoOp", 82.63, 67.99, 74.60},
    {LIST, "CoCoOp", 80.47, 71.69, 75.83},
    {LIST, "KgCoOp", 80.73, 73.60, 77.00},
    {KGCOOP, "ProGrad", 82.48, 70.75, 76.16},
    {LIST, "TCP", 84.13, 75.36, 79.51},
    {LIST, "MaPLe", 82.28, 75.14, 78.55},
    {LIST, "PromptSRC", 84.26, 76.10, 79.97},
    {PROLIP, "ProLIP", 0, 0, 79.08},
    {ICLR24, "GDA", 83.96, 74.53, 78.97},
};
enum { N_TRANSFERS = sizeof transfers / sizeof *transfers };

/* --- where they may stand --- */

/* The dataset of the papers, with as many classes as this part of it has; NULL when the group is of none. */
static const char *dataset_of(const Group *group) {
    const bool is_base = strcmp(group->part, "base") == 0, is_new = strcmp(group->part, "new") == 0;
    const char *end = is_base ? "_base" : is_new ? "_new" : "";
    for (int i = 0; i < N_DATASETS && group->n_datasets == 1; i++) {
        const size_t n = strlen(datasets[i].name);
        const int all = datasets[i].n_classes;
        if (strncmp(group->dataset, datasets[i].name, n) == 0 && strcmp(group->dataset + n, end) == 0 &&
            group->scores[0].last->n_classes == (is_base  ? (all + 1) / 2
                                                 : is_new ? all / 2
                                                          : all))
            return datasets[i].name;
    }
    return NULL;
}

/* An average over all of them, and nothing else. */
static bool is_over_all(const ReportGroups *data, const Group *group) {
    int n = 0;
    for (int g = 0; g < data->n; g++)
        n += strcmp(data->groups[g].part, group->part) == 0 && dataset_of(&data->groups[g]);
    return n == N_DATASETS && group->n_datasets == N_DATASETS;
}

static bool has_backbone(const Group *group, const char *backbone) {
    for (int i = 0; i < group->n; i++) {
        const char *name = group->scores[i].last->backbone;
        if (name && strcmp(name, backbone) == 0)
            return true;
    }
    return false;
}

/* --- rows --- */

const Published *published_next(const Published *previous, const ReportGroups *data, const Group *group) {
    const char *dataset = dataset_of(group);
    if (strcmp(group->part, "all") != 0 || !has_backbone(group, PUBLISHED_BACKBONE) ||
        (!dataset && !is_over_all(data, group)))
        return NULL;
    for (const Published *row = previous ? previous + 1 : published; row < published + N_PUBLISHED; row++)
        if (dataset ? row->dataset && strcmp(row->dataset, dataset) == 0 : !row->dataset)
            return row;
    return NULL;
}

double published_accuracy(const Published *row, int num_shots) {
    for (int i = 0; i < N_PUBLISHED_SHOTS; i++)
        if (num_shots == (shots[i] == 0 ? SHOTS_NONE : shots[i]))
            return row->accuracy[i];
    return 0;
}

const PublishedTransfer *published_transfers(const ReportGroups *data, const Group *base, int num_shots,
                                             int *n) {
    *n = N_TRANSFERS;
    const bool fair = num_shots == 16 && strcmp(base->part, "base") == 0 &&
                      has_backbone(base, PUBLISHED_TRANSFER_BACKBONE) && is_over_all(data, base);
    return fair ? transfers : NULL;
}

const char *published_source(int source) {
    return source >= 0 && source < N_SOURCES ? sources[source] : NULL;
}
