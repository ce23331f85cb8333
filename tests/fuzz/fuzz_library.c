/* fuzz_library.c: learned files as a program of others gives them to coop.h, from memory, with the checkpoint
 * of the tests; one that is taken then labels an image, and the bytes are an image, too. */
#include "tests/fuzz/fuzz.h"

#include "coop/coop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT "tests/fixtures/clip_vit.safetensors"
#define IMAGE "tests/fixtures/images/shape00/0000.jpg"

static void stop(const char *what, const char *text) {
    fprintf(stderr, "%s: '%s'\n", what, text);
    abort();
}

/* A refusal is one line about the file, or what it names. */
static void check_error(int code, const coop_error *error) {
    if (code != (int)error->code || (code == COOP_OK) != (error->message[0] == '\0'))
        stop("a code without its message", error->message);
    if (code == COOP_FAILED || code == COOP_MEMORY || code == COOP_STOPPED)
        stop("refused without an error of the input", error->message);
    for (const char *c = error->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            stop("a control character in the error", error->message);
}

/* Infinite logits are the file's own affair; what is labelled is a class, and each has its name. */
static void use(coop_classifier *classifier, const uint8_t *data, size_t size) {
    const coop_image images[] = {coop_image_file(IMAGE), coop_image_bytes(data, size)};
    const int K = coop_classifier_classes(classifier);
    coop_error error, errors[2];
    coop_label best[2];
    coop_info info;
    for (int k = 0; k < K; k++)
        if (!coop_classifier_name(classifier, k))
            stop("a class without a name", "");
    coop_classifier_info(classifier, &info, sizeof info);
    const int code = coop_classify(classifier, images, 2, best, 1, errors, &error);
    check_error(code, &error);
    for (int i = 0; i < 2 && (code == COOP_OK || code == COOP_PARTLY); i++) {
        check_error((int)errors[i].code, &errors[i]);
        if (errors[i].code == COOP_OK && (best[i].index < 0 || best[i].index >= K))
            stop("no such class", "");
    }
}

int fuzz_library(const uint8_t *data, size_t size) {
    coop_classifier *classifier;
    coop_options options;
    coop_error error;
    coop_options_init(&options, sizeof options);
    options.threads = 1;
    options.images = 1;
    options.checkpoint = CHECKPOINT;
    options.vocabulary = "tests/fixtures/merges.txt.gz";
    const int code = coop_classifier_open_bytes(&classifier, data ? data : (const uint8_t *)"", size,
                                                "learned", &options, &error);
    check_error(code, &error);
    if (code != COOP_OK)
        return classifier ? (stop("refused, but there", error.message), 0) : 0;
    use(classifier, data, size);
    coop_classifier_close(classifier);
    return 1;
}

FUZZ_ENTRY(fuzz_library)
FUZZ_MUTATOR(fuzz_mutate_safetensors)
