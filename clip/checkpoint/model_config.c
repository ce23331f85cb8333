/* model_config.c: see model_config.h */
#include "clip/checkpoint/model_config.h"

#include "clip/checkpoint/config_hugging_face.h"
#include "clip/checkpoint/config_openclip.h"

int model_config_read(ModelConfig *config, const char *weights, NameFlavour flavour, Arena *arena,
                      Error *err) {
    *config = (ModelConfig){0};
    return flavour == NAMES_HUGGING_FACE ? config_read_hugging_face(config, weights, arena, err)
                                         : config_read_openclip(config, weights, arena, err);
}

int model_config_check(const ModelConfig *config, const ModelConfig *found, const char *weights, Error *err) {
    const TowerConfig *text = &config->text, *image = &config->image;
    const struct {
        const char *path, *what;
        int says, has;
    } sizes[] = {
        {config->path, "embedding", config->embed_dim, found->embed_dim},
        {config->path, "text width", text->width, found->text.width},
        {config->path, "number of text layers", text->n_layers, found->text.n_layers},
        {config->path, "context length", text->n_positions, found->text.n_positions},
        {config->path, "vocabulary size", text->n_vocab, found->text.n_vocab},
        {config->path, "image width", image->width, found->image.width},
        {config->path, "image size", image->image_size, found->image.image_size},
        {config->path, "number of image layers", image->n_layers, found->image.n_layers},
        {config->path, "patch size", found->image.patch_size > 0 ? image->patch_size : 0,
         found->image.patch_size},
        {config->path, "blocks of layer1", image->n_blocks[0], found->image.n_blocks[0]},
        {config->path, "blocks of layer2", image->n_blocks[1], found->image.n_blocks[1]},
        {config->path, "blocks of layer3", image->n_blocks[2], found->image.n_blocks[2]},
        {config->path, "blocks of layer4", image->n_blocks[3], found->image.n_blocks[3]},
        {config->pixels_path, "size of prepared images", config->input_size, found->input_size},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].path && sizes[i].says != 0 && sizes[i].says != sizes[i].has)
            return error_set(err, "%s: %s %d where the weights in %s have %d: the config of another model",
                             sizes[i].path, sizes[i].what, sizes[i].says, weights, sizes[i].has);
    return 0;
}
