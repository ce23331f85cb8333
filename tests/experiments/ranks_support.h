/* ranks_support.h: several ranks of a program at once, started by the MPI that it was built with. */
#ifndef TESTS_EXPERIMENTS_RANKS_SUPPORT_H
#define TESTS_EXPERIMENTS_RANKS_SUPPORT_H

#include "clip/base/random.h"
#include "tests/support/cli_support.h"

#include <stdbool.h>

/* The launcher for a program, with the environment that lets it start more ranks than there are processors,
 * as root; skips the test where the program was built without MPI. */
const char *ranks_launcher(const char *program);

/* Starts n ranks of coop with these words (and `--threads 1`), the last one NULL, without waiting. */
void ranks_start(Cli *cli, int n, const char *const *words);

/* Those that run this command with this file, at most `most`; none is there yet while they are being started.
 */
int ranks_find(pid_t *pids, int most, const char *command, const char *yaml);

/* Of n ranks that were just started one gets the signal (0: none), so many seconds after all are there,
 * unless they are through by then; waits for the end, which is a good one where none got it. Whether one did.
 */
bool ranks_kill_one(Cli *cli, int n, const char *command, const char *yaml, double delay, int signal,
                    Rng *rng);

#endif
