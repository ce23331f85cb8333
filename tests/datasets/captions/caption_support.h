/* caption_support.h: files of captions for tests, written into a scratch folder and read back. */
#ifndef TESTS_DATASETS_CAPTIONS_CAPTION_SUPPORT_H
#define TESTS_DATASETS_CAPTIONS_CAPTION_SUPPORT_H

#include "datasets/captions/caption_set.h"
#include "tests/support/list_support.h"

/* Reads the text as "@/file". */
int captions_read(Lists *lists, CaptionSet *set, const char *split, const char *text);
/* What is read: "a.jpg: first, second,; b.jpg: third,". */
void captions_check(Lists *lists, const char *split, const char *text, const char *expected);
void captions_refuse(Lists *lists, const char *split, const char *text, const char *message);

#endif
