/* picture_files.h: the pictures of tests/fixtures/formats against Pillow's pixels, cut short and damaged. */
#ifndef TESTS_SUPPORT_PICTURE_FILES_H
#define TESTS_SUPPORT_PICTURE_FILES_H

#include "tests/support/image_support.h"

#define PICTURES "tests/fixtures/formats/"

/* A copy of a fixture; the caller frees data. */
Bytes picture_read(const char *file);
/* Refused with a message that contains `reason`; nothing stays in the arena. Frees the bytes. */
void picture_refuse(Bytes bytes, const char *reason, Arena *arena);

/* Each of these does it with all files of one suffix (".gif"), and fails the test if there are not n. */
void pictures_are_pillows(const char *suffix, int n, Arena *arena);
/* Cut anywhere, a file is refused, unless all of its pixels are still there. */
void pictures_cut_short(const char *suffix, int n, Arena *arena);
/* A bit flipped anywhere does no harm, and the check refuses nothing that can be read. */
void pictures_damaged(const char *suffix, int n, Arena *arena);

#endif
