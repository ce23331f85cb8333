/* loops.c: see loops.h */
#include "tests/speed/loops.h"

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/random_clip.h"
#include "clip/image/image_tower.h"
#include "clip/math/packed.h"
#include "clip/math/product.h"
#include "clip/text/text_encoder.h"
#include "coop/heads/head.h"
#include "datasets/images/transform.h"
#include "datasets/index/top_features.h"
#include "tests/datasets/index/index_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *pointer) {
    if (!pointer)
        abort();
    return pointer;
}

static float *noise(size_t n, double scale) {
    float *x = checked(malloc(n * sizeof *x));
    fill_normal(x, n, scale, 7);
    return x;
}

/* --- products --- */

enum { ROWS = 90, DEEP = 256, WIDE = 192 };

typedef struct {
    PackedMatrix matrix;
    Product product;
    float *in, *out;
} Multiply;

static void *make_packed(void) {
    Multiply *m = checked(calloc(1, sizeof *m));
    packed_create(&m->matrix, noise(DEEP * WIDE, 1), DEEP, WIDE, true, PRECISION_FLOAT32,
                  checked(arena_create()));
    m->in = noise(ROWS * DEEP, 1);
    m->out = noise(ROWS * WIDE, 1);
    return m;
}

static void run_packed(void *loop) {
    Multiply *m = loop;
    packed_product(NULL, m->out, m->in, &m->matrix, NULL, NULL, ROWS);
}

/* Both factors change: they are packed on the way. a as it is, b stored as a linear layer's weight. */
static void *make_product(void) {
    Multiply *m = checked(calloc(1, sizeof *m));
    m->product = (Product){.m = ROWS,
                           .n = WIDE,
                           .k = DEEP,
                           .a = noise(ROWS * DEEP, 1),
                           .b = noise(DEEP * WIDE, 1),
                           .lda = DEEP,
                           .ldb = DEEP,
                           .trans_b = true,
                           .c = noise(ROWS * WIDE, 1),
                           .ldc = WIDE};
    return m;
}

static void run_product(void *loop) {
    product_run(NULL, &((Multiply *)loop)->product, PRECISION_FLOAT32);
}

/* The gradient of a weight: a is stored the other way round. */
static void *make_gradient(void) {
    Multiply *m = make_product();
    m->product.trans_a = true;
    m->product.lda = ROWS;
    m->product.trans_b = false;
    m->product.ldb = WIDE;
    return m;
}

static double product_flops(void *loop) {
    (void)loop;
    return 2.0 * ROWS * DEEP * WIDE;
}

/* --- towers --- */

enum { IMAGES = 2 };

typedef struct {
    Clip *clip;
    float *pixels, *features;
} Tower;

static void *make_tower(const Architecture *architecture) {
    Error err = {0};
    Tower *tower = checked(calloc(1, sizeof *tower));
    tower->clip = checked(clip_random(architecture, CLIP_IMAGE, PRECISION_FLOAT32, 1, &err));
    const size_t S = (size_t)architecture->image_size;
    tower->pixels = noise(IMAGES * 3 * S * S, 1);
    tower->features = noise((size_t)IMAGES * (size_t)architecture->embed_dim, 1);
    return tower;
}

static void *make_vit(void) {
    static const Architecture small = {"small ViT", {128, 2, 16, 0}, 0, 64, 64, 64};
    return make_tower(&small);
}

static void *make_resnet(void) {
    static const Architecture small = {"small ResNet", {1, 1, 1, 1}, 16, 64, 64, 64};
    return make_tower(&small);
}

static void run_tower(void *loop) {
    Tower *tower = loop;
    Error err = {0};
    if (image_tower_forward(tower->clip, NULL, tower->pixels, IMAGES, tower->features, &err) < 0)
        abort();
}

static double tower_flops(void *loop) {
    return IMAGES * image_tower_flops(((Tower *)loop)->clip);
}

/* --- a training step: five classes behind four vectors --- */

enum { CLASSES = 5, CONTEXTS = 4, WIDTH = 128, EMBED = 64 };

typedef struct {
    TextEncoder *encoder;
    TextWeights weights;
    TokenTree tree;
    float *features, *d_features, *ctx, *d_ctx;
} Step;

static void *make_step(void) {
    static int prompts[CLASSES][CONTEXTS + 5];
    const int *rows[CLASSES];
    int lengths[CLASSES];
    Error err = {0};
    Step *s = checked(calloc(1, sizeof *s));
    Arena *arena = checked(arena_create());
    for (int k = 0; k < CLASSES; k++) {
        int n = 0;
        prompts[k][n++] = 98;
        for (int m = 0; m < CONTEXTS; m++)
            prompts[k][n++] = SYMBOL_CONTEXT(m);
        prompts[k][n++] = 10 + k;
        prompts[k][n++] = 30 + k;
        prompts[k][n++] = 97;
        prompts[k][n++] = 99;
        rows[k] = prompts[k];
        lengths[k] = n;
    }
    s->weights = text_random(WIDTH, 2, 100, EMBED, 1, arena);
    if (arena_failed(arena) || token_tree_build(&s->tree, rows, lengths, CLASSES, arena, &err) < 0)
        abort();
    s->encoder = checked(text_encoder_create(&s->weights, &s->tree, NULL, true, (size_t)1 << 28, &err));
    s->features = noise(CLASSES * EMBED, 1);
    s->d_features = noise(CLASSES * EMBED, 0.01);
    s->ctx = noise(CONTEXTS * WIDTH, 0.02);
    s->d_ctx = noise(CONTEXTS * WIDTH, 0);
    return s;
}

static void run_step(void *loop) {
    Step *s = loop;
    text_encoder_forward(s->encoder, s->features, s->ctx);
    text_encoder_backward(s->encoder, s->d_ctx, s->d_features);
}

static double step_flops(void *loop) {
    const Step *s = loop;
    return text_encoder_flops(&s->weights, &s->tree, true);
}

/* --- searching an index --- */

enum { PHOTOS = 2048, SIZE = 256 };

typedef struct {
    PhotoIndex *index;
    float query[SIZE];
} Search;

static void *make_search(void) {
    void *scratch;
    char path[512];
    Error err = {0};
    Search *s = checked(calloc(1, sizeof *s));
    const IndexKind kind = {INDEX_FLOAT32, SIZE, "{}"};
    if (scratch_setup(&scratch) < 0)
        abort();
    IndexWriter *writer =
        checked(index_writer_open(scratch_path(&scratch, "index", path, sizeof path), &kind, &err));
    for (uint32_t i = 0; i < PHOTOS; i++) {
        char name[64];
        const IndexEntry entry = support_entry(i, name);
        support_feature(s->query, SIZE, i);
        if (index_writer_add(writer, &entry, s->query, &err) < 0)
            abort();
    }
    if (index_writer_commit(writer, &err) < 0)
        abort();
    index_writer_close(writer);
    s->index = checked(photo_index_open(path, &err));
    support_feature(s->query, SIZE, 5000);
    scratch_teardown(&scratch);
    return s;
}

static void run_search(void *loop) {
    Search *s = loop;
    Found found[10];
    int n;
    Error err = {0};
    if (top_features(found, &n, s->index, s->query, 1, 10, NULL, &err) < 0)
        abort();
}

static double search_flops(void *loop) {
    (void)loop;
    return 2.0 * PHOTOS * SIZE;
}

/* --- an image resized and cut --- */

typedef struct {
    Image image;
    unsigned char out[64 * 64 * 3];
    float pixels[3 * 64 * 64];
    Arena *arena;
} Resize;

static void *make_resize(void) {
    Resize *r = checked(calloc(1, sizeof *r));
    r->image = (Image){.width = 250, .height = 187, .rgb = checked(malloc(250 * 187 * 3))};
    r->arena = checked(arena_create());
    for (size_t i = 0; i < 250 * 187 * 3; i++)
        r->image.rgb[i] = (unsigned char)(i * i >> 5);
    return r;
}

static void run_resize(void *loop) {
    Resize *r = loop;
    static const float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.25f, 0.25f, 0.25f};
    const Transform transform = {.size = 64};
    Error err = {0};
    if (transform_fit(r->out, &r->image, &transform, r->arena, &err) < 0)
        abort();
    transform_normalize(r->pixels, r->out, 64, mean, std);
}

/* --- an epoch of a head, with its optimiser --- */

enum { HEAD_CLASSES = 20, HEAD_IMAGES = 64, HEAD_DIM = 64 };

typedef struct {
    Arena *arena;
    Head *head;
    float *images;
    int labels[HEAD_IMAGES];
    OptimConfig optim;
} Heads;

static void *make_head(void) {
    Heads *h = checked(calloc(1, sizeof *h));
    h->arena = checked(arena_create());
    float *text = checked(arena_floats(h->arena, HEAD_CLASSES, HEAD_DIM));
    h->images = checked(arena_floats(h->arena, HEAD_IMAGES, HEAD_DIM));
    fill_normal(text, HEAD_CLASSES * HEAD_DIM, 1, 1);
    fill_normal(h->images, HEAD_IMAGES * HEAD_DIM, 1, 2);
    for (int i = 0; i < HEAD_IMAGES; i++)
        h->labels[i] = i % HEAD_CLASSES;
    const HeadConfig config = {.n_classes = HEAD_CLASSES, .embed_dim = HEAD_DIM, .text = text, .alpha = 0.5};
    h->head = checked(head_create(&config, NULL, h->arena));
    h->optim = (OptimConfig){.optimizer = OPTIMIZER_ADAM,
                             .lr = 1e-3,
                             .weight_decay = 1e-3,
                             .beta1 = 0.9,
                             .beta2 = 0.999,
                             .epsilon = 1e-8,
                             .max_epoch = 1,
                             .batch_size = HEAD_IMAGES};
    return h;
}

static void run_head(void *loop) {
    Heads *h = loop;
    const TrainData data = {
        .features = h->images, .labels = h->labels, .n = HEAD_IMAGES, .n_views = 1, .embed_dim = HEAD_DIM};
    const Trainee *trainee = head_trainee(h->head);
    TrainState state = trainer_begin(trainee, &h->optim, h->arena);
    Error err = {0};
    if (trainer_run(trainee, &data, &h->optim, &state, NULL, NULL, NULL, &err) < 0)
        abort();
}

/* --- all --- */

static const SpeedLoop LOOPS[] = {
    {"packed product", make_packed, run_packed, product_flops},
    {"product", make_product, run_product, product_flops},
    {"gradient", make_gradient, run_product, product_flops},
    {"ViT", make_vit, run_tower, tower_flops},
    {"ResNet", make_resnet, run_tower, tower_flops},
    {"training step", make_step, run_step, step_flops},
    {"search", make_search, run_search, search_flops},
    {"resize", make_resize, run_resize, NULL},
    {"head", make_head, run_head, NULL},
};

const SpeedLoop *speed_loop(size_t index) {
    return index < sizeof LOOPS / sizeof *LOOPS ? &LOOPS[index] : NULL;
}

const SpeedLoop *speed_loop_find(const char *name) {
    for (size_t i = 0; i < sizeof LOOPS / sizeof *LOOPS; i++)
        if (strcmp(LOOPS[i].name, name) == 0)
            return &LOOPS[i];
    return NULL;
}
