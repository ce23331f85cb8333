/* image_faults.h: what is wrong with which images of a list. */
#ifndef DATASETS_IMAGES_IMAGE_FAULTS_H
#define DATASETS_IMAGES_IMAGE_FAULTS_H

#include "clip/base/error.h"

enum { MAX_FAULTS = 10 };

/* Start with a zeroed one. */
typedef struct {
    int n; /* of all faults */
    struct {
        int item; /* its place in the list */
        Error err;
    } first[MAX_FAULTS]; /* (n, but at most MAX_FAULTS), in the order of the items */
} ImageFaults;

void image_faults_add(ImageFaults *faults, int item, const Error *err);
void image_faults_merge(ImageFaults *faults, const ImageFaults *more);
/* 0 when there is none; else -1 with the first one. */
int image_faults_first(const ImageFaults *faults, Error *err);

#endif
