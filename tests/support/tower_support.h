/* tower_support.h: what the tests of both image towers share. */
#ifndef TESTS_SUPPORT_TOWER_SUPPORT_H
#define TESTS_SUPPORT_TOWER_SUPPORT_H

#include "clip/base/arena.h"
#include "clip/checkpoint/model.h"

/* Opens a checkpoint; fails the test when that fails. Caller frees. */
Clip *tower_open(const char *path, ClipTowers towers);

/* The tower's features of the fixture images, after the test transform, against the reference's. */
void tower_check_golden(const char *model, const char *golden);

/* The bits of a feature are the same alone, among others, and on one or three threads. */
void tower_check_independence(const Clip *clip, int n_images);

/* Weights that are made ready as they are used give the same bits: those of a file, and of one with its
 * numbers as F32, written to a scratch folder (scratch.h). */
void tower_check_few(void **state, const char *model);

/* Features before the last layer, through that layer, are those behind it. */
void tower_check_unprojected(const Clip *clip, int n_images);

#endif
