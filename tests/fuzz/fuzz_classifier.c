/* fuzz_classifier.c: classifier.safetensors of every kind, read from memory and used on a few images. */
#include "tests/fuzz/fuzz.h"

#include "clip/tensors/tensors_open.h"
#include "coop/classifier_file.h"

#include <math.h>
#include <stdlib.h>

enum { N = 3, MOST = 1 << 16 };

/* Two calls for the same images give the same bits. */
static void use(const ClassifierFile *classifier, FuzzFile *input) {
    const size_t K = (size_t)classifier->head.n_classes, E = (size_t)classifier->head.embed_dim;
    if (K * E > MOST)
        return;
    float *features = arena_floats(input->arena, N, E), *all = arena_floats(input->arena, N, K);
    float *row = arena_floats(input->arena, 1, K);
    if (arena_failed(input->arena))
        abort();
    for (size_t i = 0; i < N * E; i++)
        features[i] = sinf((float)i + 1);
    if (classifier->kind->logits(classifier->state, NULL, all, features, N, &input->err) < 0 ||
        classifier->kind->logits(classifier->state, NULL, row, features + E, 1, &input->err) < 0)
        abort();
    for (size_t k = 0; k < K; k++)
        if (row[k] != all[K + k] && !(isnan(row[k]) && isnan(all[K + k])))
            abort();
}

int fuzz_classifier(const uint8_t *data, size_t size) {
    FuzzFile input;
    ClassifierFile classifier;
    fuzz_open(&input, data, size);
    TensorFile *file = tensors_open_bytes(data, size, input.path, &input.err);
    const bool was_read = file && classifier_file_read(&classifier, file, input.arena, &input.err) == 0;
    if (was_read && (classifier.head.n_classes < 1 || classifier.head.embed_dim < 1 || !classifier.state))
        abort();
    if (was_read)
        use(&classifier, &input);
    tensors_close(file);
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_classifier)
FUZZ_MUTATOR(fuzz_mutate_safetensors)
