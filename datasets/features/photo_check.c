/* photo_check.c: see photo_check.h. Of each image two digests are kept: of the file, and of its size and
 * pixels, by which a picture that was only written anew is found. */
#include "datasets/features/photo_check.h"

#include "datasets/features/digest_map.h"
#include "datasets/features/file_digests.h"
#include "datasets/images/image.h"
#include "datasets/images/orientation.h"

#include <stdlib.h>
#include <string.h>

/* What a tile finds. */
typedef struct {
    Photo photo;
    Digest file, pixels;
    Error err;
} Look;

struct PhotoCheck {
    Pool *pool;
    Arena *arena;    /* of the photos, their paths and both maps */
    Arena **scratch; /* (pool_threads) */
    Photo *photos;   /* (n) */
    int n, capacity;
    DigestMap files, pixels; /* to the first photo */
    Look *looks;             /* of the photos that are being added */
};

PhotoCheck *photo_check_create(Pool *pool, Error *err) {
    PhotoCheck *check = calloc(1, sizeof *check);
    const int n = pool_threads(pool);
    bool failed = !check;
    if (check) {
        check->pool = pool;
        check->arena = arena_create();
        check->files.arena = check->pixels.arena = check->arena;
        check->scratch = calloc((size_t)n, sizeof *check->scratch);
        failed = !check->arena || !check->scratch;
        for (int i = 0; i < n && !failed; i++)
            failed = !(check->scratch[i] = arena_create());
    }
    if (!failed)
        return check;
    photo_check_free(check);
    error_memory(err);
    return NULL;
}

void photo_check_free(PhotoCheck *check) {
    if (!check)
        return;
    for (int i = 0; check->scratch && i < pool_threads(check->pool); i++)
        arena_free(check->scratch[i]);
    free(check->scratch);
    arena_free(check->arena);
    free(check);
}

static Digest digest_pixels(const Image *image) {
    const Digest pixels = digest_of(image->rgb, (size_t)image->width * (size_t)image->height * 3);
    struct {
        int width, height;
        Digest pixels;
    } all = {image->width, image->height, pixels};
    return digest_of(&all, sizeof all);
}

static int look(Look *look, Arena *arena, Error *err) {
    size_t size;
    Image image;
    const unsigned char *data = image_file_read(look->photo.path, &size, arena, err);
    if (!data)
        return -1;
    look->file = digest_of(data, size);
    if (image_decode(&image, data, size, look->photo.path, arena, err) < 0)
        return -1;
    look->photo.width = image.width;
    look->photo.height = image.height;
    look->photo.warnings = image.warnings;
    look->photo.orientation = image_orientation(data, size);
    look->pixels = digest_pixels(&image);
    return 0;
}

static void look_tile(void *context, int tile, int worker) {
    PhotoCheck *check = context;
    Arena *arena = check->scratch[worker];
    const size_t mark = arena_mark(arena);
    look(&check->looks[tile], arena, &check->looks[tile].err);
    arena_reset(arena, mark);
}

/* The first photo with this digest, which from now on is this one if there was none; -1: none. -2: no memory.
 */
static int first_with(DigestMap *map, const Digest *digest, int photo) {
    const DigestValue *found = digest_map_find(map, digest);
    if (found)
        return (int)found->number;
    return digest_map_put(map, digest, (DigestValue){.number = (size_t)photo}) < 0 ? -2 : -1;
}

/* A file that cannot be read may still be a copy, which needs no word of its own. */
static int keep(PhotoCheck *check, const Look *look, Error *err) {
    Photo *photo = &check->photos[check->n];
    *photo = look->photo;
    photo->copy_of = -1;
    if (look->err.kind == ERROR_INPUT) {
        photo->fault = arena_strdup(check->arena, look->err.text);
        check->n++;
        return photo->fault ? 0 : error_memory(err);
    }
    if (look->err.kind != ERROR_NONE) {
        if (err)
            *err = look->err;
        return -1;
    }
    const int file = first_with(&check->files, &look->file, check->n);
    const int pixels = first_with(&check->pixels, &look->pixels, check->n);
    if (file == -2 || pixels == -2)
        return error_memory(err);
    photo->same_bytes = file >= 0;
    photo->copy_of = file >= 0 ? file : pixels;
    check->n++;
    return 0;
}

int photo_check_add(PhotoCheck *check, const char *const *paths, int n, Error *err) {
    Photo *photos = arena_grow(check->arena, check->photos, &check->capacity, check->n + n, sizeof *photos);
    int result = 0;
    check->looks = calloc((size_t)n + 1, sizeof *check->looks);
    if (!photos || !check->looks)
        result = error_memory(err);
    else
        check->photos = photos;
    for (int i = 0; i < n && result == 0; i++)
        if (!(check->looks[i].photo.path = arena_strdup(check->arena, paths[i])))
            result = error_memory(err);
    if (result == 0)
        pool_run(check->pool, n, look_tile, check);
    for (int i = 0; i < n && result == 0; i++)
        result = keep(check, &check->looks[i], err);
    free(check->looks);
    check->looks = NULL;
    return result;
}

const Photo *photo_check_all(const PhotoCheck *check, int *n) {
    *n = check->n;
    return check->photos;
}
