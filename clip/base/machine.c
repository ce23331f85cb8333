/* machine.c: see machine.h */
#define _GNU_SOURCE /* sched_getaffinity */
#include "clip/base/machine.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATH_BYTES = 8192, LINE_BYTES = 4096 };

/* --- control groups --- */

/* The first line of FOLDER/NAME. */
static bool read_line(char line[LINE_BYTES], const char *folder, const char *name) {
    char path[PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool found = fgets(line, LINE_BYTES, file) != NULL;
    fclose(file);
    return found;
}

static double read_number(const char *folder, const char *name, double otherwise) {
    char line[LINE_BYTES], *end;
    if (!read_line(line, folder, name))
        return otherwise;
    double number = strtod(line, &end);
    return end > line ? number : otherwise; /* "max" */
}

/* Takes what the group in this folder may have, if that is less than *least. */
typedef void (*GroupFn)(double *least, const char *folder, bool is_v2);

static void take_processors(double *least, const char *folder, bool is_v2) {
    char line[LINE_BYTES];
    double quota = -1, period = 0;
    if (!is_v2) {
        quota = read_number(folder, "cpu.cfs_quota_us", -1);
        period = read_number(folder, "cpu.cfs_period_us", 0);
    } else if (read_line(line, folder, "cpu.max") && sscanf(line, "%lf %lf", &quota, &period) != 2) {
        return; /* "max 100000" */
    }
    if (quota > 0 && period > 0 && quota / period < *least)
        *least = quota / period;
}

static void take_memory(double *least, const char *folder, bool is_v2) {
    double limit = read_number(folder, is_v2 ? "memory.max" : "memory.limit_in_bytes", -1);
    if (limit > 0 && limit < *least)
        *least = limit;
}

static bool has_word(const char *list, const char *word) {
    const size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

/* A group and those above it, up to where they are mounted. In a container the path may be that of the world
 * outside, and then only the last of these folders is there: the container's own. */
static void visit_groups(double *least, const char *mount, const char *path, bool is_v2, GroupFn take) {
    char folder[PATH_BYTES];
    const size_t n_mount = strlen(mount);
    const int n = snprintf(folder, sizeof folder, "%s%s", mount, strstr(path, "/..") ? "" : path);
    if (n < 0 || (size_t)n >= sizeof folder)
        return;
    for (size_t end = (size_t)n; end >= n_mount; end--)
        if (end == n_mount || folder[end] == '/' || (end == (size_t)n && folder[end - 1] != '/')) {
            folder[end] = '\0';
            take(least, folder, is_v2);
        }
}

/* Each line of /proc/self/cgroup is "number:controllers:path", for cgroup v2 without controllers. */
static double least_of_groups(const char *root, const char *controller, GroupFn take, double least) {
    char name[PATH_BYTES / 2], line[LINE_BYTES], mount[PATH_BYTES / 2 + 64];
    snprintf(name, sizeof name, "%s/proc/self/cgroup", root);
    FILE *file = fopen(name, "re");
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path || path[1] != '/')
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        const bool is_v2 = *++controllers == '\0';
        if (!is_v2 && !has_word(controllers, controller))
            continue;
        snprintf(mount, sizeof mount, "%.4000s/sys/fs/cgroup%s%s", root, is_v2 ? "" : "/",
                 is_v2 ? "" : controller);
        visit_groups(&least, mount, path, is_v2, take);
    }
    if (file)
        fclose(file);
    return least;
}

/* --- all limits together --- */

/* The processors that this process may run on. */
static int own_processors(void) {
    for (int n_cpus = 1024; n_cpus <= 1 << 20; n_cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(n_cpus);
        size_t size = CPU_ALLOC_SIZE(n_cpus);
        int found = set && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (found > 0)
            return found;
    }
    return 1;
}

/* Where Slurm does not bind its tasks to processors, it says nevertheless how many a task was given. */
static double given_to_task(double least) {
    const char *text = getenv("SLURM_CPUS_PER_TASK");
    const double given = text ? strtod(text, NULL) : 0;
    return given >= 1 && given < least ? given : least;
}

int machine_threads(const char *root) {
    double least = given_to_task(least_of_groups(root, "cpu", take_processors, own_processors()));
    return least < 1 ? 1 : (int)(least + 0.5);
}

size_t machine_memory(const char *root) {
    const double unknown = (double)SIZE_MAX;
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
    double least = pages > 0 && size > 0 ? (double)pages * (double)size : unknown;
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
        (double)space.rlim_cur < least)
        least = (double)space.rlim_cur;
    least = least_of_groups(root, "memory", take_memory, least);
    return least < unknown ? (size_t)least : 0;
}
