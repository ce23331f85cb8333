/* learned_files.h: a learned file of each kind, for the fixture clip_vit.safetensors. */
#ifndef TESTS_COOP_LIBRARY_LEARNED_FILES_H
#define TESTS_COOP_LIBRARY_LEARNED_FILES_H

#include "clip/base/arena.h"

#include <stddef.h>

#define LEARNED_WEIGHTS "tests/fixtures/clip_vit.safetensors"
#define LEARNED_VOCAB "tests/fixtures/merges.txt.gz"

enum { LEARNED_CLASSES = 4 };
extern const char *const LEARNED_NAMES[LEARNED_CLASSES];

typedef enum { LEARNED_PROMPT, LEARNED_COSINE, LEARNED_LINEAR, LEARNED_CACHE, LEARNED_KINDS } LearnedKind;

/* Fails the test when it cannot. LINEAR was learned of images turned as their EXIF says. */
void learned_file_write(const char *path, LearnedKind kind);

/* A JPEG (size) with EXIF data that says orientation 6, a quarter turn to the right; owned by the arena. */
unsigned char *jpeg_on_its_side(const unsigned char *jpeg, size_t *size, Arena *arena);

#endif
