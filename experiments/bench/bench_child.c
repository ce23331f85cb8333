/* bench_child.c: see bench_child.h */
#define _GNU_SOURCE /* pipe2, wait4 */
#include "experiments/bench/bench_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 24 };

/* output: where it prints to. */
static _Noreturn void become(const char *const *words, int output) {
    const char *all[MOST_WORDS + 2] = {"coop"};
    for (int i = 0; i < MOST_WORDS && words[i]; i++)
        all[i + 1] = words[i];
    dup2(output, STDOUT_FILENO);
    execv("/proc/self/exe", (char *const *)all);
    _exit(127);
}

static int start(BenchChild *child, const char *const *words, int output, Error *err) {
    child->process = fork();
    if (child->process == 0)
        become(words, output);
    return child->process < 0 ? error_run(err, "cannot start a process: %s", strerror(errno)) : 0;
}

static int wait_for(const BenchChild *child, double *memory, Error *err) {
    int status;
    struct rusage usage;
    while (wait4(child->process, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return error_run(err, "cannot wait for a process: %s", strerror(errno));
    const double peak = 1024.0 * (double)usage.ru_maxrss;
    *memory = peak > *memory ? peak : *memory;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int bench_child(double *memory, const char *const *words, Error *err) {
    BenchChild child;
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const int result = start(&child, words, nowhere, err);
    close(nowhere);
    if (result == 0 && wait_for(&child, memory, err) < 0)
        return error_run(err, "coop %s has failed", words[0]);
    return result;
}

/* Reads until a byte has come, or to the end; returns how many came last. */
static ssize_t listen_to(int output, bool to_the_end) {
    char bytes[4096];
    ssize_t n;
    do
        n = read(output, bytes, sizeof bytes);
    while (n < 0 ? errno == EINTR : n > 0 && to_the_end);
    return n;
}

int bench_child_speak(BenchChild *child, const char *const *words, Error *err) {
    int ends[2];
    *child = (BenchChild){0};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_run(err, "cannot make a pipe: %s", strerror(errno));
    const int result = start(child, words, ends[1], err);
    close(ends[1]);
    child->output = ends[0];
    if (result == 0 && listen_to(child->output, false) > 0)
        return 0;
    double memory = 0;
    return result < 0 || bench_child_end(child, &memory, err) < 0
               ? -1
               : error_run(err, "coop %s has said nothing", words[0]);
}

int bench_child_end(BenchChild *child, double *memory, Error *err) {
    const BenchChild was = *child;
    *child = (BenchChild){0};
    if (was.output > 0) {
        listen_to(was.output, true);
        close(was.output);
    }
    if (was.process <= 0)
        return 0;
    return wait_for(&was, memory, err) < 0 ? error_run(err, "coop has failed") : 0;
}
