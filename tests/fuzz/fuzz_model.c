/* fuzz_model.c: checkpoints by their names and shapes. The bytes are the header of a safetensors file, whose
 * data are zeros, and behind a NUL the config beside it. A model that opens must also compute. */
#include "tests/fuzz/fuzz.h"

#include "clip/checkpoint/model.h"
#include "clip/image/image_tower.h"
#include "clip/text/text_encoder.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DATA = 1 << 20, MAX_TOKENS = 80 };

static const char *const CONFIGS[] = {"config.json", "open_clip_config.json"};

/* The largest number behind a comma and before a bracket, as the end of a tensor is written. */
static size_t data_size(const char *header, size_t size) {
    size_t largest = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        char *end;
        if (header[i] != ',' || header[i + 1] < '0' || header[i + 1] > '9')
            continue;
        unsigned long long number = strtoull(header + i + 1, &end, 10);
        if (*end == ']' && number <= MAX_DATA && number > largest)
            largest = (size_t)number;
    }
    return largest;
}

static const char *write_checkpoint(FuzzFile *input, const char *header, size_t n_header) {
    size_t n_data = data_size(header, n_header);
    unsigned char *bytes = calloc(8 + n_header + n_data, 1);
    if (!bytes)
        abort();
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)n_header >> 8 * i);
    memcpy(bytes + 8, header, n_header);
    const char *path = fuzz_write(input, "model.safetensors", bytes, 8 + n_header + n_data);
    free(bytes);
    return path;
}

/* One prompt of the first, the last and the first token again. */
static void encode_text(const Clip *clip, Pool *pool, Arena *arena) {
    const int symbols[] = {0, clip->n_vocab - 1, 0}, *prompts[] = {symbols};
    int length = clip->text.n_positions < 3 ? clip->text.n_positions : 3;
    TokenTree tree;
    float *features = arena_floats(arena, 1, clip->text.embed_dim);
    if (!features || token_tree_build(&tree, prompts, &length, 1, arena, NULL) != 0)
        return;
    TextEncoder *encoder = text_encoder_create(&clip->text, &tree, pool, false, 0, NULL);
    if (encoder)
        text_encoder_forward(encoder, features, NULL);
    text_encoder_free(encoder);
}

static void encode_image(const Clip *clip, Pool *pool, Arena *arena) {
    int n_tokens = clip->image == IMAGE_TOWER_VIT ? clip->vit.n_tokens : clip->resnet.n_tokens * 64;
    size_t side = (size_t)clip->image_size;
    if (n_tokens > MAX_TOKENS * 64 || side > 96)
        return;
    float *pixels = arena_floats(arena, 3 * side, side), *features = arena_floats(arena, 1, clip->embed_dim);
    if (!arena_failed(arena))
        image_tower_forward(clip, pool, pixels, 1, features, NULL);
}

static bool open_model(const char *path, Error *err) {
    Clip *clip = clip_open(path, CLIP_BOTH, err);
    if (!clip)
        return false;
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    if (!arena || !pool)
        abort();
    encode_text(clip, pool, arena);
    encode_image(clip, pool, arena);
    if (strlen(clip_digest(clip)) != 64)
        abort();
    pool_free(pool);
    arena_free(arena);
    clip_free(clip);
    return true;
}

int fuzz_model(const uint8_t *data, size_t size) {
    FuzzFile input;
    uint8_t *text = calloc(size + 1, 1);
    if (!text)
        abort();
    fuzz_open(&input, data, 0);
    memcpy(text, data, size);
    size_t n_header = strlen((char *)text);
    const char *path = write_checkpoint(&input, (char *)text, n_header);
    for (int i = 0; i < 2 && n_header < size; i++)
        fuzz_write(&input, CONFIGS[i], text + n_header + 1, size - n_header - 1);
    bool was_read = open_model(path, &input.err);
    free(text);
    return fuzz_close(&input, was_read, input.folder);
}

FUZZ_ENTRY(fuzz_model)
