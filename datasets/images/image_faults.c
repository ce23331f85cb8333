/* image_faults.c: see image_faults.h */
#include "datasets/images/image_faults.h"

#include <string.h>

static int n_listed(const ImageFaults *faults) {
    return faults->n < MAX_FAULTS ? faults->n : MAX_FAULTS;
}

void image_faults_add(ImageFaults *faults, int item, const Error *err) {
    int n = n_listed(faults), at = n;
    while (at > 0 && faults->first[at - 1].item > item)
        at--;
    faults->n++;
    if (at == MAX_FAULTS)
        return;
    size_t n_later = (size_t)(n < MAX_FAULTS ? n - at : MAX_FAULTS - 1 - at);
    memmove(&faults->first[at + 1], &faults->first[at], n_later * sizeof *faults->first);
    faults->first[at].item = item;
    faults->first[at].err = *err;
}

void image_faults_merge(ImageFaults *faults, const ImageFaults *more) {
    const int n = faults->n + more->n;
    for (int i = 0; i < n_listed(more); i++)
        image_faults_add(faults, more->first[i].item, &more->first[i].err);
    faults->n = n;
}

int image_faults_first(const ImageFaults *faults, Error *err) {
    if (faults->n == 0)
        return 0;
    if (err)
        *err = faults->first[0].err;
    return -1;
}
