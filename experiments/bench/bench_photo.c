/* bench_photo.c: turning a photo into the input of a tower: decoding, resizing, cropping. */
#include "experiments/bench/bench_photo.h"

#include "datasets/images/image.h"
#include "datasets/images/jpeg_write.h"
#include "datasets/images/transform.h"
#include "experiments/bench/bench_loops.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

enum { QUALITY = 90, OUT = 224 };

/* tests/peer/peer.py draws variant 0, too. */
int photo_draw(const unsigned char **data, size_t *size, int variant, Arena *arena, Error *err) {
    Image image = {.width = PHOTO_WIDTH, .height = PHOTO_HEIGHT};
    int n = PHOTO_WIDTH * PHOTO_HEIGHT * 3;
    size_t n_bytes;
    double across[PHOTO_WIDTH * 3];
    for (int i = 0; i < PHOTO_WIDTH * 3; i++)
        across[i] = 128 + 60 * sin(i / 3 / 17.0 + i % 3);
    image.rgb = ARENA_NEW(arena, unsigned char, n);
    if (!image.rgb)
        return error_memory(err);
    for (int pixel = 0; pixel < n / 3; pixel++) {
        int x = pixel % PHOTO_WIDTH, y = pixel / PHOTO_WIDTH;
        double wave = 40 * sin(y / 11.0 - x / 29.0);
        for (int c = 0; c < 3; c++) {
            int grain = (int)((uint32_t)(x * 73 + y * 179 + c * 283 + variant) * 2654435761u >> 27) - 16;
            image.rgb[pixel * 3 + c] = (unsigned char)(across[x * 3 + c] + wave + grain);
        }
    }
    unsigned char *bytes;
    if (jpeg_write(&image, QUALITY, &bytes, &n_bytes, arena, err) < 0)
        return -1;
    *data = bytes;
    *size = n_bytes;
    return 0;
}

typedef struct {
    Pool *pool;
    const unsigned char *jpeg;
    size_t size;
    int n;      /* times that it is decoded, each a tile */
    Error *err; /* of the first tile that failed */
    atomic_bool failed;
} Photos;

static int prepare(const Photos *photos, Arena *arena, Error *err) {
    const float mean[] = {0.5f, 0.5f, 0.5f}, std[] = {0.25f, 0.25f, 0.25f};
    const size_t n = (size_t)OUT * OUT * 3;
    Image image;
    unsigned char *crop = ARENA_NEW(arena, unsigned char, n);
    float *pixels = arena_floats(arena, n, 1);
    if (arena_failed(arena))
        return error_memory(err);
    if (image_decode(&image, photos->jpeg, photos->size, "photo", arena, err) < 0 ||
        transform_fit(crop, &image, &(Transform){.size = OUT}, arena, err) < 0)
        return -1;
    transform_normalize(pixels, crop, OUT, mean, std);
    return 0;
}

static void photo_tile(void *context, int tile, int worker) {
    (void)tile, (void)worker;
    Photos *photos = context;
    Error err = {0};
    Arena *arena = arena_create();
    if ((arena ? prepare(photos, arena, &err) : error_memory(&err)) < 0 &&
        !atomic_exchange(&photos->failed, true))
        *photos->err = err;
    arena_free(arena);
}

static int photos_loop(void *context, Error *err) {
    Photos *photos = context;
    Error why = {0};
    photos->err = &why;
    pool_run(photos->pool, photos->n, photo_tile, photos);
    if (!photos->failed)
        return 0;
    *err = why;
    return -1;
}

static int measure_photos(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    (void)bench;
    const int *repeats = context;
    int result = -1;
    Arena *arena = arena_create();
    Photos photos = {.pool = pool, .n = *repeats};
    if (photo_draw(&photos.jpeg, &photos.size, 0, arena, err) == 0 &&
        bench_median(&sample->seconds, photos_loop, &photos, err) == 0) {
        sample->seconds /= photos.n;
        snprintf(sample->note, sizeof sample->note, "%.0f images/s, %.0f kB each", 1 / sample->seconds,
                 (double)photos.size / 1000);
        result = 0;
    }
    arena_free(arena);
    return result;
}

int bench_photos(Bench *bench, Error *err) {
    enum { FEW = 5, MANY = 64 };
    char label[64];
    Bench one = *bench;
    one.threads[0] = 1;
    one.n_counts = 1;
    if (bench->linear)
        return 0;
    snprintf(label, sizeof label, "JPEG %dx%d to %d, 1 thread", PHOTO_WIDTH, PHOTO_HEIGHT, OUT);
    int result = bench_row(&one, label, measure_photos, &(int){FEW}, err);
    bench->n_rows = one.n_rows;
    snprintf(label, sizeof label, "JPEG %dx%d to %d", PHOTO_WIDTH, PHOTO_HEIGHT, OUT);
    return result < 0 ? -1 : bench_row(bench, label, measure_photos, &(int){MANY}, err);
}
