/* bench_folder.h: a temporary folder for the files of a measurement. */
#ifndef EXPERIMENTS_BENCH_BENCH_FOLDER_H
#define EXPERIMENTS_BENCH_BENCH_FOLDER_H

#include "clip/base/error.h"

#include <stdbool.h>

enum { BENCH_PATH = 4096 };

/* A new folder under $TMPDIR or /tmp. */
int bench_folder_make(char path[BENCH_PATH], Error *err);
void bench_folder_remove(const char *path); /* with everything in it; "" is fine */
/* Whether there is room for so many bytes where these folders are made. */
bool bench_folder_room(double bytes);

#endif
