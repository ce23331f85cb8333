/* caption_json.c: Karpathy's files, COCO's annotations, and lists of images (caption_set.h). */
#include "clip/base/paths.h"
#include "datasets/captions/caption_builder.h"
#include "datasets/captions/json_items.h"

#include <stdlib.h>
#include <string.h>

/* COCO's lists may come in any order, so they are joined at the end. */
typedef struct {
    long long id;
    const char *path;
} CocoImage;

typedef struct {
    long long image;
    const char *text;
    long index; /* in the list of annotations */
} CocoCaption;

typedef struct {
    CaptionBuilder *builder;
    const char *split; /* NULL: not given */
    CocoImage *images; /* (n_images) */
    CocoCaption *captions;
    int n_images, n_captions, images_capacity, captions_capacity;
    long n_karpathy, n_annotations;
} Reader;

static int take_sentences(Reader *reader, int image, const json_t *sentences, Error *err) {
    if (!json_is_array(sentences))
        return error_set(err, "sentences are no list");
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        const char *raw = json_string_value(json_object_get(json_array_get(sentences, i), "raw"));
        if (!raw)
            return error_set(err, "sentence %zu has no text 'raw'", i);
        if (caption_add(reader->builder, image, raw, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_split(const char *split) {
    static const char *const known[] = {"train", "restval", "val", "test"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(split, known[i]) == 0)
            return true;
    return false;
}

static int take_karpathy(Reader *reader, const json_t *item, Error *err) {
    const char *name = json_string_value(json_object_get(item, "filename"));
    const char *folder = json_string_value(json_object_get(item, "filepath"));
    const char *split = json_string_value(json_object_get(item, "split"));
    const char *wanted = reader->split ? reader->split : "test";
    bool is_new;
    reader->n_karpathy++;
    if (!name || !split)
        return error_set(err, "no text '%s'", name ? "split" : "filename");
    if (!is_split(split))
        return error_set(err, "split '%s': train, restval, val or test is needed", split);
    if (strcmp(wanted, "all") != 0 && strcmp(wanted, split) != 0)
        return 0;
    if (folder && *folder && !(name = path_join(reader->builder->pool.arena, folder, name)))
        return error_memory(err);
    const int image = caption_image(reader->builder, name, &is_new, err);
    if (image >= 0 && !is_new)
        return error_set(err, "image '%s' comes twice", name);
    return image < 0 ? -1 : take_sentences(reader, image, json_object_get(item, "sentences"), err);
}

static int take_coco_image(Reader *reader, const json_t *item, Error *err) {
    Arena *arena = reader->builder->pool.arena;
    const json_t *id = json_object_get(item, "id");
    const char *name = json_string_value(json_object_get(item, "file_name"));
    if (!json_is_integer(id) || !name)
        return error_set(err, "neither 'sentences' nor an 'id' and a 'file_name'");
    CocoImage *images =
        arena_grow(arena, reader->images, &reader->images_capacity, reader->n_images + 1, sizeof *images);
    name = text_join(&reader->builder->pool, NULL, name);
    if (!images || !name)
        return error_memory(err);
    reader->images = images;
    images[reader->n_images++] = (CocoImage){json_integer_value(id), name};
    return 0;
}

static int take_image(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    if (json_object_get(item, "sentences"))
        return take_karpathy(context, item, err);
    return take_coco_image(context, item, err);
}

static int take_annotation(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    const json_t *id = json_object_get(item, "image_id");
    const char *text = json_string_value(json_object_get(item, "caption"));
    if (!json_is_integer(id) || !text)
        return error_set(err, "no number 'image_id' with a text 'caption'");
    CocoCaption *captions = arena_grow(reader->builder->pool.arena, reader->captions,
                                       &reader->captions_capacity, reader->n_captions + 1, sizeof *captions);
    text = text_join(&reader->builder->pool, NULL, text);
    if (!captions || !text)
        return error_memory(err);
    reader->captions = captions;
    captions[reader->n_captions++] = (CocoCaption){json_integer_value(id), text, reader->n_annotations++};
    return 0;
}

static int take_name(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    CaptionBuilder *builder = ((Reader *)context)->builder;
    const char *name = json_string_value(item);
    builder->dataset = name ? text_join(&builder->pool, NULL, name) : NULL;
    return name && !builder->dataset ? error_memory(err) : 0;
}

static int compare_ids(const void *a, const void *b) {
    const long long x = ((const CocoImage *)a)->id, y = ((const CocoImage *)b)->id;
    return (x > y) - (x < y);
}

static int join_coco(Reader *reader, const char *path, Error *err) {
    CaptionBuilder *builder = reader->builder;
    bool is_new;
    if (reader->n_images > 0)
        qsort(reader->images, (size_t)reader->n_images, sizeof *reader->images, compare_ids);
    for (int i = 0; i < reader->n_images; i++) {
        const CocoImage *image = &reader->images[i];
        if (i > 0 && image[-1].id == image->id)
            return error_set(err, "%s: images: id %lld comes twice", path, image->id);
        if (caption_image(builder, image->path, &is_new, err) < 0)
            return error_prefix(err, "%s: images: id %lld", path, image->id);
        if (!is_new)
            return error_set(err, "%s: images: id %lld: image '%s' comes twice", path, image->id,
                             image->path);
    }
    for (int i = 0; i < reader->n_captions; i++) {
        const CocoCaption *caption = &reader->captions[i];
        const CocoImage wanted = {.id = caption->image};
        const CocoImage *image =
            reader->n_images > 0
                ? bsearch(&wanted, reader->images, (size_t)reader->n_images, sizeof wanted, compare_ids)
                : NULL;
        if (!image)
            return error_set(err, "%s: annotations[%ld]: there is no image %lld", path, caption->index,
                             caption->image);
        if (caption_add(builder, (int)(image - reader->images), caption->text, err) < 0)
            return error_prefix(err, "%s: annotations[%ld]", path, caption->index);
    }
    return 0;
}

/* An image may come again, each time with one caption, as in lists for training. */
static int take_listed(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    CaptionBuilder *builder = context;
    const char *path = json_string_value(json_object_get(item, "image"));
    const json_t *captions = json_object_get(item, "caption");
    const bool one = json_is_string(captions);
    bool is_new;
    if (!path || (!one && !json_is_array(captions)))
        return error_set(err, "no text 'image' with a 'caption', a text or a list of them");
    const int image = caption_image(builder, path, &is_new, err);
    if (image < 0)
        return -1;
    if (!one && !is_new)
        return error_set(err, "image '%s' comes twice", path);
    for (size_t i = 0; i < (one ? 1 : json_array_size(captions)); i++) {
        const char *text = json_string_value(one ? captions : json_array_get(captions, i));
        if (!text)
            return error_set(err, "caption[%zu]: a text is needed", i);
        if (caption_add(builder, image, text, err) < 0)
            return -1;
    }
    return 0;
}

int captions_read_list(CaptionBuilder *builder, const char *path, Error *err) {
    return json_items_read(path, take_listed, builder, err);
}

int captions_read_json(CaptionBuilder *builder, const char *path, const char *split, Error *err) {
    Reader reader = {.builder = builder, .split = split};
    JsonPart parts[] = {{.key = "images", .take = take_image, .is_list = true, .needed = true},
                        {.key = "annotations", .take = take_annotation, .is_list = true},
                        {.key = "dataset", .take = take_name}};
    if (json_parts_read(path, parts, 3, &reader, err) < 0)
        return -1;
    if (reader.n_karpathy > 0 && reader.n_images + reader.n_annotations > 0)
        return error_set(err, "%s: images with 'sentences' (Karpathy) beside others (COCO)", path);
    if (reader.n_karpathy == 0 && split)
        return error_set(err, "%s: split '%s': only Karpathy's JSON files have splits", path, split);
    if (reader.n_karpathy == 0 && !parts[1].seen)
        return error_set(err, "%s: no 'annotations'", path);
    return join_coco(&reader, path, err);
}
