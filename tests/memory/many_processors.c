/* many_processors.c: preloaded, shows a program 64 processors where there are few, and counts the threads
 * that it starts: their number goes to the file COUNTED_THREADS when the program ends. */
#define _GNU_SOURCE /* RTLD_NEXT, CPU_SET */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_PROCESSORS = 64 };

static atomic_int n_threads;
static _Bool narrowed; /* the program has asked to run on fewer */
static cpu_set_t mask;

/* Nothing of this may wait for a constructor: what is asked before main counts. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
    (void)pid;
    memset(set, 0, size);
    for (int i = 0; i < N_PROCESSORS; i++)
        if (!narrowed || CPU_ISSET(i, &mask))
            CPU_SET_S((size_t)i, size, set);
    return 0;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) {
    (void)pid;
    CPU_ZERO(&mask);
    for (int i = 0; i < N_PROCESSORS; i++)
        if (CPU_ISSET_S((size_t)i, size, set))
            CPU_SET(i, &mask);
    narrowed = 1;
    return 0;
}

long sysconf(int name) {
    if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF)
        return N_PROCESSORS;
    long (*next)(int);
    *(void **)&next = dlsym(RTLD_NEXT, "sysconf");
    return next(name);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    atomic_fetch_add(&n_threads, 1);
    return next(thread, attributes, run, argument);
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("COUNTED_THREADS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%d\n", atomic_load(&n_threads));
        fclose(file);
    }
}
