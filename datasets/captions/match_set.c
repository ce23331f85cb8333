/* match_set.c: see match_set.h */
#include "datasets/captions/match_set.h"

#include "clip/base/files.h"
#include "datasets/captions/json_items.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/split_file.h"
#include "datasets/lists/text_table.h"

#include <limits.h>
#include <string.h>

typedef struct {
    MatchSet *set;
    TextPool pool;
    ListBuilder images;
    int boxes_capacity, texts_capacity, n_texts;
} Reader;

static int put_image(Reader *reader, const char *path, MatchBox box, Error *err) {
    MatchSet *set = reader->set;
    Arena *arena = reader->pool.arena;
    const char *fault = split_path_fault(path);
    if (fault)
        return error_set(err, "%s: '%s'", fault, path);
    const int n = reader->images.list.n;
    MatchBox *boxes = arena_grow(arena, set->boxes, &reader->boxes_capacity, n + 1, sizeof *boxes);
    const char *copy = text_join(&reader->pool, NULL, path);
    if (!boxes || !copy)
        return error_memory(err);
    set->boxes = boxes;
    boxes[n] = box;
    set->boxed |= box.width > 0;
    return list_push(&reader->images, copy, 0, arena, err);
}

static int put_texts(Reader *reader, const char *first, const char *second, Error *err) {
    MatchSet *set = reader->set;
    if (set->n == INT_MAX / 4)
        return error_set(err, "too many cases");
    const char **texts = arena_grow(reader->pool.arena, set->texts, &reader->texts_capacity,
                                    reader->n_texts + 2, sizeof *texts);
    if (!texts)
        return error_memory(err);
    set->texts = texts;
    const char *both[] = {first, second};
    for (int i = 0; i < 2; i++) {
        if (!both[i][strspn(both[i], " \t\r\n")])
            return error_set(err, "an empty caption");
        if (!(texts[reader->n_texts++] = text_join(&reader->pool, NULL, both[i])))
            return error_memory(err);
    }
    set->n++;
    return 0;
}

static const char *text_of(const json_t *item, const char *key) {
    return json_string_value(json_object_get(item, key));
}

/* Names of pictures stand there without the suffix that their files have. */
static int take_winoground(Reader *reader, const json_t *item, Error *err) {
    static const char *const keys[] = {"image_0", "image_1"};
    const char *first = text_of(item, "caption_0"), *second = text_of(item, "caption_1");
    reader->set->pairs = true;
    if (!first || !second)
        return error_set(err, "no texts 'caption_0' and 'caption_1'");
    for (int i = 0; i < 2; i++) {
        const char *name = text_of(item, keys[i]);
        if (!name)
            return error_set(err, "no text '%s'", keys[i]);
        if (!strchr(name, '.') && !(name = arena_printf(reader->pool.arena, "%s.png", name)))
            return error_memory(err);
        if (put_image(reader, name, (MatchBox){0}, err) < 0)
            return -1;
    }
    return put_texts(reader, first, second, err);
}

static int read_side(int *side, const json_t *item, const char *key, int least, Error *err) {
    const json_t *value = json_object_get(item, key);
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < least || number > 1000000)
        return error_set(err, "%s: a whole number from %d on is needed", key, least);
    *side = (int)number;
    return 0;
}

static int take_aro(Reader *reader, const json_t *item, Error *err) {
    const char *path = text_of(item, "image_path"), *right = text_of(item, "true_caption"),
               *wrong = text_of(item, "false_caption");
    MatchBox box;
    if (!right || !wrong)
        return error_set(err, "no texts 'true_caption' and 'false_caption'");
    if (read_side(&box.x, item, "bbox_x", 0, err) < 0 || read_side(&box.y, item, "bbox_y", 0, err) < 0 ||
        read_side(&box.width, item, "bbox_w", 1, err) < 0 ||
        read_side(&box.height, item, "bbox_h", 1, err) < 0)
        return -1;
    return put_image(reader, path, box, err) < 0 ? -1 : put_texts(reader, right, wrong, err);
}

static int take_item(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    const char *name = text_of(item, "filename"), *right = text_of(item, "caption"),
               *wrong = text_of(item, "negative_caption");
    const bool pairs = json_object_get(item, "image_0");
    if (reader->set->n > 0 && pairs != reader->set->pairs)
        return error_set(err, "an entry of another kind than those before");
    if (pairs)
        return take_winoground(reader, item, err);
    if (text_of(item, "image_path"))
        return take_aro(reader, item, err);
    if (!name || !right || !wrong)
        return error_set(err, "none of image_0 (Winoground), image_path (ARO), or filename, caption and "
                              "negative_caption (SugarCrepe)");
    return put_image(reader, name, (MatchBox){0}, err) < 0 ? -1 : put_texts(reader, right, wrong, err);
}

static int take_row(void *context, char *const *fields, int line, Error *err) {
    (void)line;
    return put_image(context, fields[0], (MatchBox){0}, err) < 0
               ? -1
               : put_texts(context, fields[1], fields[2], err);
}

int match_set_read(MatchSet *set, const char *path, Arena *arena, Error *err) {
    static const TableColumn columns[] = {{.name = "image", .other = "filepath"},
                                          {.name = "caption", .other = "title"},
                                          {.name = "negative_caption"}};
    const TextTable table = {
        .path = path, .max_size = MAX_LIST_BYTES, .strict = true, .columns = columns, .n_columns = 3};
    *set = (MatchSet){0};
    Reader reader = {.set = set, .pool = {.arena = arena}};
    const int first = json_first(path, err);
    if (first < 0 ||
        (first == '{' || first == '[' ? json_items_read(path, take_item, &reader, err)
                                      : text_table_read(&table, take_row, &reader, arena, err)) < 0)
        return -1;
    set->images = reader.images.list;
    return set->n > 0 ? 0 : error_set(err, "%s: no cases", path);
}
