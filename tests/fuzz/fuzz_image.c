/* fuzz_image.c: image files of every format, decoded, turned, and through both transforms. */
#include "tests/fuzz/fuzz.h"

#include "datasets/images/image.h"
#include "datasets/images/transform.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIDE = 32 };

int fuzz_image(const uint8_t *data, size_t size) {
    FuzzFile input;
    Image image;
    unsigned char out[SIDE * SIDE * 3];
    fuzz_open(&input, data, size);
    bool was_read = image_load(&image, input.path, input.arena, &input.err) == 0;
    if (was_read) {
        /* That a picture is too thin to be resized is said without its name: it may have none. */
        Error err = {0};
        if (image_check(data, size, input.path, input.arena, &err) < 0)
            abort(); /* a check refuses nothing that can be read */
        if (image_decode_upright(&image, data, size, input.path, input.arena, &err) < 0)
            abort();
        Rng rng;
        rng_seed(&rng, (uint32_t[]){(uint32_t)size}, 1);
        for (TransformFit fit = FIT_CROP; fit <= FIT_PAD; fit++)
            transform_fit(out, &image, &(Transform){.size = SIDE, .fit = fit}, input.arena, &err);
        transform_random_crop(out, &image, &(Transform){.size = SIDE}, &rng, input.arena, &err);
    }
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_image)

#ifdef LIBFUZZER
/* libheif forgets the data of an AVIF file that dav1d refuses at once. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libdav1d\n";
}

static uint32_t big_endian(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Most changes to a PNG break a checksum and nothing behind it would ever run: they are mended. */
static size_t mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 == 0 || size < 8 || memcmp(data, "\x89PNG", 4) != 0)
        return size;
    for (size_t at = 8, n; at + 12 <= size && (n = big_endian(data + at)) <= size - at - 12; at += n + 12) {
        uint32_t crc = (uint32_t)crc32(0, data + at + 4, (uInt)n + 4);
        for (int i = 0; i < 4; i++)
            data[at + 8 + n + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    return size;
}

FUZZ_MUTATOR(mutate)
#endif
