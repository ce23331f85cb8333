/* failing_malloc.c: a preloaded library in which memory runs out at will, and the clock stands still.
 *
 *     FAIL_AT=n      the n-th allocation of the program fails, counted from the start of main
 *     FAIL_LATER=1   and so do all behind it
 *     FAIL_COUNT=F   the number of allocations is written to the file F when main returns
 *
 * What libraries allocate while they are loaded does not count: a program cannot do anything about that. To
 * load one counts as a single allocation. With a clock that stands still, two runs write the same bytes.
 * Programs that the program starts are left alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <dlfcn.h>

/* glibc's own, under the names that are not replaced here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

typedef int Main(int argc, char **argv, char **environment);

static atomic_long calls;
static atomic_bool counting;
static long fail_at;
static bool fail_later;
static Main *program;

/* A place for a debugger's breakpoint: "break memory_fails" shows who asked. */
__attribute__((noinline)) void memory_fails(void);
void memory_fails(void) {
    errno = ENOMEM;
}

static bool fails(void) {
    if (!atomic_load_explicit(&counting, memory_order_relaxed))
        return false;
    const long n = atomic_fetch_add(&calls, 1) + 1;
    if (fail_at == 0 || n < fail_at || (n > fail_at && !fail_later))
        return false;
    memory_fails();
    return true;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return fails() ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    const int before = errno;
    *block = fails() ? NULL : __libc_memalign(alignment, size);
    errno = before;
    return *block ? 0 : ENOMEM;
}

/* OpenBLAS, which asks again and again where it gets none: clip/math/blas_room.c sees to that before. */
static bool asks_forever(const void *caller) {
    Dl_info info;
    return dladdr(caller, &info) && strstr(info.dli_fname, "openblas");
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    if (!asks_forever(__builtin_return_address(0)) && fails())
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset); /* 64-bit machines */
}

void *dlopen(const char *path, int flags) {
    typedef void *Open(const char *, int);
    void *symbol = dlsym(RTLD_NEXT, "dlopen");
    if (fails())
        return NULL;
    const bool was = atomic_exchange(&counting, false);
    void *library = (*(Open **)&symbol)(path, flags);
    atomic_store(&counting, was);
    return library;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    (void)clock;
    *now = (struct timespec){.tv_sec = 1700000000};
    return 0;
}

time_t time(time_t *out) {
    if (out)
        *out = 1700000000;
    return 1700000000;
}

static long number_of(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static void write_count(const char *path) {
    char text[32];
    const int n = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || write(file, text, (size_t)n) != n)
        abort();
    close(file);
}

static int counted_main(int argc, char **argv, char **environment) {
    const char *count = getenv("FAIL_COUNT");
    fail_at = number_of("FAIL_AT");
    fail_later = number_of("FAIL_LATER") != 0;
    unsetenv("LD_PRELOAD");
    atomic_store(&counting, true);
    const int status = program(argc, argv, environment);
    atomic_store(&counting, false);
    if (count)
        write_count(count);
    return status;
}

/* The C library's start of a program, with another main. */
int __libc_start_main(Main *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(Main *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end) {
    typedef int Start(Main *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
    void *symbol = dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return (*(Start **)&symbol)(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
