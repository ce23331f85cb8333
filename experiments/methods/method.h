/* method.h: what a row of the comparison table is: a way from training images to logits on the test images.
 *
 * A new method is one file with one Method, and one line in methods.c. The key table of its section makes its
 * reader, its help, its dimensions, and, unless it says otherwise, its labels, canonical texts and folders.
 *
 * A method works in three steps, so that whatever can be wrong with the input stops an experiment that has
 * not begun: nothing is written before all points are prepared.
 */
#ifndef EXPERIMENTS_METHODS_METHOD_H
#define EXPERIMENTS_METHODS_METHOD_H

#include "experiments/config/config_keys.h"
#include "experiments/grid/grid.h"
#include "experiments/grid/point.h"
#include "experiments/results/results.h"
#include "experiments/session/session.h"
#include "experiments/terminal/progress.h"

#include <stddef.h>

typedef enum {
    USES_TRAINING = 1, /* images: its points have shots and seeds */
    USES_OPTIM = 2,    /* the section optim: Point.optim */
    USES_VIEWS = 4,    /* the section augment: Point.views */
    USES_TEXT = 8      /* the tokenizer */
} MethodUse;

/* A NULL among the functions up to result takes what the keys alone give. */
struct Method {
    SectionSpec section; /* its name and keys in an experiment file; every key but name is a list */
    size_t options_size; /* of the struct that the keys fill; it begins with a MethodOptions */
    const char *title;   /* label in tables: "linear probe" */
    int uses;            /* of MethodUse */

    /* What does not depend on shots and seed, of the options of one variant: digests of files. */
    int (*resolve)(void *options, Arena *arena, Error *err);
    /* A row of the table; spec has all values of the dimensions. Owned by the arena; NULL when memory is out.
     */
    const char *(*label)(const Point *variant, const MethodSpec *spec, const PointContext *context,
                         Arena *arena);
    /* The canonical text: all that its numbers depend on, apart from shots, seed, model and dataset. */
    json_t *(*json)(const Point *point, const PointContext *context);
    /* The folder below that of the shots. Owned by the arena; NULL when memory is out. */
    const char *(*leaf)(const Point *point, const PointContext *context, Arena *arena);
    /* Fields of a result that follow from the options. */
    void (*result)(Result *result, const Point *point);

    /* Checks prompts and files; called once for all shots and seeds of a variant. Fast. */
    int (*check)(Session *session, const Point *point, Error *err);

    /* Encodes (into the session's cache) what the point will ask for: images by num_shots, seed, views and
     * max_epoch alone. NULL: nothing. Throw-away memory is taken from the arena. */
    int (*prepare)(Session *session, const Point *point, Arena *arena, Error *err);

    /* Floating-point operations of running the point; NULL: next to nothing. For a dry run. */
    int (*flops)(double *flops, Session *session, const Point *point, Error *err);

    /* Fills logits (n_test, K) and the fields of the result that only the method knows. folder is where a
     * method may keep files of its own. ERROR_SIGNAL when stopped. */
    int (*run)(Session *session, const Point *point, const char *folder, float *logits, Result *result,
               Progress *progress, Arena *arena, Error *err);

    /* Fills logits (n_test, K) on the test images and classes of a target, with what a finished point of the
     * session has learned (transfer.h). NULL for a method whose points cannot be tested elsewhere, and for
     * one that learns nothing: its points are run on the target itself. */
    int (*transfer)(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err);

    /* With transfer: may the target have classes that the point was not learned on? */
    bool (*serves_new_classes)(const Point *learned);
};

int method_count(void);
const Method *method_at(int index); /* in the order of the help */

/* For the tables of keys. */
#define METHOD_KEYS(array) (array), (int)(sizeof(array) / sizeof((array)[0]))
#define METHOD_NAME_KEY                                                                                      \
    { "name", KEY_TEXT, 0, 0, .help = "label in tables" }
#define METHOD_TEMPLATES_KEY(options)                                                                        \
    {                                                                                                        \
        "templates", KEY_TEXT, KEY_LIST | KEY_TEMPLATES, offsetof(options, templates),                       \
            .fallback = "default",                                                                           \
            .help = "together one ensemble: default (the dataset's),\n"                                      \
                    "ensemble (seven for ImageNet), a text with {}\n"                                        \
                    "for the class, a file of such texts"                                                    \
    }
#define METHOD_LR_KEY(options)                                                                               \
    {                                                                                                        \
        "lr", KEY_REAL, KEY_LIST | KEY_ABOVE | KEY_OPTIM, offsetof(options, lr),                             \
            .low = 0, .high = 1e3, .help = "instead of optim.lr"                                             \
    }
#define METHOD_MAX_EPOCH_KEY(options)                                                                        \
    {                                                                                                        \
        "max_epoch", KEY_INT, KEY_LIST | KEY_OPTIM, offsetof(options, max_epoch),                            \
            .low = 1, .high = 1e6, .word = "auto", .help = "instead of optim.max_epoch"                      \
    }

#endif
