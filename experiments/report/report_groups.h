/* report_groups.h: the results of one or more output folders, as a report compares them.
 *
 * Results are grouped by the dataset they were tested on. A row is named by its label, followed by the
 * backbone if the report has several, by the folder if two folders have a result of that label for the same
 * images, and by the dataset it was learned on if that is another. Of two results of one folder that agree in
 * all of these, in shots and in seed (because the experiment file was changed), the one that finished later
 * counts. Averages are taken over whole datasets, over base classes and over new classes separately. All of
 * it comes from the fields of results.jsonl: an unknown method appears by its label, its settings by their
 * names.
 */
#ifndef EXPERIMENTS_REPORT_REPORT_GROUPS_H
#define EXPERIMENTS_REPORT_REPORT_GROUPS_H

#include "experiments/results/results.h"
#include "experiments/tables/cells.h"

/* One number or word of a configuration: {"optim.lr", "0.002"}, {"csc", "true"}. */
typedef struct {
    const char *name, *value;
} Setting;

typedef struct {
    const char *label;  /* row */
    const char *method; /* the label without what it was learned on */
    const char *source; /* the Group.dataset that it was learned on; NULL: its own */
    int num_shots, seed;
    double accuracy;                          /* percent */
    double train_seconds, trained_parameters; /* as in Result */
    Setting *settings;                        /* (n_settings) of the method, and "backbone"; sorted by name */
    int n_settings;                           /* 0 if the result has no configuration */
    const Result *last;                       /* the result; in an average, that of the last dataset */
    const char *folder;                       /* with the files of the point; NULL in an average */
} Score;

typedef struct {
    const char *dataset; /* "oxford_pets", "oxford_pets_base", "average of 3 datasets" */
    const char *part;    /* which of its classes: "all", "base" or "new" */
    Score *scores;       /* (n), in the order of the files */
    int n, n_datasets;
    CellTable cells;
} Group;

typedef struct {
    Group *groups; /* (n): averages first, then each dataset */
    int n, n_datasets, n_results, n_backbones;
    const char *first_backbone;
} ReportGroups;

/* Reads FOLDER/results.jsonl of each; a folder without results is an error. Owned by the arena. */
int report_groups_read(ReportGroups *data, const char *const *folders, int n_folders, Arena *arena,
                       Error *err);

const char *setting_value(const Score *score, const char *name); /* NULL when it has none */

const Group *find_group(const ReportGroups *data, const char *dataset); /* NULL when there is none */

/* Are its rows measures of an evaluation (retrieval, matching, answers), which are no rivals? */
bool group_is_measures(const Group *group);

/* The score of this row with the lowest seed; NULL when there is none. */
const Score *group_score(const Group *group, const char *label, int num_shots);
/* The last column in which the row has a result. */
int row_last_column(const Group *group, int row);

#endif
