/* config_named.c: see config_named.h */
#include "clip/checkpoint/config_named.h"

#include <string.h>

/* OpenCLIP fetches weights without their config: then the table of names is all that tells. */
static void add_activation(ModelConfig *config, const Named *named, Arena *arena) {
    const Activation is = named->quick_gelu ? ACTIVATION_QUICK_GELU : ACTIVATION_GELU;
    if (!config->path) {
        config->name = arena_printf(arena, "the name %s", named->name);
        config->text.activation = config->image.activation = is;
    } else if (config->text.activation != is) {
        config->note = arena_printf(arena, "%s: %s, where the name %s stands for %s; the config goes first",
                                    config->path, activation_name(config->text.activation), named->name,
                                    activation_name(is));
    }
}

static void add_pixels(ModelConfig *config, const Named *named, Arena *arena) {
    const float clip_mean[3] = CLIP_MEAN, clip_std[3] = CLIP_STD, half[3] = {0.5f, 0.5f, 0.5f};
    const float *mean = named->half_pixels ? half : clip_mean;
    const float *std = named->half_pixels ? half : clip_std;
    if (!config->has_pixels) {
        config->has_pixels = true;
        memcpy(config->mean, mean, sizeof half);
        memcpy(config->std, std, sizeof half);
        config->images = (ImagePreparation){.squash = named->squash};
    } else if (!config->note &&
               (memcmp(config->mean, mean, sizeof half) != 0 || memcmp(config->std, std, sizeof half) != 0 ||
                config->images.squash != named->squash)) {
        config->note = arena_printf(arena,
                                    "%s: images are prepared otherwise than the name %s stands for; the "
                                    "config goes first",
                                    config->pixels_path, named->name);
    }
}

void config_add_named(ModelConfig *config, const Named *named, const char *weights, Arena *arena) {
    if (named->kind == NAMED_OPENAI) /* its code says it, and its images are the rule */
        return;
    if (named->known) {
        add_activation(config, named, arena);
        if (!config->images_fault)
            add_pixels(config, named, arena);
    } else if (!config->has_pixels && !config->images_fault) {
        config->note = arena_printf(arena,
                                    "%s: no preprocessor_config.json beside it; images are assumed to be "
                                    "prepared as OpenAI's models want them",
                                    weights);
    }
}
