/* image_stream.h: any number of images, one after the other, decoded on threads of their own ahead of whoever
 * encodes them.
 *
 * What is decoded and not yet taken is bounded, so a million images take no more memory than a hundred.
 */
#ifndef DATASETS_FEATURES_IMAGE_STREAM_H
#define DATASETS_FEATURES_IMAGE_STREAM_H

#include "datasets/features/digest_map.h"
#include "datasets/features/feature_source.h"

typedef struct ImageStream ImageStream;

/* Whatever the caller wants to have back with an image. */
typedef struct {
    uint64_t numbers[3];
    const char *text; /* borrowed */
} StreamNote;

/* What comes next. */
typedef struct {
    char *path;    /* malloc'd, the stream frees it; NULL: there is no more, for the reason in err, if any */
    bool is_found; /* in a folder, where other files may lie, too: one that is no image is no error */
    Error err;     /* why it cannot be had; zeroed for a file to be read */
    const unsigned char *bytes; /* (size) of the image, borrowed until it is taken; NULL: those of the file */
    size_t size;
    StreamNote note;
} StreamInput;

/* Called from one thread at a time, not always the same one; may wait. */
typedef void (*StreamNextFn)(void *context, StreamInput *input);

typedef struct {
    const char *path;
    const unsigned char *rgb; /* (S, S, 3) under the test transform; NULL for one without pixels */
    Error err;                /* why it has none; ERROR_NONE with rgb NULL: found, and no image at all */
    int orientation;          /* as its EXIF says (orientation.h) */
    Digest digest;            /* of the bytes, where `known` is asked */
    bool is_known;            /* `known` has said so: it is not decoded */
    StreamNote note;
} StreamImage;

/* Whether an image with this content need not be decoded. From any thread. */
typedef bool (*StreamKnownFn)(void *context, const Digest *digest);

typedef struct {
    int n_threads;       /* that decode */
    int n_ahead;         /* most images that wait */
    StreamKnownFn known; /* with the context of `next`; NULL: all are decoded, and no digests taken */
} StreamOptions;

/* The source's transform and `upright` count. Borrows it. Caller closes. */
ImageStream *image_stream_open(const FeatureSource *source, const StreamOptions *options, StreamNextFn next,
                               void *context, Error *err);
/* Waits for a call of next to end. NULL is fine. */
void image_stream_close(ImageStream *stream);

/* The next images, in order, at most max (and n_ahead): as many, unless there are no more, or the next one is
 * waited for. They are borrowed until the next call. 0 at the end, -1 with an error when stop (may be NULL),
 * which is asked ten times a second, says so. */
int image_stream_take(ImageStream *stream, const StreamImage **images, int max, int (*stop)(Error *err),
                      Error *err);

#endif
