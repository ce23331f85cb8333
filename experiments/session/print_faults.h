/* print_faults.h: images that cannot be read, together instead of one per run. */
#ifndef EXPERIMENTS_SESSION_PRINT_FAULTS_H
#define EXPERIMENTS_SESSION_PRINT_FAULTS_H

#include "datasets/images/image_faults.h"

/* For an error that is the first of several faults: lists them on stderr, and *err becomes their number. Of
 * one, or none, it stays as it is. Returns -1. */
int print_faults(const ImageFaults *faults, Error *err);

#endif
