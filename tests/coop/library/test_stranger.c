/* test_stranger.c: a program that knows nothing but coop.h and the shared library (the Makefile links it with
 * that alone): eight threads at once get the bits that one gets, and the process is left as it was. */
#define _GNU_SOURCE /* sched_getaffinity, uselocale */
#include "coop/coop.h"

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES "tests/fixtures/"
#define WEIGHTS FIXTURES "clip_vit.safetensors"

enum { K = 3, N = 4, THREADS = 8, ROUNDS = 3 };
static const char *const NAMES[K] = {"ring", "key", "red_fox"};
static const char *const IMAGES[N] = {FIXTURES "images/shape00/0000.jpg", FIXTURES "images/shape01/0000.jpg",
                                      FIXTURES "images/shape00/0001.jpg", FIXTURES "images/shape01/0001.jpg"};

typedef struct {
    coop_model *model;
    coop_classifier *classifier;
    coop_label labels[N * K];
    float *texts; /* (K, width) */
} World;

static void ok(int code, const coop_error *error) {
    if (code != COOP_OK)
        fail_msg("code %d: %s", code, error->message);
}

static void open_world(World *w, int threads) {
    coop_options options;
    coop_error error;
    coop_options_init(&options, sizeof options);
    options.threads = threads;
    options.vocabulary = FIXTURES "merges.txt.gz";
    ok(coop_model_open(&w->model, WEIGHTS, &options, &error), &error);
    ok(coop_classifier_zeroshot(&w->classifier, w->model, NULL, 0, NAMES, K, &error), &error);
    w->texts = calloc((size_t)(K * coop_model_width(w->model)), sizeof *w->texts);
}

static void close_world(World *w) {
    free(w->texts);
    coop_classifier_close(w->classifier);
    coop_model_close(w->model);
}

static void use(World *w, coop_label *labels, float *texts) {
    coop_image images[N];
    coop_error error, errors[N];
    for (int i = 0; i < N; i++)
        images[i] = coop_image_file(IMAGES[i]);
    ok(coop_classify(w->classifier, images, N, labels, K, errors, &error), &error);
    ok(coop_encode_texts(w->model, texts, NAMES, K, COOP_UNIT, &error), &error);
}

/* --- threads --- */

/* Under valgrind, which puts itself there, one thread runs at a time. */
static int rounds(void) {
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload") ? 1 : ROUNDS;
}

typedef struct {
    World *world;
    int wrong;
    pthread_t thread;
} Caller;

static int differ(const coop_label *a, const coop_label *b, int n) {
    int count = 0;
    for (int i = 0; i < n; i++)
        count += a[i].index != b[i].index || a[i].probability != b[i].probability;
    return count;
}

/* All images in one call, each alone, texts, and one that is not there. */
static void *call_often(void *argument) {
    Caller *caller = argument;
    World *w = caller->world;
    const size_t size = (size_t)(K * coop_model_width(w->model)) * sizeof *w->texts;
    float *texts = malloc(size);
    for (int round = 0; round < rounds(); round++) {
        coop_image images[N];
        coop_label labels[N * K];
        coop_error error;
        const coop_image none = coop_image_file("none.jpg");
        for (int i = 0; i < N; i++) {
            images[i] = coop_image_file(IMAGES[i]);
            caller->wrong +=
                coop_classify(w->classifier, &images[i], 1, labels, K, NULL, &error) != COOP_OK ||
                differ(labels, w->labels + i * K, K) > 0;
        }
        caller->wrong += coop_classify(w->classifier, images, N, labels, K, NULL, &error) != COOP_OK ||
                         differ(labels, w->labels, N * K) > 0;
        caller->wrong += coop_encode_texts(w->model, texts, NAMES, K, COOP_UNIT, &error) != COOP_OK ||
                         memcmp(texts, w->texts, size) != 0;
        caller->wrong += coop_classify(w->classifier, &none, 1, labels, 1, NULL, &error) != COOP_INPUT;
    }
    free(texts);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    coop_label first[N * K];
    for (int threads = 1; threads <= 2; threads++) {
        World w;
        Caller callers[THREADS];
        open_world(&w, threads);
        use(&w, w.labels, w.texts);
        if (threads == 1)
            memcpy(first, w.labels, sizeof first);
        assert_int_equal(differ(w.labels, first, N * K), 0);
        for (int i = 0; i < THREADS; i++) {
            callers[i] = (Caller){.world = &w};
            assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(callers[i].thread, NULL);
            assert_int_equal(callers[i].wrong, 0);
        }
        close_world(&w);
    }
}

static void *open_and_close(void *argument) {
    Caller *caller = argument;
    coop_model *model;
    coop_options options;
    coop_options_init(&options, sizeof options);
    options.threads = 2;
    options.vocabulary = FIXTURES "merges.txt.gz";
    for (int round = 0; round < rounds(); round++) {
        coop_error error;
        caller->wrong += coop_model_open(&model, WEIGHTS, &options, &error) != COOP_OK;
        coop_model_close(model);
        caller->wrong += coop_model_open(&model, "none.safetensors", &options, &error) != COOP_INPUT;
    }
    return NULL;
}

static void test_handles_are_independent(void **state) {
    (void)state;
    Caller callers[THREADS] = {{0}};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&callers[i].thread, NULL, open_and_close, &callers[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
}

/* --- the process --- */

int openblas_get_num_threads(void) __attribute__((weak)); /* the library brings OpenBLAS with it */
extern char **environ;

typedef struct {
    void (*handlers[65])(int);
    int flags[65];
    char blocked[65];
    cpu_set_t processors;
    char locale[4096], folder[4096];
    locale_t of_thread;
    char **environ;
    size_t environment;
    int blas_threads;
    char files[64]; /* which descriptors are open */
} Process;

static void look(Process *p) {
    struct sigaction action;
    memset(p, 0, sizeof *p);
    for (int i = 1; i < 65; i++)
        if (sigaction(i, NULL, &action) == 0) {
            p->handlers[i] = action.sa_handler;
            p->flags[i] = action.sa_flags;
        }
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int i = 1; i < 65; i++)
        p->blocked[i] = (char)sigismember(&blocked, i);
    sched_getaffinity(0, sizeof p->processors, &p->processors);
    snprintf(p->locale, sizeof p->locale, "%s", setlocale(LC_ALL, NULL));
    assert_non_null(getcwd(p->folder, sizeof p->folder));
    p->of_thread = uselocale((locale_t)0);
    p->environ = environ;
    for (char **text = environ; *text; text++)
        for (const char *c = *text; *c; c++)
            p->environment = p->environment * 31 + (unsigned char)*c;
    p->blas_threads = openblas_get_num_threads ? openblas_get_num_threads() : 0;
    for (int i = 0; i < (int)sizeof p->files; i++)
        p->files[i] = fcntl(i, F_GETFD) >= 0;
}

/* Descriptors 1 and 2 into a file while all is done that can be done; returns how much was printed. */
static long printed(void (*work)(void)) {
    FILE *file = tmpfile();
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    fflush(NULL);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    work();
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    const long size = lseek(fileno(file), 0, SEEK_END);
    fclose(file);
    return size;
}

static void work(void) {
    World w;
    coop_model *model;
    coop_error error;
    coop_label label;
    const coop_image bad = coop_image_bytes("\xff\xd8\xff\xe0 no JPEG", 13);
    open_world(&w, 2);
    use(&w, w.labels, w.texts);
    assert_int_equal(coop_classify(w.classifier, &bad, 1, &label, 1, NULL, &error), COOP_INPUT);
    assert_int_equal(coop_model_open(&model, "README.md", NULL, &error), COOP_INPUT);
    close_world(&w);
}

static void test_process_stays_as_it_is(void **state) {
    (void)state;
    static Process before, after;
    setlocale(LC_ALL, "");
    look(&before);
    assert_int_equal(printed(work), 0);
    look(&after);
    assert_memory_equal(&before, &after, sizeof before);
}

/* A locale with a decimal comma, made where it is not installed. */
static bool set_german(void) {
    char folder[] = "/tmp/coop_locale_XXXXXX", command[256];
    if (setlocale(LC_ALL, "de_DE.UTF-8"))
        return true;
    if (!mkdtemp(folder))
        return false;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
    const bool made = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0;
    const bool is_set = made && setlocale(LC_ALL, "de_DE.UTF-8");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && is_set;
}

static int sees_point(void *context) {
    bool *point = context;
    *point = strcmp(localeconv()->decimal_point, ".") == 0;
    return 0;
}

/* The numbers of files are read whatever stands for the decimal point. */
static void test_decimal_comma(void **state) {
    (void)state;
    World w;
    coop_label labels[N * K];
    open_world(&w, 1);
    use(&w, w.labels, w.texts);
    close_world(&w);
    if (!set_german())
        skip(); /* neither the locale nor what makes it is installed */
    assert_string_equal(localeconv()->decimal_point, ",");
    coop_options options;
    coop_error error;
    bool point = false;
    coop_options_init(&options, sizeof options);
    options.vocabulary = FIXTURES "merges.txt.gz";
    options.stop = sees_point;
    options.stop_context = &point;
    ok(coop_model_open(&w.model, WEIGHTS, &options, &error), &error);
    ok(coop_classifier_zeroshot(&w.classifier, w.model, NULL, 0, NAMES, K, &error), &error);
    w.texts = calloc((size_t)(K * coop_model_width(w.model)), sizeof *w.texts);
    use(&w, labels, w.texts);
    close_world(&w);
    assert_true(point);
    assert_string_equal(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
    assert_int_equal(differ(labels, w.labels, N * K), 0);
}

static void test_version(void **state) {
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", COOP_VERSION_MAJOR, COOP_VERSION_MINOR, COOP_VERSION_PATCH);
    assert_string_equal(COOP_VERSION, text);
    assert_string_equal(coop_version(), COOP_VERSION);
    assert_int_equal(coop_version_number(), COOP_VERSION_NUMBER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version), cmocka_unit_test(test_process_stays_as_it_is),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_handles_are_independent),
        cmocka_unit_test(test_decimal_comma)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
