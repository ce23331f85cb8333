/* model_config.c: see model_config.h */
#include "clip/checkpoint/model_config.h"

#include "clip/checkpoint/config_hugging_face.h"
#include "clip/checkpoint/config_openclip.h"

#include <stdio.h>

int model_config_read(ModelConfig *config, const char *weights, NameFlavour flavour, Arena *arena,
                      Error *err) {
    *config = (ModelConfig){0};
    return flavour == NAMES_HUGGING_FACE ? config_read_hugging_face(config, weights, arena, err)
                                         : config_read_openclip(config, weights, arena, err);
}

int model_config_check(const ModelConfig *config, const ModelConfig *found, const char *weights, Error *err) {
    const TowerConfig *text = &config->text, *image = &config->image;
    const struct {
        const char *what;
        int says, has;
    } sizes[] = {
        {"embedding", config->embed_dim, found->embed_dim},
        {"text width", text->width, found->text.width},
        {"number of text layers", text->n_layers, found->text.n_layers},
        {"context length", text->n_positions, found->text.n_positions},
        {"vocabulary size", text->n_vocab, found->text.n_vocab},
        {"image width", image->width, found->image.width},
        {"image size", image->image_size, found->image.image_size},
        {"number of image layers", image->n_layers, found->image.n_layers},
        {"patch size", found->image.patch_size > 0 ? image->patch_size : 0, found->image.patch_size},
        {"blocks of layer1", image->n_blocks[0], found->image.n_blocks[0]},
        {"blocks of layer2", image->n_blocks[1], found->image.n_blocks[1]},
        {"blocks of layer3", image->n_blocks[2], found->image.n_blocks[2]},
        {"blocks of layer4", image->n_blocks[3], found->image.n_blocks[3]},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (config->path && sizes[i].says != 0 && sizes[i].says != sizes[i].has)
            return error_set(err, "%s: %s %d where the weights in %s have %d: the config of another model",
                             config->path, sizes[i].what, sizes[i].says, weights, sizes[i].has);
    return 0;
}

int model_config_check_images(const ModelConfig *config, int image_size, const char *weights, Error *err) {
    if (config->images_fault)
        return error_set(err, "%s", config->images_fault);
    if (config->input_size != 0 && config->input_size != image_size)
        return error_set(err,
                         "%s: size of prepared images %d where the weights in %s have %d: the config of "
                         "another model",
                         config->pixels_path, config->input_size, weights, image_size);
    return 0;
}

void model_config_images_text(char out[80], const ImagePreparation *images, int image_size) {
    const char *interpolation = images->bilinear ? "bilinear" : "bicubic";
    const int size = images->resize ? images->resize : image_size;
    *out = '\0';
    if (images->pad)
        snprintf(out, 80, "padded with %d to %d x %d, %s", images->fill, size, size, interpolation);
    else if (images->squash)
        snprintf(out, 80, "squashed to %d x %d, %s", size, size, interpolation);
    else if (images->bilinear || images->resize)
        snprintf(out, 80, "resized to %d, %s", size, interpolation);
}
