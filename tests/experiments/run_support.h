/* run_support.h: the output folders of two runs. */
#ifndef TESTS_EXPERIMENTS_RUN_SUPPORT_H
#define TESTS_EXPERIMENTS_RUN_SUPPORT_H

#include "tests/support/cli_support.h"

/* Fails the test unless both folders hold the same files with the same bytes, but for times: those in states
 * and results, and all that is in log.txt, results.csv and the page. Caches of features of 64 numbers may
 * hold their records in any order. */
void assert_same_runs(Cli *cli, const char *a, const char *b);

#endif
