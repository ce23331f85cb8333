/* fuzz_tuned.c: files of fine-tuning, read and put into a model of two weights. */
#include "tests/fuzz/fuzz.h"

#include "clip/tensors/tensors_open.h"
#include "coop/tuned_file.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 4, EMBED = 3 };

int fuzz_tuned(const uint8_t *data, size_t size) {
    static const int64_t projection[] = {WIDTH, EMBED}, in_proj[] = {3 * WIDTH, WIDTH};
    FuzzFile input;
    Tuned tuned;
    bool image, text;
    fuzz_open(&input, data, size);
    TrainableClip *clip = trainable_clip_empty(PRECISION_FLOAT32);
    if (!clip)
        abort();
    parameters_add(&clip->parameters, 2, projection, "visual.proj");
    parameters_add(&clip->parameters, 2, in_proj, "transformer.resblocks.0.attn.in_proj_weight");
    TensorFile *file = tensors_open(input.path, &input.err);
    const bool was_read = file && tuned_read(&tuned, file, input.arena, &input.err) == 0 &&
                          tuned_apply(&tuned, file, clip, &image, &text, &input.err) == 0;
    if (was_read && (!tuned_is_one(file) || tuned.n_templates < 1 || tuned.head.n_classes < 1))
        abort();
    for (int i = 0; was_read && i < clip->parameters.n; i++)
        for (size_t k = 0; k < clip->parameters.items[i].count; k++)
            if (isnan(clip->parameters.items[i].value[k]))
                abort();
    trainable_clip_free(clip);
    tensors_close(file);
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_tuned)
FUZZ_MUTATOR(fuzz_mutate_safetensors)
