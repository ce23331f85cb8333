/* watch.c: labels images as they come into a folder, until it is interrupted (Linux: inotify).
 *
 *     cc watch.c $(pkg-config --cflags --libs coop) -o watch
 *     ./watch prompt.safetensors incoming/
 *
 * An image counts once whoever writes it has closed it, or has renamed it into the folder.
 */
#define _POSIX_C_SOURCE 200809L
#include <coop.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* For the library, which asks during long work. */
static int is_interrupted(void *context) {
    (void)context;
    return interrupted;
}

static void install(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action); /* no SA_RESTART: read() returns when a signal comes */
    action.sa_handler = interrupt;
    sigaction(number, &action, NULL);
}

static void label(coop_classifier *classifier, const char *folder, const char *name) {
    char path[4096];
    coop_image image;
    coop_label best;
    coop_error error;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) {
        fprintf(stderr, "%s/%s: the path is too long\n", folder, name);
        return;
    }
    image = coop_image_file(path);
    if (coop_classify(classifier, &image, 1, &best, 1, NULL, &error) == COOP_OK)
        printf("%s  %s %.1f %%\n", path, coop_classifier_name(classifier, best.index),
               100 * best.probability);
    else if (error.code != COOP_STOPPED)
        fprintf(stderr, "%s\n", error.message);
    fflush(stdout);
}

/* Hidden files are what others write before they rename. */
static int watch(coop_classifier *classifier, const char *folder, int events) {
    union {
        struct inotify_event first; /* for its alignment */
        char bytes[1 << 16];
    } buffer;
    while (!interrupted) {
        const char *at = buffer.bytes, *end;
        const ssize_t size = read(events, buffer.bytes, sizeof buffer.bytes);
        if (size < 0 && errno != EINTR) {
            perror(folder);
            return 4;
        }
        for (end = at + (size > 0 ? size : 0); at < end && !interrupted;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            if (event->mask & IN_Q_OVERFLOW)
                fprintf(stderr, "%s: more images at once than could be noted: some are left out\n", folder);
            else if (event->mask & IN_IGNORED) {
                fprintf(stderr, "%s: is gone\n", folder);
                return 3;
            } else if (event->len > 0 && event->name[0] != '.' && !(event->mask & IN_ISDIR))
                label(classifier, folder, event->name);
            at += sizeof *event + event->len;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    coop_classifier *classifier;
    coop_options options;
    coop_error error;
    int events, status = 3;
    if (argc != 3) {
        fprintf(stderr, "usage: watch LEARNED FOLDER\n");
        return 2;
    }
    install(SIGINT);
    install(SIGTERM);
    coop_options_init(&options, sizeof options);
    options.stop = is_interrupted;
    if (coop_classifier_open(&classifier, argv[1], &options, &error) != COOP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 3;
    }
    events = inotify_init1(IN_CLOEXEC);
    if (events < 0 || inotify_add_watch(events, argv[2], IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        perror(argv[2]);
    else {
        fprintf(stderr, "watching %s\n", argv[2]);
        status = watch(classifier, argv[2], events);
    }
    if (events >= 0)
        close(events);
    coop_classifier_close(classifier);
    return status;
}
