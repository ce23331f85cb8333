/* fuzz_captions.c: images with their captions: Karpathy's files, COCO's, Flickr's, tables. */
#include "tests/fuzz/fuzz.h"

#include "datasets/captions/caption_set.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

int fuzz_captions(const uint8_t *data, size_t size) {
    FuzzFile input;
    CaptionSet set;
    fuzz_open(&input, data, size);
    const bool was_read = caption_set_read(&set, input.path, NULL, input.arena, &input.err) == 0;
    for (int i = 0; was_read && i < set.n_captions; i++) {
        const char *text = set.captions[i];
        if (!*text || u8_check((const uint8_t *)text, strlen(text)))
            abort();
        if (set.image_of[i] >= set.images.n || set.image_of[i] < (i > 0 ? set.image_of[i - 1] : 0))
            abort();
    }
    for (int i = 0; was_read && i < set.images.n; i++)
        if (set.images.items[i].path[0] == '/')
            abort();
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_captions)
