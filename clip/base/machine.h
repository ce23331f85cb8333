/* machine.h: what of this machine the process may use.
 *
 * A container, a batch system or a shell gives a process less than there is: some of the processors
 * (sched_setaffinity), a share of their time (a quota of its control group), so many for each task
 * (SLURM_CPUS_PER_TASK), less memory (its group's limit, ulimit -v). The groups are those that
 * /proc/self/cgroup names, and all above them, in the usual places of cgroup v1 (/sys/fs/cgroup/cpu, memory)
 * and v2 (/sys/fs/cgroup). What cannot be read limits nothing.
 */
#ifndef CLIP_BASE_MACHINE_H
#define CLIP_BASE_MACHINE_H

#include <stddef.h>

/* Both take the folder in which proc and sys are found: "" except in tests. */

/* How many threads are worth having, at least 1: one for each processor, but no more than the quota pays for,
 * to the nearest whole number. (With time for 1.5, one thread would leave a third unused, while two stand
 * still for a quarter of the time; with time for 2.4, a third thread would mostly stand still.) */
int machine_threads(const char *root);

/* Bytes that can be had, 0 if that is not known. */
size_t machine_memory(const char *root);

#endif
