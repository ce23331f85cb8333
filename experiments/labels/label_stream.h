/* label_stream.h: labels for any number of images, printed as they are made: decoding on threads of its own,
 * the image tower a batch at a time, logits, a record for each image. */
#ifndef EXPERIMENTS_LABELS_LABEL_STREAM_H
#define EXPERIMENTS_LABELS_LABEL_STREAM_H

#include "coop/coop.h"
#include "experiments/labels/label_output.h"
#include "experiments/terminal/options.h"

/* What a command that labels images is asked for, beside its words. Start with .top = 1. */
typedef struct {
    int top, batch;
    bool json, csv, null;
    bool was_learned; /* with what becomes of photos that their camera turned; otherwise --exif says that */
    const char *list, *html;
    OptionTexts images;
} LabelRequest;

enum { N_LABEL_OPTIONS = 7 };
/* Rows of a table of options; request is a LabelRequest. */
#define LABEL_OPTIONS(request)                                                                                 \
    {"top", OPTION_INT, &(request).top, 1, 1000000, "K", "labels per image (default 1)"},                      \
        {"json", OPTION_FLAG, &(request).json, 0, 0, NULL, "one JSON object per line"},                        \
        {"csv", OPTION_FLAG, &(request).csv, 0, 0, NULL, "comma-separated values below a header"},             \
        {"html", OPTION_TEXT, &(request).html, 0, 0, "FILE", "write a contact sheet, too: a page of its own"}, \
        {"list",                                                                                               \
         OPTION_TEXT,                                                                                          \
         &(request).list,                                                                                      \
         0,                                                                                                    \
         0,                                                                                                    \
         "FILE",                                                                                               \
         "images, too: a path per line (-: standard input)"},                                                  \
        {"null", OPTION_FLAG, &(request).null, 0, 0, NULL, "paths of a list stand between zero bytes"}, {      \
        "batch", OPTION_INT, &(request).batch, 1, 4096, "N", "images at a time (default: as fits the model)"   \
    }
#define LABEL_HELP                                                                                           \
    "IMAGE is a file, a folder (with all that lie in it, sorted), or - for a list on standard input. A "     \
    "file that\n"                                                                                            \
    "cannot be read is named, and the status is 1; files of a folder that are no images are passed over.\n"

/* Fails if the request makes no sense; n: how many images there are, if nobody must look for that, else 0. */
int label_request_check(const LabelRequest *request, int *n, Error *err);
/* At the end as label_output_verdict, or
 * ERROR_SIGNAL, with whole records on stdout. */
int label_images(coop_classifier *classifier, const LabelRequest *request, bool quiet, Error *err);

#endif
