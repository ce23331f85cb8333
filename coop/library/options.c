/* options.c: see options.h */
#include "coop/library/options.h"

#include <string.h>

enum { LEAST_SIZE = 2 * sizeof(size_t), MAX_THREADS = 1024, MAX_HEADS = 1024 };

void coop_options_init(coop_options *options, size_t size) {
    if (!options || size < LEAST_SIZE)
        return;
    memset(options, 0, size);
    options->size = size;
}

/* What a newer header has behind the end of ours must be unused. */
static bool is_zero(const void *bytes, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (((const unsigned char *)bytes)[i] != 0)
            return false;
    return true;
}

static int check(const coop_options *o, Error *err) {
    if (o->threads < 0 || o->threads > MAX_THREADS)
        return error_usage(err, "options: threads %d: 0 .. %d are needed", o->threads, MAX_THREADS);
    if (o->images < 0)
        return error_usage(err, "options: images %d: a number of images is needed", o->images);
    if (o->heads < 0 || o->heads > MAX_HEADS)
        return error_usage(err, "options: heads %d: 0 .. %d are needed", o->heads, MAX_HEADS);
    if ((unsigned)o->precision > COOP_AUTO_PRECISION)
        return error_usage(err, "options: precision %d: there is no such coop_precision", (int)o->precision);
    if ((unsigned)o->activation > COOP_GELU)
        return error_usage(err, "options: activation %d: there is no such coop_activation",
                           (int)o->activation);
    if ((unsigned)o->towers > COOP_TEXTS)
        return error_usage(err, "options: towers %d: there is no such coop_towers", (int)o->towers);
    if ((unsigned)o->exif > COOP_EXIF_ROTATE)
        return error_usage(err, "options: exif %d: there is no such coop_exif", (int)o->exif);
    if ((unsigned)o->position > COOP_FRONT)
        return error_usage(err, "options: position %d: there is no such coop_position", (int)o->position);
    return 0;
}

int options_read(coop_options *options, const coop_options *given, Error *err) {
    memset(options, 0, sizeof *options);
    if (!given)
        return 0;
    if (given->size < LEAST_SIZE || given->size > 1 << 16)
        return error_usage(err, "options: not initialised: coop_options_init(&options, sizeof options) is "
                                "needed");
    const size_t known = given->size < sizeof *options ? given->size : sizeof *options;
    if (!is_zero(given, known, given->size))
        return error_usage(err, "options: a choice that this library, %s, does not know yet", COOP_VERSION);
    memcpy(options, given, known);
    return check(options, err);
}

LoadedModelOptions options_of_model(const coop_options *o) {
    static const ClipActivation activations[] = {CLIP_ACTIVATION_AUTO, CLIP_ACTIVATION_QUICK_GELU,
                                                 CLIP_ACTIVATION_GELU};
    static const Precision precisions[] = {PRECISION_FLOAT32, PRECISION_FLOAT32, PRECISION_BFLOAT16,
                                           PRECISION_AUTO};
    static const ClipTowers towers[] = {CLIP_BOTH, CLIP_IMAGE, CLIP_TEXT};
    const ClipTowers few = o->images > 0 ? loaded_model_few(o->images) : 0;
    return (LoadedModelOptions){.towers = towers[o->towers] | few,
                                .vocab = o->vocabulary,
                                .activation = activations[o->activation],
                                .heads = o->heads,
                                .precision = precisions[o->precision],
                                .n_threads = o->threads};
}

ClassifierOptions options_of_classifier(const coop_options *o) {
    static const ClassTokenPosition positions[] = {POSITION_END, POSITION_MIDDLE, POSITION_FRONT};
    ClassifierOptions options = {.weights = o->checkpoint,
                                 .model = options_of_model(o),
                                 .set_precision = o->precision != COOP_PRECISION_AS_LEARNED,
                                 .position = positions[o->position],
                                 .n_images = o->images};
    options.model.towers = 0;
    return options;
}
