/* report_support.h: results made by hand, and what report.html shows of them. */
#ifndef TESTS_SUPPORT_REPORT_SUPPORT_H
#define TESTS_SUPPORT_REPORT_SUPPORT_H

#include "tests/support/cli_support.h"

typedef struct {
    const char *folder, *dataset, *source, *label;
    int num_shots, seed, n_classes;
    double accuracy;
    const char *config, *point;               /* its folder */
    const char *backbone;                     /* NULL: RN50 */
    double train_seconds, trained_parameters; /* 0: not known */
} Given;

/* Appends a result to SCRATCH/folder. */
void result_give(Cli *cli, const Given *given);
#define GIVE(...) result_give(cli, &(Given){__VA_ARGS__, .point = "point"})

/* The page, which must be well-formed and need nothing else; owned by the arena. */
const char *page_read(Cli *cli, const char *path);
/* How often a part is there; it must not be empty. */
int page_count(const char *page, const char *part);
void page_has(const char *page, const char *part); /* fails the test where it lacks the part */

#endif
