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

#define PAPER "CoOp M=16 end", "Zhou et al. 2022"
#define NOTEBOOK "APE_results.ipynb of yangyangyang127/APE"
static const Published published[] = {
    {PAPER, "caltech101", {86.29, 87.53, 0, 0, 0, 91.83}},
    {PAPER, "oxford_pets", {85.77, 85.89, 0, 0, 0, 87.01}},
    {PAPER, "stanford_cars", {55.61, 55.59, 0, 0, 0, 73.36}},
    {PAPER, "oxford_flowers", {66.14, 68.12, 0, 0, 0, 94.51}},
    {PAPER, "food101", {77.31, 74.32, 0, 0, 0, 74.67}},
    {PAPER, "fgvc_aircraft", {17.28, 9.64, 0, 0, 0, 31.26}},
    {PAPER, "sun397", {58.52, 60.29, 0, 0, 0, 69.26}},
    {PAPER, "dtd", {42.32, 44.39, 0, 0, 0, 63.58}},
    {PAPER, "eurosat", {37.56, 50.63, 0, 0, 0, 83.53}},
    {PAPER, "ucf101", {61.46, 61.92, 0, 0, 0, 75.71}},
    {PAPER, "imagenet", {58.18, 57.15, 0, 0, 0, 62.95}},
    {PAPER, NULL, {58.77, 59.59, 0, 0, 0, 73.42}},
    {"CoOp", NOTEBOOK, NULL, {0, 59.80, 62.21, 66.84, 70.05, 73.45}},
    {"CLIP-Adapter", NOTEBOOK, NULL, {0, 62.90, 65.11, 68.02, 71.52, 74.50}},
    {"Tip-Adapter", NOTEBOOK, NULL, {0, 62.32, 64.64, 66.51, 68.41, 70.36}},
    {"Tip-Adapter-F", NOTEBOOK, NULL, {0, 64.55, 66.79, 69.76, 72.59, 75.69}},
    {"GDA", "logs/fewshots.log of mrflogs/ICLR24", NULL, {0, 62.19, 66.20, 69.77, 73.31, 76.05}},
};
enum { N_PUBLISHED = sizeof published / sizeof *published };

#define LIST "zhengli97/Awesome-Prompt-Adapter-Learning-for-VLMs"
#define KGCOOP "readme of htyao89/KgCoOp"
static const PublishedTransfer transfers[] = {
    {"zero-shot CLIP", LIST, 69.34, 74.22, 71.70},
    {"CoOp", LIST, 82.69, 63.22, 71.66},
    {"CoOp", KGCOOP, 82.63, 67.99, 74.60},
    {"CoCoOp", LIST, 80.47, 71.69, 75.83},
    {"KgCoOp", LIST, 80.73, 73.60, 77.00},
    {"ProGrad", KGCOOP, 82.48, 70.75, 76.16},
    {"TCP", LIST, 84.13, 75.36, 79.51},
    {"MaPLe", LIST, 82.28, 75.14, 78.55},
    {"PromptSRC", LIST, 84.26, 76.10, 79.97},
    {"ProLIP", "Fahes et al. 2024", 0, 0, 79.08},
    {"GDA", "logs/base2new.log of mrflogs/ICLR24", 83.96, 74.53, 78.97},
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
