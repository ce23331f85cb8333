/* print_faults.c: see print_faults.h */
#include "experiments/session/print_faults.h"

#include <stdio.h>

int print_faults(const ImageFaults *faults, Error *err) {
    if (faults->n < 2 || faults->first[0].err.kind != ERROR_INPUT) /* it is not the images: no memory */
        return -1;
    for (int i = 0; i < faults->n && i < MAX_FAULTS; i++)
        fprintf(stderr, "%s\n", faults->first[i].err.text);
    return faults->n > MAX_FAULTS
               ? error_set(err, "%d images cannot be read; the first %d are listed", faults->n, MAX_FAULTS)
               : error_set(err, "%d images cannot be read", faults->n);
}
