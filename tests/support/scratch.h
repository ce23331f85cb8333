/* scratch.h: a temporary folder for a test, and files in it. */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

/* cmocka set-up and tear-down: *state becomes the path of a new folder, which goes with all that is in it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* "FOLDER/name", in a buffer of the caller's; returns it. */
char *scratch_path(void **state, const char *name, char *out, size_t size);
/* Writes the bytes as they are. */
void scratch_file(const char *path, const void *data, size_t size);
/* Flips the bits of the mask in one byte of a file, in place. (To write a file anew thousands of times is
 * slow: ext4 goes to the disk each time.) */
void scratch_flip(const char *path, size_t at, unsigned char mask);
/* Number of names in the folder. */
int scratch_count(void **state);

/* Whether the test runs under valgrind. */
bool scratch_valgrind(void);
/* Whether a sanitizer or valgrind watches: then times and sizes of memory mean nothing. */
bool scratch_instrumented(void);

#endif
