/* Opening a checkpoint: what is found in good ones, and one clear error for every kind of bad one. */
#define _GNU_SOURCE /* memmem */
#include "clip/checkpoint/model.h"

#include "clip/checkpoint/names.h"
#include "clip/image/image_tower.h"

#include "clip/base/files.h"
#include "clip/math/packed_conv.h"
#include "clip/tensors/safetensors_write.h"
#include "tests/support/checkpoint_copy.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VIT FIXTURES "clip_vit.safetensors"
#define RN FIXTURES "clip_rn.safetensors"

/* --- good files --- */

static void test_vit(void **state) {
    (void)state;
    Clip *clip = tower_open(VIT, CLIP_BOTH);
    assert_int_equal(clip->image, IMAGE_TOWER_VIT);
    assert_string_equal(clip->name, "ViT w128 l4 p8");
    const VitWeights *vit = &clip->vit;
    assert_int_equal(vit->image_size, 32);
    assert_int_equal(vit->patch_size, 8);
    assert_int_equal(vit->n_tokens, 17);
    assert_int_equal(vit->n_heads, 2);
    assert_int_equal(vit->n_layers, 4);
    assert_int_equal(vit->mlp_width, 512);
    assert_int_equal(vit->embed_dim, 64);
    const TextWeights *text = &clip->text;
    assert_int_equal(text->n_vocab, 718);
    assert_int_equal(text->n_positions, 77);
    assert_int_equal(text->width, 128);
    assert_int_equal(text->n_layers, 3);
    assert_int_equal(text->embed_dim, 64);
    assert_int_equal(text->activation, ACTIVATION_QUICK_GELU);
    assert_true(fabsf(clip->logit_scale - 3.166f) < 1e-3f);
    assert_true(fabsf(clip->mean[1] - 0.4578275f) < 1e-7f && fabsf(clip->std[2] - 0.27577711f) < 1e-7f);
    clip_free(clip);
}

static void test_resnet(void **state) {
    (void)state;
    Clip *clip = tower_open(RN, CLIP_BOTH);
    assert_int_equal(clip->image, IMAGE_TOWER_RESNET);
    assert_string_equal(clip->name, "RN w16 (1,2,1,1)");
    const ResnetWeights *rn = &clip->resnet;
    assert_int_equal(rn->image_size, 64);
    assert_int_equal(rn->width, 16);
    assert_int_equal(rn->n_tokens, 5);
    assert_int_equal(rn->n_heads, 8);
    assert_int_equal(rn->embed_dim, 48);
    assert_true(rn->layers[0][0].has_downsample && rn->layers[0][0].stride == 1);
    assert_true(rn->layers[1][0].has_downsample && rn->layers[1][0].stride == 2);
    assert_true(!rn->layers[1][1].has_downsample && rn->layers[1][1].stride == 1);
    clip_free(clip);
}

/* w' = w gamma / sqrt(var + eps), b' = beta - mean gamma / sqrt(var + eps), and the new order of w. */
static void test_batch_norm_folding(void **state) {
    (void)state;
    Arena *arena = arena_create();
    TensorFile *file = fixture_open(RN);
    Clip *clip = tower_open(RN, CLIP_IMAGE);
    const ConvWeights *conv = &clip->resnet.layers[1][0].conv2; /* 32 channels to 32, 3x3 */
    const char *p = "visual.layer2.0.";
    const float *w = fixture_floats(file, arena_printf(arena, "%sconv2.weight", p), arena, NULL);
    const float *gamma = fixture_floats(file, arena_printf(arena, "%sbn2.weight", p), arena, NULL);
    const float *beta = fixture_floats(file, arena_printf(arena, "%sbn2.bias", p), arena, NULL);
    const float *mean = fixture_floats(file, arena_printf(arena, "%sbn2.running_mean", p), arena, NULL);
    const float *var = fixture_floats(file, arena_printf(arena, "%sbn2.running_var", p), arena, NULL);
    float want_w[9 * 32 * 32], want_b[32];
    for (int o = 0; o < 32; o++) {
        const double scale = gamma[o] / sqrt(var[o] + 1e-5);
        want_b[o] = (float)(beta[o] - mean[o] * scale);
        for (int i = 0; i < 32; i++)
            for (int at = 0; at < 9; at++)
                want_w[(at * 32 + i) * 32 + o] = (float)(w[(o * 32 + i) * 9 + at] * scale);
    }
    const ConvWeights want = {.n_in = 32, .n_out = 32, .kernel = 3, .w = want_w, .b = want_b};
    const size_t size = packed_conv_size(32, 32, 3);
    if (size) {
        float *panels = arena_floats(arena, size, 1);
        packed_conv_pack(panels, &want);
        assert_close("panels", conv->panels, panels, size, 1e-7);
    } else {
        assert_close("w", conv->w, want_w, 9 * 32 * 32, 1e-7);
        assert_close("b", conv->b, want_b, 32, 1e-7);
    }
    clip_free(clip);
    tensors_close(file);
    arena_free(arena);
}

static void test_towers_not_asked_for(void **state) {
    (void)state;
    Clip *text = tower_open(RN, CLIP_TEXT), *image = tower_open(RN, CLIP_IMAGE),
         *vit = tower_open(VIT, CLIP_TEXT);
    assert_non_null(text->text.blocks);
    assert_null(text->resnet.layers[0]);
    assert_null(vit->vit.blocks);
    assert_int_equal(text->image_size, 64);
    assert_null(image->text.blocks);
    assert_int_equal(image->text.width, 0);
    assert_int_equal(image->n_vocab, 718);
    assert_int_equal(image->embed_dim, 48);
    assert_string_equal(text->name, image->name);
    assert_string_equal(clip_digest(text), clip_digest(image));
    assert_int_equal(strlen(clip_digest(vit)), 64);
    clip_free(text);
    clip_free(image);
    clip_free(vit);
    clip_free(NULL);
}

/* --- files made from a good one --- */

static void assert_refused(const char *path, const char *what, const char *message) {
    Error err = {0};
    char want[1024];
    snprintf(want, sizeof want, "%s: %s", path, message);
    Clip *clip = clip_open(path, CLIP_BOTH, &err);
    if (clip)
        fail_msg("%s was opened", what);
    assert_int_equal(err.kind, ERROR_INPUT);
    if (strncmp(err.text, want, strlen(want)) != 0) /* a prefix: shapes and such may follow */
        fail_msg("%s:\n got %s\nwant %s", what, err.text, want);
}

/* F32 is used in place, BF16 and F64 are converted; all to the same values. */
static void test_types(void **state) {
    char path[512];
    Arena *arena = arena_create();
    TensorFile *file = fixture_open(VIT);
    Clip *half = tower_open(VIT, CLIP_BOTH);
    Copy *copy = copy_of(file, arena);
    for (int i = 0; i < copy->n; i++) {
        TensorOut *t = &copy->tensors[i];
        size_t count;
        t->data = fixture_floats(file, t->name, arena, &count);
        t->dtype = DTYPE_F32;
        if (strcmp(t->name, "ln_final.weight") == 0) {
            double *wide = ARENA_NEW(arena, double, count);
            for (size_t j = 0; j < count; j++)
                wide[j] = ((const float *)t->data)[j];
            t->data = wide;
            t->dtype = DTYPE_F64;
        }
    }
    copy_find(copy, "logit_scale")->n_dims = 1; /* (1) instead of a scalar */
    copy_find(copy, "logit_scale")->shape[0] = 1;
    copy_write(copy, scratch_path(state, "f32.safetensors", path, sizeof path));
    Clip *clip = tower_open(path, CLIP_BOTH);
    const size_t n = 718 * 128;
    assert_memory_equal(clip->text.token_embedding, half->text.token_embedding, n * sizeof(float));
    assert_memory_equal(clip->text.ln_final_w, half->text.ln_final_w, 128 * sizeof(float));
    assert_true(clip->logit_scale == half->logit_scale);
    assert_ptr_equal(clip->text.token_embedding, tensors_find(clip->file, "token_embedding.weight")->data);
    Clip *image = tower_open(path, CLIP_IMAGE);
    assert_true(arena_used(image->arena) < 16384); /* the Clip, its texts and tables of blocks */
    assert_ptr_equal(image->vit.proj, tensors_find(image->file, "visual.proj")->data);
    clip_free(image);
    assert_true(arena_used(half->arena) > n * sizeof(float));
    ((float *)copy_find(copy, "visual.proj")->data)[5] = -INFINITY;
    copy_write(copy, scratch_path(state, "inf.safetensors", path, sizeof path));
    assert_refused(path, "F32 Inf", "tensor visual.proj: element 5 is -Inf");
    clip_free(clip);
    clip_free(half);
    tensors_close(file);
    arena_free(arena);
}

typedef struct {
    const char *name;
    int vision[4], resnet_width, grid, embed_dim, text_width, text_layers;
} Published;

static void add(Copy *copy, Arena *arena, const char *name, int n_dims, int a, int b, int c, int d) {
    copy_add(copy, arena, name, DTYPE_F16, n_dims, (int[]){a, b, c, d});
}

/* Only the tensors whose shapes tell the architecture. */
static void write_shapes(const Published *p, const char *path, Arena *arena) {
    Copy *copy = ARENA_NEW(arena, Copy, 1);
    assert_non_null(copy);
    const int w = p->text_width, v = p->vision[0], rn = p->resnet_width;
    add(copy, arena, "token_embedding.weight", 2, 2, w, 0, 0);
    add(copy, arena, "positional_embedding", 2, 77, w, 0, 0);
    add(copy, arena, "text_projection", 2, w, p->embed_dim, 0, 0);
    add(copy, arena, "transformer.resblocks.0.mlp.c_fc.weight", 2, 4, w, 0, 0);
    const char *last = arena_printf(arena, "transformer.resblocks.%d.ln_1.bias", p->text_layers - 1);
    add(copy, arena, last, 1, 1, 0, 0, 0);
    add(copy, arena, "logit_scale", 0, 0, 0, 0, 0);
    if (rn == 0) {
        add(copy, arena, "visual.conv1.weight", 4, v, 3, p->vision[2], p->vision[2]);
        add(copy, arena, "visual.positional_embedding", 2, p->grid * p->grid + 1, v, 0, 0);
        add(copy, arena, "visual.proj", 2, v, p->embed_dim, 0, 0);
        add(copy, arena, "visual.transformer.resblocks.0.mlp.c_fc.weight", 2, 4, v, 0, 0);
        add(copy, arena, "visual.class_embedding", 1, v, 0, 0, 0);
        add(copy, arena, "visual.ln_pre.weight", 1, v, 0, 0, 0);
        add(copy, arena, "visual.ln_post.weight", 1, v, 0, 0, 0);
        last = arena_printf(arena, "visual.transformer.resblocks.%d.ln_1.bias", p->vision[1] - 1);
        add(copy, arena, last, 1, 1, 0, 0, 0);
    } else {
        add(copy, arena, "visual.attnpool.positional_embedding", 2, p->grid * p->grid + 1, 32 * rn, 0, 0);
        add(copy, arena, "visual.attnpool.c_proj.weight", 2, p->embed_dim, 32 * rn, 0, 0);
        add(copy, arena, "visual.layer1.0.conv1.weight", 4, rn, rn, 1, 1);
        for (int i = 0; i < 4; i++) {
            last = arena_printf(arena, "visual.layer%d.%d.bn1.bias", i + 1, p->vision[i] - 1);
            add(copy, arena, last, 1, 1, 0, 0, 0);
        }
    }
    copy_write(copy, path);
}

/* The published models by name; a different text tower or embedding is another model. */
static void test_names(void **state) {
    const Published models[] = {
        {"RN50", {3, 4, 6, 3}, 64, 7, 1024, 512, 12},
        {"RN101", {3, 4, 23, 3}, 64, 7, 512, 512, 12},
        {"RN50x4", {4, 6, 10, 6}, 80, 9, 640, 640, 12},
        {"RN50x16", {6, 8, 18, 8}, 96, 12, 768, 768, 12},
        {"RN50x64", {3, 15, 36, 10}, 128, 14, 1024, 1024, 12},
        {"ViT-B/32", {768, 12, 32, 0}, 0, 7, 512, 512, 12},
        {"ViT-B/16", {768, 12, 16, 0}, 0, 14, 512, 512, 12},
        {"ViT-L/14", {1024, 24, 14, 0}, 0, 16, 768, 768, 12},
        {"ViT-L/14@336px", {1024, 24, 14, 0}, 0, 24, 768, 768, 12},
        {"ViT w768 l12 p16", {768, 12, 16, 0}, 0, 15, 512, 512, 12},
        {"ViT w768 l12 p32", {768, 12, 32, 0}, 0, 7, 512, 768, 12},
        {"RN w64 (3,4,6,3)", {3, 4, 6, 3}, 64, 7, 1024, 512, 6},
        {"RN w64 (3,4,6,3)", {3, 4, 6, 3}, 64, 7, 512, 512, 12},
    };
    char path[512];
    scratch_path(state, "shapes.safetensors", path, sizeof path);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        Arena *arena = arena_create();
        write_shapes(&models[i], path, arena);
        Clip *clip = tower_open(path, (ClipTowers)0);
        assert_string_equal(clip->name, models[i].name);
        clip_free(clip);
        arena_free(arena);
    }
}

/* --- bad files --- */

/* Opened for a few images, a weight is refused when it is used at the latest. */
static void assert_refused_in_use(const char *path, const char *message) {
    Error err = {0};
    Arena *arena = arena_create();
    Clip *clip = clip_open(path, CLIP_IMAGE | CLIP_FEW_IMAGES, &err);
    if (clip) {
        const size_t side = (size_t)clip->image_size;
        const float *pixels = arena_floats(arena, 3, side * side);
        float *features = arena_floats(arena, (size_t)clip->embed_dim, 1);
        assert_int_equal(image_tower_forward(clip, NULL, pixels, 1, features, &err), -1);
    }
    assert_non_null(strstr(err.text, message));
    clip_free(clip);
    arena_free(arena);
}

/* Every weight in turn: called something else, then with a NaN. */
static void check_every_tensor(void **state, const char *model) {
    char path[512], message[512];
    Arena *arena = arena_create();
    Error err = {0};
    size_t size;
    unsigned char *bytes = (unsigned char *)file_read(model, 1 << 24, arena, &size, &err);
    assert_non_null(bytes);
    TensorFile *file = fixture_open(model);
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    scratch_path(state, "bad.safetensors", path, sizeof path);
    for (int i = 0; i < tensors_count(file); i += scratch_instrumented() ? 29 : 1) {
        const Tensor *t = tensors_at(file, i);
        char key[128];
        snprintf(key, sizeof key, "\"%s\"", t->name);
        unsigned char *name = (unsigned char *)memmem(bytes + 8, header, key, strlen(key)) + 1, first = *name;
        *name = '~';
        scratch_file(path, bytes, size);
        snprintf(message, sizeof message, "tensor %s: missing", t->name);
        assert_refused(path, t->name, message);
        *name = first;

        unsigned char *value = bytes + 8 + header + (t->data - tensors_at(file, 0)->data) + t->size - 2;
        unsigned char before[2] = {value[0], value[1]};
        value[0] = 0, value[1] = 0x7e; /* NaN in F16 */
        scratch_file(path, bytes, size);
        snprintf(message, sizeof message, "tensor %s: element %zu is NaN", t->name, t->count - 1);
        assert_refused(path, t->name, message);
        if (names_is_visual(t->name))
            assert_refused_in_use(path, message);
        memcpy(value, before, sizeof before);
    }
    tensors_close(file);
    arena_free(arena);
}

static void test_every_tensor(void **state) {
    check_every_tensor(state, VIT);
    check_every_tensor(state, RN);
}

/* One change to a good file: the tensor `name` gets another shape (its data are zero then) or type, or is
 * new. */
typedef struct {
    const char *model, *name;
    DType dtype;
    int n_dims;
    int64_t shape[4];
    const char *message;
} Change;

static const Change changes[] = {
    {VIT, "text_projection", DTYPE_F16, 2, {64, 128}, "tensor text_projection: shape [64, 128] where "},
    {VIT, "text_projection", DTYPE_F16, 1, {128}, "tensor text_projection: shape [128] where "},
    {VIT, "visual.proj", DTYPE_F16, 2, {128, 63}, "tensor visual.proj: shape [128, 63] where [128, 64] "},
    {VIT, "ln_final.bias", DTYPE_F16, 1, {129}, "tensor ln_final.bias: shape [129] where [128] "},
    {VIT, "ln_final.bias", DTYPE_I64, 1, {128}, "tensor ln_final.bias: "},
    {VIT, "logit_scale", DTYPE_F32, 1, {2}, "tensor logit_scale: shape [2] where [1] "},
    {VIT,
     "token_embedding.weight",
     DTYPE_F16,
     2,
     {0, 128},
     "tensor token_embedding.weight: shape [0, 128]: "},
    {VIT,
     "token_embedding.weight",
     DTYPE_F16,
     2,
     {718, 0},
     "tensor token_embedding.weight: shape [718, 0]: "},
    {VIT,
     "token_embedding.weight",
     DTYPE_F16,
     2,
     {7, 100},
     "tensor token_embedding.weight: width 100 is no published one"},
    {VIT,
     "token_embedding.weight",
     DTYPE_F16,
     2,
     {7, 32},
     "tensor token_embedding.weight: width 32 is no published one"},
    {VIT, "token_embedding.weight", DTYPE_F16, 2, {INT64_MAX, 0}, "tensor token_embedding.weight: shape "},
    {VIT,
     "visual.conv1.weight",
     DTYPE_F16,
     4,
     {96, 3, 8, 8},
     "tensor visual.conv1.weight: width 96 is no published one"},
    {VIT, "visual.conv1.weight", DTYPE_F16, 4, {128, 3, 8, 9}, "tensor visual.conv1.weight: shape "},
    {VIT, "visual.conv1.weight", DTYPE_F16, 4, {128, 1, 8, 8}, "tensor visual.conv1.weight: shape "},
    {VIT,
     "visual.positional_embedding",
     DTYPE_F16,
     2,
     {16, 128},
     "tensor visual.positional_embedding: 16 positions where "},
    {VIT,
     "visual.positional_embedding",
     DTYPE_F16,
     2,
     {1, 128},
     "tensor visual.positional_embedding: 1 positions where "},
    {VIT,
     "visual.transformer.resblocks.0.mlp.c_fc.weight",
     DTYPE_F16,
     2,
     {0, 128},
     "tensor visual.transformer.resblocks.0.mlp.c_fc.weight: shape [0, 128]: "},
    {VIT,
     "visual.transformer.resblocks.3.mlp.c_fc.weight",
     DTYPE_F16,
     2,
     {256, 128},
     "tensor visual.transformer.resblocks.3.mlp.c_fc.weight: shape [256, 128] where [512, 128] "},
    {VIT,
     "transformer.resblocks.4.ln_1.bias",
     DTYPE_F16,
     1,
     {128}, /* a gap: there are 0, 1, 2 */
     "tensor transformer.resblocks.3.ln_1.weight: missing"},
    {VIT,
     "transformer.resblocks.4294967296.ln_1.bias",
     DTYPE_F16,
     1,
     {128},
     "tensor transformer.resblocks.4294967296.ln_1.bias: not a layer within 0 .. 999"},
    {VIT,
     "transformer.resblocks..ln_1.bias",
     DTYPE_F16,
     1,
     {128},
     "tensor transformer.resblocks..ln_1.bias: not a layer within 0 .. 999"},
    {VIT,
     "visual.transformer.resblocks.0.ls_1.gamma",
     DTYPE_F16,
     1,
     {128},
     "tensor visual.transformer.resblocks.0.ls_2.gamma: missing"},
    {VIT,
     "visual.transformer.resblocks.2.ls_2.gamma", /* some layers have LayerScale: all must */
     DTYPE_F16,
     1,
     {128},
     "tensor visual.transformer.resblocks.0.ls_1.gamma: missing"},
    {VIT,
     "visual.transformer.resblocks.0.ln_attn.weight",
     DTYPE_F16,
     1,
     {128},
     "tensor visual.transformer.resblocks.0.ln_attn.weight: CLIP has no such weight in a layer"},
    {RN,
     "visual.layer2.1.se.fc.weight",
     DTYPE_F16,
     1,
     {128},
     "tensor visual.layer2.1.se.fc.weight: CLIP has no such weight in a layer"},
    {VIT,
     "visual.head.weight",
     DTYPE_F16,
     1,
     {128},
     "tensor visual.head.weight: not supported: CLIP has no such weight"},
    {RN,
     "visual.layer1.0.conv1.weight",
     DTYPE_F16,
     4,
     {15, 16, 1, 1},
     "tensor visual.layer1.0.conv1.weight: width 15 is odd or too large"},
    {RN,
     "visual.layer3.1000000.conv1.weight",
     DTYPE_F16,
     4,
     {1, 1, 1, 1},
     "tensor visual.layer3.1000000.conv1.weight: not a layer within 0 .. 999"},
    {RN,
     "visual.layer3.2.conv1.weight",
     DTYPE_F16,
     4,
     {1, 1, 1, 1},
     "tensor visual.layer3.1.conv1.weight: missing"},
    {RN,
     "visual.attnpool.positional_embedding",
     DTYPE_F16,
     2,
     {6, 512},
     "tensor visual.attnpool.positional_embedding: 6 positions where "},
    {RN,
     "visual.attnpool.positional_embedding",
     DTYPE_F16,
     2,
     {5, 256},
     "tensor visual.attnpool.positional_embedding: shape [5, 256] where "},
    {RN,
     "visual.attnpool.c_proj.weight",
     DTYPE_F16,
     2,
     {64, 512},
     "tensor visual.attnpool.c_proj.weight: shape [64, 512] where [48, 512] "},
    {RN,
     "visual.layer2.0.downsample.0.weight",
     DTYPE_F16,
     4,
     {128, 64, 3, 3},
     "tensor visual.layer2.0.downsample.0.weight: shape [128, 64, 3, 3] where [128, 64, 1, 1] "},
};

static void test_changes(void **state) {
    char path[512];
    scratch_path(state, "bad.safetensors", path, sizeof path);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const Change *change = &changes[i];
        Arena *arena = arena_create();
        TensorFile *file = fixture_open(change->model);
        Copy *copy = copy_of(file, arena);
        if (!tensors_find(file, change->name))
            copy->tensors[copy->n++].name = change->name;
        TensorOut *t = copy_find(copy, change->name);
        size_t count = 1;
        for (int d = change->n_dims - 1; d >= 0; d--)
            count *= (size_t)change->shape[d];
        t->dtype = change->dtype;
        t->n_dims = change->n_dims;
        memcpy(t->shape, change->shape, sizeof change->shape);
        t->data = arena_alloc(arena, count, 8);
        copy_write(copy, path);
        assert_refused(path, change->name, change->message);
        tensors_close(file);
        arena_free(arena);
    }
}

static void test_negative_variance(void **state) {
    char path[512];
    const float var[8] = {1, 1, 1, -1e-3f, 1, 1, 1, 1};
    Arena *arena = arena_create();
    TensorFile *file = fixture_open(RN);
    Copy *copy = copy_of(file, arena);
    copy_find(copy, "visual.bn1.running_var")->dtype = DTYPE_F32;
    copy_find(copy, "visual.bn1.running_var")->data = var;
    copy_write(copy, scratch_path(state, "bad.safetensors", path, sizeof path));
    assert_refused(path, "variance", "tensor visual.bn1.running_var: -0.001 at index 3: ");
    tensors_close(file);
    arena_free(arena);
}

/* Its exponential would be no float, and every probability NaN. */
static void test_large_scale(void **state) {
    char path[512];
    const float more = 89;
    Arena *arena = arena_create();
    TensorFile *file = fixture_open(VIT);
    Copy *copy = copy_of(file, arena);
    copy_find(copy, "logit_scale")->dtype = DTYPE_F32;
    copy_find(copy, "logit_scale")->data = &more;
    copy_write(copy, scratch_path(state, "bad.safetensors", path, sizeof path));
    assert_refused(path, "scale", "tensor logit_scale: 89: a logarithm of at most 80 is needed");
    tensors_close(file);
    arena_free(arena);
}

static void test_no_clip(void **state) {
    char path[512];
    const float x[2] = {1, 2};
    const TensorOut other[] = {{"encoder.layer.0.weight", DTYPE_F32, 1, {2}, x}};
    Error err = {0};
    assert_null(clip_open("no/such/file", CLIP_BOTH, &err));
    assert_non_null(strstr(err.text, "no/such/file: "));
    scratch_path(state, "other.safetensors", path, sizeof path);
    assert_int_equal(safetensors_write(path, other, 1, NULL, 0, &err), 0);
    assert_refused(path, "another model", "not a CLIP checkpoint: no token embedding, ");
    assert_int_equal(safetensors_write(path, other, 0, NULL, 0, &err), 0);
    assert_refused(path, "nothing", "not a CLIP checkpoint: no tensors");
    assert_null(clip_open(path, CLIP_BOTH, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vit),
        cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_batch_norm_folding),
        cmocka_unit_test(test_towers_not_asked_for),
        cmocka_unit_test_setup_teardown(test_types, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_names, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_every_tensor, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_changes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_negative_variance, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_large_scale, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_no_clip, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
