/* caption_builder.c: see caption_builder.h */
#include "datasets/captions/caption_builder.h"

#include "datasets/lists/split_file.h"

#include <limits.h>
#include <string.h>

int caption_image(CaptionBuilder *builder, const char *path, bool *is_new, Error *err) {
    const int *place = text_map_find(&builder->places, path);
    *is_new = !place;
    if (place)
        return *place;
    const char *fault = split_path_fault(path);
    if (fault)
        return error_set(err, "%s: '%s'", fault, path);
    const int image = builder->images.list.n;
    const char *copy = text_join(&builder->pool, NULL, path);
    if (!copy || text_map_put(&builder->places, copy, image) < 0)
        return error_memory(err);
    return list_push(&builder->images, copy, 0, builder->pool.arena, err) < 0 ? -1 : image;
}

int caption_add(CaptionBuilder *builder, int image, const char *text, Error *err) {
    if (!text[strspn(text, " \t\r\n")])
        return error_set(err, "an empty caption");
    if (builder->n_captions == INT_MAX / 2)
        return error_set(err, "too many captions");
    Caption *captions = arena_grow(builder->pool.arena, builder->captions, &builder->capacity,
                                   builder->n_captions + 1, sizeof *captions);
    const char *copy = text_join(&builder->pool, NULL, text);
    if (!captions || !copy)
        return error_memory(err);
    builder->captions = captions;
    captions[builder->n_captions++] = (Caption){image, copy};
    return 0;
}
