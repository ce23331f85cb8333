/* coop.h: label images with CLIP and with what `coop` has learned; features of images and texts.
 *
 *     coop_classifier *classifier;
 *     coop_error error;
 *     if (coop_classifier_open(&classifier, "prompt.safetensors", NULL, &error) != COOP_OK)
 *         return complain(error.message);
 *     coop_image image = coop_image_file("photo.jpg");
 *     coop_label best;
 *     if (coop_classify(classifier, &image, 1, &best, 1, NULL, &error) == COOP_OK)
 *         printf("%s %.1f %%\n", coop_classifier_name(classifier, best.index), 100 * best.probability);
 *     coop_classifier_close(classifier);
 *
 * Link with `pkg-config --cflags --libs coop`. The header needs nothing but the C99 or C++ standard library.
 *
 * Failure. Functions that can fail return COOP_OK (0) or another coop_code, and say what happened in
 * *error, which is the caller's and may be NULL. The message is one line: file, place, reason. After a
 * failure what was to be made is NULL. Wrong arguments are COOP_USAGE: nothing here ends the process.
 *
 * Ownership. What *_open and coop_classifier_zeroshot give is the caller's, who closes it with *_close (NULL
 * is fine). Texts that a function returns belong to what it was asked of and live as long. What a function is
 * given is borrowed for the call alone, unless it says otherwise. Numbers go into arrays of the caller.
 *
 * Threads. Different handles are independent. One handle serves any number of threads at once, except that
 * closing it must wait for all of them. With the option `threads` at 1, each calling thread does its own
 * work, and they encode side by side with one copy of the weights; otherwise calls with one model (and so
 * with the classifiers that share it) take turns, each with all of its threads.
 *
 * The process. Nothing is printed (but the AVIF decoder below libheif complains of some damaged files on
 * stderr), and nothing changes the locale, handlers of signals, the environment, the working directory or
 * OpenBLAS's settings. Threads of the library block all signals but SIGBUS. A large product that OpenBLAS
 * would spread over threads of its own is computed by kernels of the library where the processor has
 * AVX2; so results are the same up to rounding (about 1e-6) with any setting, and with
 * OPENBLAS_NUM_THREADS=1 they are those of the command line bit for bit, as they always are for any
 * number of `threads`. Images are read, never mapped. A checkpoint and a learned file are mapped: who
 * cuts one short while it is in use, instead of renaming another over it, causes a SIGBUS, as with any
 * mapped file. A process that forks uses its handles in the parent alone.
 */
#ifndef COOP_H
#define COOP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define COOP_API __attribute__((visibility("default")))
#else
#define COOP_API
#endif

/* --- version --- */

#define COOP_VERSION_MAJOR 0
#define COOP_VERSION_MINOR 11
#define COOP_VERSION_PATCH 0
#define COOP_VERSION "0.11.0"
#define COOP_VERSION_NUMBER (COOP_VERSION_MAJOR * 1000000 + COOP_VERSION_MINOR * 1000 + COOP_VERSION_PATCH)

/* Of the library that runs, which may be newer than the header. A program compiled with this header works
 * with every library of the same COOP_VERSION_MAJOR that is not older. Any thread. */
COOP_API const char *coop_version(void);
COOP_API int coop_version_number(void);

/* --- errors --- */

typedef enum coop_code {
    COOP_OK = 0,
    COOP_PARTLY = 1, /* some of the images failed, each with an error of its own; the others are done */
    COOP_USAGE = 2,  /* an argument is wrong */
    COOP_INPUT = 3,  /* a file or an image is wrong */
    COOP_FAILED = 4, /* the work failed */
    COOP_MEMORY = 5, /* there was not enough of it */
    COOP_STOPPED = 6 /* the stop function said so */
} coop_code;

typedef struct coop_error {
    coop_code code;
    char message[1024]; /* one line without its end; "" when the code is COOP_OK */
} coop_error;

/* --- options --- */

typedef enum coop_activation { COOP_AUTO_ACTIVATION, COOP_QUICK_GELU, COOP_GELU } coop_activation;
typedef enum coop_precision {
    COOP_PRECISION_AS_LEARNED,
    COOP_FLOAT32,
    COOP_BFLOAT16,
    COOP_AUTO_PRECISION
} coop_precision;
typedef enum coop_exif { COOP_EXIF_AS_LEARNED, COOP_EXIF_IGNORE, COOP_EXIF_ROTATE } coop_exif;
typedef enum coop_towers { COOP_BOTH, COOP_IMAGES, COOP_TEXTS } coop_towers;
typedef enum coop_position { COOP_END, COOP_MIDDLE, COOP_FRONT } coop_position;

/* Zero, after coop_options_init, is what most callers want. */
typedef struct coop_options {
    size_t size; /* of this struct as the caller knows it: set by coop_options_init */

    int threads; /* that share the work; 0: one per processor that the process may use */
    int images;  /* how many are expected: for up to 7, opening is faster and each of them slower, and weights
                  * that are not finite are refused when they are used; 0: many */
    coop_precision precision; /* in which images and texts are encoded. A model has not learned: FLOAT32 */

    /* Asked now and then during long work, from any thread and in the "C" locale; what is not 0 ends the call
     * with COOP_STOPPED, and the handle can be used again. It must not call the library. The context is
     * borrowed until the handle is closed. */
    int (*stop)(void *context);
    void *stop_context;

    const char *checkpoint; /* of a classifier: file, folder or name; NULL: where it was when it learned */
    const char *vocabulary; /* a file or its folder; NULL: looked for beside the checkpoint */
    coop_towers towers;     /* of a model: what it is for. One tower opens faster, in less memory */
    coop_exif exif;         /* whether files are turned as their EXIF says. A model has not learned: IGNORE */

    /* For what neither a checkpoint nor a learned file says. */
    coop_activation activation;
    int heads;              /* of the image tower; 0: as the checkpoint says */
    coop_position position; /* of the class name in a prompt of CoOp's original code */
} coop_options;

/* Zeroes *options and notes its size: coop_options_init(&options, sizeof options). Any thread. */
COOP_API void coop_options_init(coop_options *options, size_t size);

/* --- images --- */

/* A file, the bytes of one, or pixels; make it with one of the functions below, which are for any thread and
 * copy nothing. JPEG, PNG, WebP and whatever else the command line reads are told apart by content. */
typedef struct coop_image {
    const char *name;        /* path of a file; with data what messages call it, or NULL */
    const void *data;        /* NULL: the file is read */
    size_t size;             /* bytes of data */
    int width, height;       /* of pixels; 0: data is what a file holds */
    size_t stride;           /* bytes from one row of pixels to the next */
    const void *reserved[2]; /* NULL */
} coop_image;

COOP_API coop_image coop_image_file(const char *path);
COOP_API coop_image coop_image_bytes(const void *data, size_t size);
/* Rows of red, green and blue bytes, (height, width, 3), top left first. Squares of coop_model_image_size are
 * taken as they are: who prepares images on threads of his own gives the model those. */
COOP_API coop_image coop_image_pixels(const void *rgb, int width, int height);

/* --- classifiers --- */

typedef struct coop_classifier coop_classifier; /* what was learned, with the checkpoint that it needs */
typedef struct coop_model coop_model;           /* a checkpoint: a CLIP */

/* Opens what a run has left: a learned prompt, a probe, weights, ...: told by its content. options may be
 * NULL. Any thread. */
COOP_API int coop_classifier_open(coop_classifier **classifier, const char *path, const coop_options *options,
                                  coop_error *error);
/* The same from the bytes of such a file, which are borrowed until the classifier is closed. name stands for
 * a path in messages, and may be NULL. */
COOP_API int coop_classifier_open_bytes(coop_classifier **classifier, const void *data, size_t size,
                                        const char *name, const coop_options *options, coop_error *error);

/* One from names (n_classes) and templates (n_templates) with "{}" for the name, as "a photo of a {}."; '_'
 * in a name stands for a space. n_templates 0: that one. The model needs its text tower, and is borrowed
 * until the classifier is closed. Any thread. */
COOP_API int coop_classifier_zeroshot(coop_classifier **classifier, coop_model *model,
                                      const char *const *templates, int n_templates, const char *const *names,
                                      int n_classes, coop_error *error);
/* The seven templates that OpenAI selected for ImageNet; *n says how many. Static. Any thread. */
COOP_API const char *const *coop_templates(int *n);

/* No other thread may use it any more. */
COOP_API void coop_classifier_close(coop_classifier *classifier);

typedef struct coop_label {
    int index;          /* of the class: 0 .. K - 1; -1 for an image that failed */
    double probability; /* 0 .. 1; those of all classes have the sum 1 */
} coop_label;

/* labels (n, top): the best classes of each image, the most likely first; top is 1 .. K. What is wrong with
 * an image goes to errors (n), those of the others are COOP_OK, and the result is COOP_PARTLY; with errors
 * NULL the first such image is the error, and labels are unfinished. Images that come in one call are decoded
 * by all threads; a million are better given in some hundreds at a time. Any thread. */
COOP_API int coop_classify(coop_classifier *classifier, const coop_image *images, int n, coop_label *labels,
                           int top, coop_error *errors, coop_error *error);

/* logits (n, K) of features (n, E) of images as coop_encode_images gives them without COOP_UNIT; their
 * softmax are the probabilities. Any thread. */
COOP_API int coop_logits(coop_classifier *classifier, float *logits, const float *features, int n,
                         coop_error *error);

COOP_API int coop_classifier_classes(const coop_classifier *classifier); /* K */
/* Of class `index`; NULL when there is none. Any thread, as for all that only ask. */
COOP_API const char *coop_classifier_name(const coop_classifier *classifier, int index);
/* The model that it encodes with; lives as long as the classifier. It may lack the text tower. */
COOP_API coop_model *coop_classifier_model(coop_classifier *classifier);

/* What is known of it; unknown texts are NULL, accuracies NaN, and whole numbers -1. */
typedef struct coop_info {
    const char *method; /* "coop", "linear_probe", "zeroshot", ... as in an experiment file */
    const char *dataset, *backbone;
    int shots, seed;
    double val_accuracy, accuracy; /* on validation and test images, 0 .. 1 */
    int exif_rotate;               /* 1: its images are turned as their EXIF says; 0: they are not */
} coop_info;
/* Fills the first `size` bytes: coop_classifier_info(classifier, &info, sizeof info). */
COOP_API void coop_classifier_info(const coop_classifier *classifier, coop_info *info, size_t size);

/* --- models --- */

/* Opens a checkpoint, and for texts its vocabulary. path is a file, its folder, or a name, as "ViT-B/32" or
 * "openai/clip-vit-base-patch32", of what other programs or `coop models get` have put on this disk: nothing
 * is fetched. options may be NULL. Any thread. */
COOP_API int coop_model_open(coop_model **model, const char *path, const coop_options *options,
                             coop_error *error);
/* After the classifiers that borrow it. No other thread may use it any more. */
COOP_API void coop_model_close(coop_model *model);

COOP_API const char *coop_model_name(const coop_model *model); /* "ViT-B/32" */
COOP_API int coop_model_width(const coop_model *model);        /* E: the length of a feature */
COOP_API int coop_model_image_size(const coop_model *model);   /* S: images become squares of S pixels */
/* One line on what was assumed about the checkpoint, or NULL: all numbers depend on it. */
COOP_API const char *coop_model_note(const coop_model *model);

enum {
    COOP_UNIT = 1, /* features of length 1; else as the towers give them */
    COOP_CUT = 2   /* a text with more tokens than the model has positions is cut; else it is an error */
};

/* features (n, E), rows as the images. Errors as in coop_classify; rows of images that failed are zero. Any
 * thread. */
COOP_API int coop_encode_images(coop_model *model, float *features, const coop_image *images, int n,
                                int flags, coop_error *errors, coop_error *error);
/* features (n, E) of UTF-8 texts. Any thread. */
COOP_API int coop_encode_texts(coop_model *model, float *features, const char *const *texts, int n, int flags,
                               coop_error *error);

#ifdef __cplusplus
}
#endif

#endif
