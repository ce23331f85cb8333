/* model_config.c: see model_config.h */
#include "clip/checkpoint/model_config.h"

int model_config_read(ModelConfig *config, const char *weights, NameFlavour flavour, Arena *arena,
                      Error *err) {
    *config = (ModelConfig){0};
    return flavour == NAMES_HUGGING_FACE ? config_read_hugging_face(config, weights, arena, err)
                                         : config_read_openclip(config, weights, arena, err);
}

static int check_size(const char *path, const char *what, int says, int has, const Clip *clip, Error *err) {
    if (says == 0 || says == has)
        return 0;
    return error_set(err, "%s: %s %d where the weights in %s have %d: the config of another model", path,
                     what, says, tensors_path(clip->file), has);
}

int model_config_check(const ModelConfig *config, const Clip *clip, Error *err) {
    const TowerConfig *text = &config->text, *image = &config->image;
    const bool is_vit = clip->image == IMAGE_TOWER_VIT;
    const int *blocks = clip->resnet.n_blocks;
    const struct {
        const char *what;
        int says, has;
    } sizes[] = {
        {"embedding", config->embed_dim, clip->embed_dim},
        {"text width", text->width, clip->text.width},
        {"number of text layers", text->n_layers, clip->text.n_layers},
        {"context length", text->n_positions, clip->text.n_positions},
        {"vocabulary size", text->n_vocab, clip->text.n_vocab},
        {"image width", image->width, is_vit ? clip->vit.width : clip->resnet.width},
        {"image size", image->image_size, clip->image_size},
        {"number of image layers", image->n_layers, is_vit ? clip->vit.n_layers : 0},
        {"patch size", is_vit ? image->patch_size : 0, clip->vit.patch_size},
        {"blocks of layer1", image->n_blocks[0], is_vit ? 0 : blocks[0]},
        {"blocks of layer2", image->n_blocks[1], is_vit ? 0 : blocks[1]},
        {"blocks of layer3", image->n_blocks[2], is_vit ? 0 : blocks[2]},
        {"blocks of layer4", image->n_blocks[3], is_vit ? 0 : blocks[3]},
    };
    for (size_t i = 0; config->path && i < sizeof sizes / sizeof *sizes; i++)
        if (check_size(config->path, sizes[i].what, sizes[i].says, sizes[i].has, clip, err) < 0)
            return -1;
    return check_size(config->pixels_path, "size of prepared images", config->input_size, clip->image_size,
                      clip, err);
}
