/* bench_photo.h: drawn pictures that cost as much to decode as photographs. */
#ifndef EXPERIMENTS_BENCH_BENCH_PHOTO_H
#define EXPERIMENTS_BENCH_BENCH_PHOTO_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

enum { PHOTO_WIDTH = 500, PHOTO_HEIGHT = 375 };

/* A JPEG of waves and grain, which compresses like a photograph; each variant is a different picture. *data
 * is owned by the arena. */
int photo_draw(const unsigned char **data, size_t *size, int variant, Arena *arena, Error *err);

#endif
