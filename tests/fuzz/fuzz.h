/* fuzz.h: one function per kind of file, which takes arbitrary bytes for such a file.
 *
 * Each lives in fuzz_KIND.c. `make fuzz` compiles it with -DLIBFUZZER into a program of its own, which feeds
 * it with changed copies of tests/fuzz/corpus/KIND/; tests/test_fuzz_corpus.c calls the same functions with
 * those seeds and with all that ever went wrong (tests/fuzz/regressions/KIND/). The functions hold the
 * readers to their word: a refusal is one line that begins with the file and costs no more memory than the
 * file and 64 MiB. They abort when it is not so, and return 1 when the bytes were read, 0 when they were
 * refused.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int (*FuzzFn)(const uint8_t *data, size_t size);

typedef struct {
    const char *kind; /* "yaml": the names of fuzz_yaml.c, of its function and of its folders */
    FuzzFn run;
} FuzzTarget;

const FuzzTarget *fuzz_targets(int *n);
void fuzz_finish(void); /* frees what some of them keep between calls: */
void fuzz_commands_finish(void);
void fuzz_names_finish(void);
void fuzz_state_finish(void);

int fuzz_answers(const uint8_t *data, size_t size);
int fuzz_captions(const uint8_t *data, size_t size);
int fuzz_class_names(const uint8_t *data, size_t size);
int fuzz_classifier(const uint8_t *data, size_t size);
int fuzz_commands(const uint8_t *data, size_t size);
int fuzz_config(const uint8_t *data, size_t size);
int fuzz_csv(const uint8_t *data, size_t size);
int fuzz_feature_store(const uint8_t *data, size_t size);
int fuzz_hub(const uint8_t *data, size_t size);
int fuzz_image(const uint8_t *data, size_t size);
int fuzz_library(const uint8_t *data, size_t size);
int fuzz_matches(const uint8_t *data, size_t size);
int fuzz_merges(const uint8_t *data, size_t size);
int fuzz_model(const uint8_t *data, size_t size);
int fuzz_names(const uint8_t *data, size_t size);
int fuzz_original_lists(const uint8_t *data, size_t size);
int fuzz_pair_shard(const uint8_t *data, size_t size);
int fuzz_pair_table(const uint8_t *data, size_t size);
int fuzz_photo_index(const uint8_t *data, size_t size);
int fuzz_pickle(const uint8_t *data, size_t size);
int fuzz_prompt(const uint8_t *data, size_t size);
int fuzz_questions(const uint8_t *data, size_t size);
int fuzz_results(const uint8_t *data, size_t size);
int fuzz_safetensors(const uint8_t *data, size_t size);
int fuzz_shards(const uint8_t *data, size_t size);
int fuzz_split_json(const uint8_t *data, size_t size);
int fuzz_state(const uint8_t *data, size_t size);
int fuzz_torch(const uint8_t *data, size_t size);
int fuzz_tuned(const uint8_t *data, size_t size);
int fuzz_yaml(const uint8_t *data, size_t size);

/* The bytes as a file, and what reading it needs. */
typedef struct {
    char path[64], folder[64]; /* folder: "" until something is written there */
    int fd;
    size_t size;
    Arena *arena;
    Error err;
} FuzzFile;

void fuzz_open(FuzzFile *file, const uint8_t *data, size_t size);

/* Writes FOLDER/name, where FOLDER is a new one that fuzz_close removes; the path is owned by the arena. */
char *fuzz_write(FuzzFile *file, const char *name, const void *data, size_t size);

/* Checks the refusal (which starts with the path, or with `start` when it is not NULL) or that there is no
 * error, and frees everything. Returns what the function returns. */
int fuzz_close(FuzzFile *file, bool was_read, const char *start);

/* Opens the bytes as a file of tensors of any kind, and reads every tensor and every text of its metadata. */
int fuzz_tensors(const uint8_t *data, size_t size);
/* The same for a file that was written; closes the input. */
int fuzz_tensors_at(FuzzFile *input, const char *path);

#ifdef LIBFUZZER
/* libFuzzer's own names; see https://llvm.org/docs/LibFuzzer.html */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Changes the bytes of a safetensors file (max_size at most) such that its header stays one now and then.
 * Returns the new size. For the kinds that are safetensors files. */
size_t fuzz_mutate_safetensors(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#define FUZZ_ENTRY(function)                                                                                 \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {                                           \
        function(data, size);                                                                                \
        return 0;                                                                                            \
    }
#define FUZZ_MUTATOR(function)                                                                               \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {             \
        return function(data, size, max_size, seed);                                                         \
    }
#else
#define FUZZ_ENTRY(function)
#define FUZZ_MUTATOR(function)
#endif

#endif
