/* test_features.c: the cache with a tower that counts: right bits, no needless work, and no belief in broken
 * files. */
#include "datasets/features/features.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"
#include "datasets/images/transform.h"
#include "tests/support/image_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>

enum { S = 4, E = 4, MAX_ITEMS = 150 };
#define HEADER 96
#define RECORD (32 + E * 4 + 4)

/* The tower: weighted sums of each image alone. */
typedef struct {
    int n_images, n_calls;
    const char *spoil; /* a file to overwrite during the first call */
} Counter;

static int encode(void *context, const float *pixels, int n, float *features, Error *err) {
    (void)err;
    Counter *counter = context;
    if (counter->spoil && counter->n_calls == 0)
        scratch_file(counter->spoil, "other", 5);
    counter->n_calls++;
    counter->n_images += n;
    for (int i = 0; i < n; i++) {
        for (int e = 0; e < E; e++) {
            float sum = 1;
            for (int k = 0; k < 3 * S * S; k++)
                sum += pixels[(size_t)i * 3 * S * S + k] * (float)((k * (e + 3)) % 7 - 2);
            features[(size_t)i * E + e] = sum;
        }
    }
    return 0;
}

typedef struct {
    void *folder; /* of scratch.h */
    Arena *arena;
    Pool *pool;
    Counter counter;
    FeatureSource source;
    Item items[MAX_ITEMS];
    ItemList list;
    char cache_folder[4096];
    Error err;
} Bench;

/* A small picture that depends on the seed alone. */
static void write_image(Bench *bench, const char *name, uint32_t seed) {
    unsigned char *pixels = make_pixels(5, 7, 3, seed), lines[7 * 16];
    for (int y = 0; y < 7; y++) {
        lines[16 * y] = 0;
        memcpy(lines + 16 * y + 1, pixels + 15 * y, 15);
    }
    lines[1] = (unsigned char)seed;
    Bytes png = make_png(lines, sizeof lines, &(PngKind)PNG(5, 7, 8, 2));
    char path[4096];
    scratch_file(scratch_path(&bench->folder, name, path, sizeof path), png.data, png.size);
    free(png.data);
    free(pixels);
}

static void make_items(Bench *bench, int n) {
    for (int i = 0; i < n; i++) {
        char *name = arena_printf(bench->arena, "%03d.png", i);
        write_image(bench, name, (uint32_t)i);
        bench->items[i] = (Item){.path = name};
    }
    bench->list = (ItemList){bench->items, n};
}

static int bench_setup(void **state) {
    Bench *bench = calloc(1, sizeof *bench);
    *state = bench;
    if (!bench || scratch_setup(&bench->folder) != 0)
        return -1;
    bench->arena = arena_create();
    bench->pool = pool_create(2);
    bench->source = (FeatureSource){.encode = encode,
                                    .context = &bench->counter,
                                    .transform.size = S,
                                    .embed_dim = E,
                                    .mean = {0.5f, 0.4f, 0.3f},
                                    .std = {0.25f, 0.3f, 0.2f},
                                    .model_digest = "abc"};
    scratch_path(&bench->folder, "cache", bench->cache_folder, sizeof bench->cache_folder);
    make_items(bench, 3);
    return bench->arena && bench->pool ? 0 : -1;
}

static int bench_teardown(void **state) {
    Bench *bench = *state;
    pool_free(bench->pool);
    arena_free(bench->arena);
    int result = scratch_teardown(&bench->folder);
    free(bench);
    return result;
}

static FeatureCache *open_cache(Bench *bench, const char *folder) {
    FeatureCache *cache = features_open(folder, &bench->source, bench->pool, &bench->err);
    if (!cache)
        fail_msg("%s", bench->err.text);
    return cache;
}

static const FeatureView centre = {0};

static FeatureView crop(uint32_t seed, uint32_t view) {
    return (FeatureView){.random = VIEW_CROP, .seed = seed, .view = view};
}

/* Gets all items, and checks that the tower saw n_images of them. The features are owned by the arena. */
static float *get(Bench *bench, FeatureCache *cache, FeatureView view, int n_images) {
    float *features = arena_floats(bench->arena, (size_t)bench->list.n, E);
    bench->counter = (Counter){0};
    if (features_get(cache, features, bench->folder, &bench->list, view, NULL, NULL, &bench->err) < 0)
        fail_msg("%s", bench->err.text);
    assert_int_equal(bench->counter.n_images, n_images);
    return features;
}

/* The same with a cache that is opened on disk for this alone. */
static float *get_once(Bench *bench, FeatureView view, int n_images) {
    FeatureCache *cache = open_cache(bench, bench->cache_folder);
    float *features = get(bench, cache, view, n_images);
    features_close(cache);
    return features;
}

/* What the features must be, by the public transforms alone. */
static float *expect(Bench *bench, FeatureView view) {
    float *features = arena_floats(bench->arena, (size_t)bench->list.n, E);
    for (int i = 0; i < bench->list.n; i++) {
        char *path = path_join(bench->arena, bench->folder, bench->items[i].path);
        size_t size;
        char *data = file_read(path, 1 << 20, bench->arena, &size, NULL);
        Image image;
        assert_int_equal(image_load(&image, path, bench->arena, NULL), 0);
        unsigned char rgb[3 * S * S];
        float pixels[3 * S * S];
        if (view.random) {
            char hex[65], first[9] = {0};
            digest_bytes(hex, data, size);
            memcpy(first, hex, 8);
            Rng rng;
            rng_stream(&rng, view.seed, STREAM_AUGMENT, (uint32_t)strtoul(first, NULL, 16), view.view);
            Transform crop = bench->source.transform;
            crop.least = view.random == VIEW_LARGE_CROP ? 0.5 : 0.08;
            assert_int_equal(transform_random_crop(rgb, &image, &crop, &rng, bench->arena, NULL), 0);
        } else {
            assert_int_equal(transform_fit(rgb, &image, &bench->source.transform, bench->arena, NULL), 0);
        }
        transform_normalize(pixels, rgb, S, bench->source.mean, bench->source.std);
        Counter counter = {0};
        encode(&counter, pixels, 1, features + i * E, NULL);
    }
    return features;
}

static void assert_same(const Bench *bench, const float *a, const float *b) {
    assert_memory_equal(a, b, (size_t)bench->list.n * E * sizeof *a);
}

/* The one file of the cache, owned by the arena. */
static char *cache_file(Bench *bench, const char *name) {
    DIR *folder = opendir(bench->cache_folder);
    assert_non_null(folder);
    char *path = NULL;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            assert_null(path);
            path = arena_printf(bench->arena, "%s/%s/%s", bench->cache_folder, entry->d_name, name);
        }
    }
    closedir(folder);
    assert_non_null(path);
    return path;
}

static void features_are_those_of_the_transforms(void **state) {
    Bench *bench = *state;
    make_items(bench, 130);
    static const FeatureView views[] = {{0},
                                        {.random = VIEW_CROP, .seed = 5},
                                        {.random = VIEW_CROP, .seed = 5, .view = 1},
                                        {.random = VIEW_CROP, .seed = 6},
                                        {.random = VIEW_LARGE_CROP, .seed = 5}};
    float *results[5];
    FeatureCache *cache = open_cache(bench, NULL);
    for (int v = 0; v < 5; v++) {
        results[v] = expect(bench, views[v]);
        assert_same(bench, get(bench, cache, views[v], 130), results[v]);
        assert_int_equal(bench->counter.n_calls, 3);
        bench->source.max_batch = 11;
        FeatureCache *other = open_cache(bench, NULL);
        assert_same(bench, get(bench, other, views[v], 130), results[v]);
        assert_int_equal(bench->counter.n_calls, 12);
        features_close(other);
        for (int u = 0; u < v; u++)
            assert_memory_not_equal(results[u], results[v], 130 * E * sizeof(float));
    }
    for (int v = 0; v < 5; v++)
        assert_same(bench, get(bench, cache, views[v], 0), results[v]);
    get(bench, cache, (FeatureView){.seed = 77, .view = 3},
        0); /* the centre crop has neither seed nor view */
    features_close(cache);
}

static void threads_do_not_change_bits(void **state) {
    Bench *bench = *state;
    make_items(bench, 70);
    float *expected = expect(bench, crop(2, 3));
    for (int n_threads = 1; n_threads <= 4; n_threads++) {
        pool_free(bench->pool);
        bench->pool = pool_create(n_threads);
        FeatureCache *cache = open_cache(bench, NULL);
        assert_same(bench, get(bench, cache, crop(2, 3), 70), expected);
        features_close(cache);
    }
}

static void kept_on_disk(void **state) {
    Bench *bench = *state;
    make_items(bench, 70);
    float *first = get_once(bench, centre, 70), *view = get_once(bench, crop(2, 3), 70);
    assert_same(bench, get_once(bench, centre, 0), first);
    assert_same(bench, get_once(bench, crop(2, 3), 0), view);
    make_items(bench, 100);
    get_once(bench, centre, 30);
    /* One cache that goes back and forth between views. */
    FeatureCache *cache = open_cache(bench, bench->cache_folder);
    for (int i = 0; i < 3; i++) {
        get(bench, cache, centre, 0);
        get(bench, cache, crop(2, 3), i ? 0 : 30);
    }
    features_close(cache);
}

static void towers_and_transforms_do_not_mix(void **state) {
    Bench *bench = *state;
    get_once(bench, centre, 3);
    bench->source.model_digest = "abd";
    get_once(bench, centre, 3);
    bench->source.mean[1] += 0.001f;
    assert_same(bench, get_once(bench, centre, 3), expect(bench, centre));
    bench->source.std[2] += 0.001f;
    get_once(bench, centre, 3);
    get_once(bench, centre, 0);
}

static void content_counts_not_names(void **state) {
    Bench *bench = *state;
    FeatureCache *cache = open_cache(bench, NULL);
    get(bench, cache, centre, 3);
    write_image(bench, "renamed.png", 1);
    bench->items[1].path = "renamed.png";
    get(bench, cache, centre, 0);
    for (uint32_t seed = 50; seed < 60;
         seed++) { /* each time within a moment of the last, and of like size */
        write_image(bench, "renamed.png", seed);
        assert_same(bench, get(bench, cache, centre, 1), expect(bench, centre));
    }
    features_close(cache);
}

static void copies_are_encoded_once(void **state) {
    Bench *bench = *state;
    make_items(bench, 6);
    write_image(bench, "003.png", 1);
    bench->items[4].path = "000.png";
    FeatureCache *cache = open_cache(bench, NULL);
    int missing = -1;
    assert_int_equal(features_missing(cache, &missing, NULL, bench->folder, &bench->list, centre, NULL), 0);
    assert_int_equal(missing, 4);
    assert_same(bench, get(bench, cache, centre, 4), expect(bench, centre));
    assert_int_equal(features_missing(cache, &missing, NULL, bench->folder, &bench->list, centre, NULL), 0);
    assert_int_equal(missing, 0);
    assert_int_equal(features_missing(cache, &missing, NULL, bench->folder, &bench->list, crop(0, 0), NULL),
                     0);
    assert_int_equal(missing, 4);
    features_close(cache);
}

/* What another process encodes is what this one would have. */
static void features_come_from_elsewhere(void **state) {
    Bench *bench = *state;
    make_items(bench, 5);
    FeatureCache *there = open_cache(bench, NULL), *here = open_cache(bench, NULL);
    const int width = features_width(there);
    float features[5 * 64];
    Digest images[5];
    int missing = -1, places[5];
    assert_in_range(width, 1, 64);
    assert_int_equal(
        features_encode(there, features, images, bench->folder, &bench->list, centre, NULL, NULL, NULL), 0);
    assert_int_equal(features_missing(there, &missing, NULL, bench->folder, &bench->list, centre, NULL), 0);
    assert_int_equal(missing, 5); /* it has kept none */
    assert_int_equal(features_put(here, features, images, 2, centre, NULL), 0);
    assert_int_equal(features_missing(here, &missing, places, bench->folder, &bench->list, centre, NULL), 0);
    assert_int_equal(missing, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(places[i], 2 + i);
    assert_int_equal(features_put(here, features + 2 * width, images + 2, 3, centre, NULL), 0);
    assert_same(bench, get(bench, here, centre, 0), expect(bench, centre));
    features_close(there);
    features_close(here);
}

static void absolute_paths_need_no_root(void **state) {
    Bench *bench = *state;
    FeatureCache *cache = open_cache(bench, NULL);
    get(bench, cache, centre, 3);
    for (int i = 0; i < 3; i++)
        bench->items[i].path = path_join(bench->arena, bench->folder, bench->items[i].path);
    float features[3 * E];
    assert_int_equal(features_get(cache, features, NULL, &bench->list, centre, NULL, NULL, NULL), 0);
    assert_int_equal(features_get(cache, features, "/no/such", &bench->list, centre, NULL, NULL, NULL), 0);
    features_close(cache);
}

static void an_empty_list_is_fine(void **state) {
    Bench *bench = *state;
    bench->list.n = 0;
    FeatureCache *cache = open_cache(bench, NULL);
    get(bench, cache, centre, 0);
    features_close(cache);
}

/* Fails with this message, '@' being the folder. */
static void refuse(Bench *bench, FeatureCache *cache, const char *message) {
    float *features = arena_floats(bench->arena, (size_t)bench->list.n, E);
    bench->counter.n_images = 0;
    assert_int_equal(
        features_get(cache, features, bench->folder, &bench->list, centre, NULL, NULL, &bench->err), -1);
    assert_string_equal(bench->err.text,
                        arena_printf(bench->arena, "%s%s", (const char *)bench->folder, message + 1));
}

static void the_first_bad_image_is_named(void **state) {
    Bench *bench = *state;
    make_items(bench, 140);
    char path[4096];
    static const char *const bad[] = {"090.png", "093.png", "135.png"};
    for (int i = 0; i < 3; i++)
        scratch_file(scratch_path(&bench->folder, bad[i], path, sizeof path), bad[i], 7);
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        pool_free(bench->pool);
        bench->pool = pool_create(n_threads);
        FeatureCache *cache = open_cache(bench, NULL);
        refuse(bench, cache,
               "@/090.png: start: no image that coop reads (JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF)");
        assert_int_equal(bench->counter.n_images, 0); /* all are looked at before one is encoded */
        const ImageFaults *faults = features_faults(cache);
        assert_int_equal(faults->n, 3);
        assert_non_null(strstr(faults->first[2].err.text, "/135.png: start: "));
        assert_int_equal(features_check(cache, bench->folder, &bench->list, &bench->err), -1);
        assert_int_equal(faults->n, 3);
        bench->list.n = 90;
        assert_int_equal(features_check(cache, bench->folder, &bench->list, NULL), 0);
        assert_int_equal(faults->n, 0);
        bench->list.n = 140;
        features_close(cache);
    }
    bench->items[80].path = "no.png";
    bench->items[120].path = "not.png";
    FeatureCache *cache = open_cache(bench, NULL);
    refuse(bench, cache, "@/no.png: cannot open: No such file or directory");
    assert_int_equal(features_faults(cache)->n, 5);
    features_close(cache);
}

/* What only decoding finds is found when its batch is; the batches before it are kept. */
static void bad_data_is_named(void **state) {
    Bench *bench = *state;
    char path[4096];
    size_t size;
    make_items(bench, 140);
    for (int i = 90; i < 93; i += 2) {
        scratch_path(&bench->folder, bench->items[i].path, path, sizeof path);
        char *data = file_read(path, 1 << 20, bench->arena, &size, NULL);
        data[size - 20] ^= 1; /* within the only IDAT */
        scratch_file(path, data, size);
    }
    FeatureCache *cache = open_cache(bench, NULL);
    refuse(bench, cache, "@/090.png: PNG data: IDAT stream error");
    assert_int_equal(bench->counter.n_images, 64);
    assert_int_equal(features_faults(cache)->n, 2);
    features_close(cache);
}

static void bad_images_may_be_left_out(void **state) {
    Bench *bench = *state;
    make_items(bench, 140);
    float *expected = expect(bench, centre), *features = arena_floats(bench->arena, 140, E);
    static const int bad[] = {0, 63, 64, 90, 139};
    char path[4096];
    for (int i = 0; i < 4; i++) /* text, twice, and a damaged picture, twice */
        scratch_file(scratch_path(&bench->folder, bench->items[bad[i]].path, path, sizeof path), "text",
                     i / 2 + 3);
    size_t size;
    char *data = file_read(scratch_path(&bench->folder, "070.png", path, sizeof path), 1 << 20, bench->arena,
                           &size, NULL);
    data[size - 20] ^= 1; /* within the only IDAT */
    for (int i = 2; i < 4; i++)
        scratch_file(scratch_path(&bench->folder, bench->items[bad[i]].path, path, sizeof path), data, size);
    bench->items[139].path = "no.png";
    Error *errors = ARENA_NEW(bench->arena, Error, 140);
    FeatureCache *cache = open_cache(bench, bench->cache_folder);
    for (int again = 0; again < 2; again++) {
        memset(errors, 0, 140 * sizeof *errors);
        memset(features, 0, 140 * E * sizeof *features);
        bench->counter = (Counter){0};
        assert_int_equal(features_get_good(cache, features, errors, bench->folder, &bench->list, centre, NULL,
                                           NULL, &bench->err),
                         0);
        assert_int_equal(bench->counter.n_images,
                         again ? 0 : 135); /* the good ones are kept, the others are not */
        for (int i = 0, b = 0; i < 140; i++) {
            bool is_bad = b < 5 && bad[b] == i;
            b += is_bad;
            assert_int_equal(errors[i].kind, is_bad ? ERROR_INPUT : ERROR_NONE);
            if (!is_bad)
                assert_memory_equal(features + i * E, expected + i * E, E * sizeof *features);
        }
    }
    assert_non_null(strstr(errors[0].text, "000.png: start: no image"));
    assert_non_null(strstr(errors[90].text, "090.png: the same file as "));
    assert_non_null(strstr(errors[139].text, "no.png: cannot open"));
    features_close(cache);
}

static void a_file_that_changes_meanwhile(void **state) {
    Bench *bench = *state;
    make_items(bench, 70);
    char path[4096];
    FeatureCache *cache = open_cache(bench, NULL);
    bench->counter = (Counter){.spoil = scratch_path(&bench->folder, "066.png", path, sizeof path)};
    refuse(bench, cache, "@/066.png: content: the file changed while it was read");
    features_close(cache);
}

/* Stops at the given number of images. */
static int stop_at(void *context, long done, long total) {
    assert_int_equal(total, 130);
    return done >= *(long *)context;
}

static void stopped_work_is_kept(void **state) {
    Bench *bench = *state;
    make_items(bench, 130);
    FeatureCache *cache = open_cache(bench, bench->cache_folder);
    float features[130 * E];
    long at = 64;
    assert_int_equal(
        features_get(cache, features, bench->folder, &bench->list, centre, stop_at, &at, &bench->err), -1);
    assert_int_equal(bench->err.kind, ERROR_SIGNAL);
    assert_int_equal(bench->counter.n_images, 64);
    features_close(cache);
    assert_same(bench, get_once(bench, centre, 66), expect(bench, centre));
}

/* --- broken cache files --- */

static void any_cut_is_healed(void **state) {
    Bench *bench = *state;
    float *expected = get_once(bench, centre, 3);
    char *path = cache_file(bench, "centre.features");
    size_t size;
    char *whole = file_read(path, 1 << 20, bench->arena, &size, NULL);
    assert_int_equal(size, HEADER + 3 * RECORD);
    for (size_t cut = 0; cut < size; cut++) {
        scratch_file(path, whole, cut);
        int n_left = cut < HEADER ? 0 : (int)((cut - HEADER) / RECORD);
        assert_same(bench, get_once(bench, centre, 3 - n_left), expected);
        assert_same(bench, get_once(bench, centre, 0), expected);
        size_t healed;
        file_read(path, 1 << 20, bench->arena, &healed, NULL);
        assert_int_equal(healed, size);
    }
}

static void any_changed_byte_is_healed(void **state) {
    Bench *bench = *state;
    float *expected = get_once(bench, centre, 3);
    char *path = cache_file(bench, "centre.features");
    size_t size;
    char *whole = file_read(path, 1 << 20, bench->arena, &size, NULL);
    for (size_t i = 0; i < size; i++) {
        whole[i] ^= 0x10;
        scratch_file(path, whole, size);
        whole[i] ^= 0x10;
        assert_same(bench, get_once(bench, centre, i < HEADER ? 3 : 1), expected);
        assert_same(bench, get_once(bench, centre, 0), expected);
    }
}

/* A file of another tower under our name is not believed, nor one that is no file at all. */
static void foreign_files_are_not_believed(void **state) {
    Bench *bench = *state;
    get_once(bench, centre, 3);
    char *path = cache_file(bench, "centre.features"), *other = cache_file(bench, "s1-v2.features");
    assert_int_equal(rename(path, other), 0);
    assert_same(bench, get_once(bench, crop(1, 2), 3), expect(bench, crop(1, 2)));
    scratch_file(path, "hello", 5);
    assert_same(bench, get_once(bench, centre, 3), expect(bench, centre));
    assert_int_equal(remove(path), 0);
    assert_int_equal(make_folders(path, NULL), 0);
    FeatureCache *cache = open_cache(bench, bench->cache_folder);
    float features[3 * E];
    assert_int_equal(
        features_get(cache, features, bench->folder, &bench->list, centre, NULL, NULL, &bench->err), -1);
    assert_int_equal(bench->err.kind, ERROR_RUN);
    assert_non_null(strstr(bench->err.text, "cannot write"));
    features_close(cache);
}

static void files_that_vanish_are_no_trouble(void **state) {
    Bench *bench = *state;
    FeatureCache *cache = open_cache(bench, bench->cache_folder);
    float *expected = get(bench, cache, centre, 3);
    char *path = cache_file(bench, "centre.features");
    get(bench, cache, centre, 0);
    assert_int_equal(remove(path), 0);
    assert_same(bench, get(bench, cache, centre, 3), expected);
    assert_int_equal(truncate(path, HEADER + RECORD), 0);
    assert_same(bench, get(bench, cache, centre, 2), expected);
    features_close(cache);
}

static void a_full_disk_is_an_error(void **state) {
    Bench *bench = *state;
    make_items(bench, 70);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = HEADER + 66 * RECORD + 7;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    FeatureCache *cache = open_cache(bench, bench->cache_folder);
    float features[70 * E];
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = features_get(cache, features, bench->folder, &bench->list, centre, NULL, NULL, &bench->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(result, -1);
    assert_int_equal(bench->err.kind, ERROR_RUN);
    assert_non_null(strstr(bench->err.text, "centre.features: cannot write: File too large"));
    size_t size;
    file_read(cache_file(bench, "centre.features"), 1 << 20, bench->arena, &size, NULL);
    assert_int_equal(size, HEADER + 64 * RECORD);
    assert_same(bench, get(bench, cache, centre, 6), expect(bench, centre));
    features_close(cache);
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(features_are_those_of_the_transforms),
        BENCH_TEST(threads_do_not_change_bits),
        BENCH_TEST(kept_on_disk),
        BENCH_TEST(towers_and_transforms_do_not_mix),
        BENCH_TEST(content_counts_not_names),
        BENCH_TEST(copies_are_encoded_once),
        BENCH_TEST(absolute_paths_need_no_root),
        BENCH_TEST(an_empty_list_is_fine),
        BENCH_TEST(the_first_bad_image_is_named),
        BENCH_TEST(bad_images_may_be_left_out),
        BENCH_TEST(bad_data_is_named),
        BENCH_TEST(a_file_that_changes_meanwhile),
        BENCH_TEST(stopped_work_is_kept),
        BENCH_TEST(any_cut_is_healed),
        BENCH_TEST(any_changed_byte_is_healed),
        BENCH_TEST(foreign_files_are_not_believed),
        BENCH_TEST(files_that_vanish_are_no_trouble),
        BENCH_TEST(a_full_disk_is_an_error),
        BENCH_TEST(features_come_from_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
