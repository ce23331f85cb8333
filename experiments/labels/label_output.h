/* label_output.h: prints labels with probabilities, as they are made. */
#ifndef EXPERIMENTS_LABELS_LABEL_OUTPUT_H
#define EXPERIMENTS_LABELS_LABEL_OUTPUT_H

#include "coop/coop.h"
#include "datasets/features/image_stream.h"
#include "experiments/labels/contact_sheet.h"
#include "experiments/terminal/progress.h"

/* text    PATH  cup 92.1 %  key 3.0 %
 * json    {"image": PATH, "labels": [{"name": "cup", "probability": 0.921}, ...]}, or "error" in place of
 * labels csv     image,label,probability,label_2,probability_2,...,error below a header
 *
 * What is wrong with an image is a line on stderr, too, and in text there alone. Files of a folder that are
 * no images have no record at all. */
typedef enum { LABELS_TEXT, LABELS_JSON, LABELS_CSV } LabelFormat;

/* Start with .format, .top, .class_names and .n_classes. */
typedef struct {
    LabelFormat format;
    int top;                        /* labels of each image */
    const char *const *class_names; /* (n_classes) */
    int n_classes;
    ContactSheet *sheet; /* gets all images, too; or NULL */
    Arena *arena;        /* for scratch */
    Progress *progress;  /* above which lines on stderr are printed */

    long n, n_bad, n_passed; /* with a record; of these, with an error; files without a record */
    char *first_passed;      /* malloc'd */
    Error held;              /* of the first image, which is not printed if it stays alone */
    int width;               /* of the column of paths, so far */
} LabelOutput;

/* What stands before everything else. */
void label_output_begin(const LabelOutput *output);
/* How many labels an image gets: not more than there are classes. */
int label_output_top(const LabelOutput *output);
/* Prints n images and flushes; the labels (label_output_top) of those that have pixels follow each other. */
int label_output_put(LabelOutput *output, const StreamImage *const *images, int n, const coop_label *labels,
                     int side, Error *err);
/* 0 when all images were labelled. ERROR_PARTLY when some could not be read, ERROR_INPUT when none could; of
 * a single image what is wrong with it. */
int label_output_verdict(const LabelOutput *output, Error *err);
void label_output_free(LabelOutput *output);

#endif
