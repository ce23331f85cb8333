/* fuzz_config.c: the files of JSON beside a checkpoint, in both flavours. Behind a NUL there is the
 * preprocessor_config.json; without one, Hugging Face's checkpoint has none. */
#include "tests/fuzz/fuzz.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/checkpoint/model_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void need(bool holds) {
    if (!holds)
        abort();
}

/* What the towers rely on. */
static void check_config(const ModelConfig *config) {
    const TowerConfig *towers[] = {&config->text, &config->image};
    for (int i = 0; i < 2; i++) {
        const TowerConfig *tower = towers[i];
        need(tower->width > 0 && tower->n_heads > 0);
        need(tower->n_layers > 0 || (tower->n_blocks[0] > 0 && tower->n_blocks[3] > 0));
        need(tower->norm_eps >= 0 && tower->norm_eps < 1);
    }
    for (int i = 0; config->has_pixels && i < 3; i++)
        need(isfinite(config->mean[i]) && isfinite(config->std[i]) && config->std[i] > 0);
    need(config->input_size >= 0 && config->images.fill >= 0 && config->images.fill <= 255);
    char text[80];
    model_config_images_text(text, &config->images, 224);
    need(strlen(text) < sizeof text);
}

/* The same sizes fit, and others do not. */
static void check_sizes(const ModelConfig *config, const char *weights) {
    Error err = {0};
    ModelConfig found = *config;
    need(model_config_check(config, &found, weights, &err) == 0);
    found.text.width++;
    need(model_config_check(config, &found, weights, &err) < 0 && err.kind == ERROR_INPUT);
    err = (Error){0};
    int fits = model_config_check_images(config, config->image.image_size, weights, &err);
    need((fits == 0) == (err.kind == ERROR_NONE) && (!config->images_fault || fits < 0));
}

static bool read_as(NameFlavour flavour, const char *weights, FuzzFile *input, Error *err) {
    ModelConfig config = {0};
    if (model_config_read(&config, weights, flavour, input->arena, err) < 0)
        return false;
    need(config.path != NULL);
    check_config(&config);
    check_sizes(&config, weights);
    return true;
}

int fuzz_config(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, 0);
    input.size = size;
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    const size_t first = end ? (size_t)(end - data) : size;
    fuzz_write(&input, "config.json", data, first);
    const char *weights = fuzz_write(&input, "open_clip_config.json", data, first);
    if (end)
        fuzz_write(&input, "preprocessor_config.json", end + 1, size - first - 1);
    weights = path_join(input.arena, path_folder(input.arena, weights), "model.safetensors");
    Error other = {0};
    bool openclip = read_as(NAMES_OPENCLIP, weights, &input, &other);
    bool hugging_face = read_as(NAMES_HUGGING_FACE, weights, &input, &input.err);
    if (openclip && !hugging_face)
        input.err = (Error){0};
    need(openclip || other.kind == ERROR_INPUT);
    return fuzz_close(&input, openclip || hugging_face, input.folder);
}

FUZZ_ENTRY(fuzz_config)
