/* match_set.c: see match_set.h */
#include "datasets/captions/match_set.h"

#include "clip/base/files.h"
#include "datasets/captions/aro.h"
#include "datasets/captions/json_items.h"
#include "datasets/captions/match_builder.h"
#include "datasets/lists/text_table.h"

#include <string.h>

typedef enum { KIND_NONE, KIND_WINOGROUND, KIND_SUGARCREPE, KIND_RELATION, KIND_ATTRIBUTES, KIND_ORDER } Kind;

typedef struct {
    MatchBuilder builder;
    Kind kind;        /* of the entries so far */
    TextMap ids;      /* seen in the file of cases */
    json_t *all_tags; /* lists of them, by ID; NULL: no file of tags */
} Reader;

static const char *text_of(const json_t *item, const char *key) {
    return json_string_value(json_object_get(item, key));
}

static int put_case(Reader *reader, const char *right, const char *wrong, Error *err) {
    return match_text(&reader->builder, right, err) < 0 || match_text(&reader->builder, wrong, err) < 0
               ? -1
               : match_case(&reader->builder, err);
}

/* --- Winoground --- */

/* "Pragmatics, Series" are two. */
static int put_tags(Reader *reader, const char *text, Error *err) {
    MatchBuilder *builder = &reader->builder;
    char *list = arena_strdup(builder->pool.arena, text), *at = list;
    if (!list)
        return error_memory(err);
    for (char *tag; (tag = strsep(&at, ","));) {
        tag += strspn(tag, " ");
        if (*tag && match_tag(builder, tag, false, err) < 0)
            return -1;
    }
    return 0;
}

/* Those that the paper's tables have rows for. */
static int put_winoground_tags(Reader *reader, const json_t *item, Error *err) {
    static const char *const keys[] = {"collapsed_tag", "secondary_tag"};
    const json_t *predicates = json_object_get(item, "num_main_preds");
    for (int i = 0; i < 2; i++)
        if (text_of(item, keys[i]) && put_tags(reader, text_of(item, keys[i]), err) < 0)
            return -1;
    if (!json_is_integer(predicates))
        return 0;
    const json_int_t n = json_integer_value(predicates);
    const char *tag =
        arena_printf(reader->builder.pool.arena, "%lld main predicate%s", (long long)n, n == 1 ? "" : "s");
    return tag ? match_tag(&reader->builder, tag, false, err) : error_memory(err);
}

static int put_more_tags(Reader *reader, const json_t *item, Error *err) {
    const json_t *id = json_object_get(item, "id");
    char key[32];
    if (!reader->all_tags)
        return 0;
    if (!json_is_integer(id))
        return error_set(err, "no number 'id', by which tags are given");
    snprintf(key, sizeof key, "%lld", (long long)json_integer_value(id));
    const json_t *tags = json_object_get(reader->all_tags, key);
    if (!json_is_array(tags))
        return error_set(err, "the file of tags has no list for '%s'", key);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        if (!tag)
            return error_set(err, "the file of tags: '%s': a list of texts is needed", key);
        if (match_tag(&reader->builder, tag, false, err) < 0)
            return -1;
    }
    return json_array_size(tags) > 0 ? 0 : match_tag(&reader->builder, "No Tag", false, err);
}

/* Names of pictures stand there without the suffix that their files have. */
static int take_winoground(Reader *reader, const json_t *item, Error *err) {
    static const char *const keys[] = {"image_0", "image_1"};
    const char *first = text_of(item, "caption_0"), *second = text_of(item, "caption_1");
    reader->builder.set->pairs = true;
    if (!first || !second)
        return error_set(err, "no texts 'caption_0' and 'caption_1'");
    for (int i = 0; i < 2; i++) {
        const char *name = text_of(item, keys[i]);
        if (!name)
            return error_set(err, "no text '%s'", keys[i]);
        if (!strchr(name, '.') && !(name = arena_printf(reader->builder.pool.arena, "%s.png", name)))
            return error_memory(err);
        if (match_image(&reader->builder, name, (MatchBox){0}, err) < 0)
            return -1;
    }
    if (put_winoground_tags(reader, item, err) < 0 || put_more_tags(reader, item, err) < 0)
        return -1;
    return put_case(reader, first, second, err);
}

/* --- ARO --- */

static int read_side(int *side, const json_t *item, const char *key, int least, Error *err) {
    const json_t *value = json_object_get(item, key);
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < least || number > 1000000)
        return error_set(err, "%s: a whole number from %d on is needed", key, least);
    *side = (int)number;
    return 0;
}

static int put_aro_tag(Reader *reader, const json_t *item, Error *err) {
    const char *relation = text_of(item, "relation_name");
    const json_t *both = json_object_get(item, "attributes");
    const char *first = json_string_value(json_array_get(both, 0)),
               *second = json_string_value(json_array_get(both, 1));
    if (relation)
        return match_tag(&reader->builder, relation, !aro_is_symmetric(relation), err);
    if (!first || !second)
        return both ? error_set(err, "attributes: a list of two texts is needed") : 0;
    const char *tag = arena_printf(reader->builder.pool.arena, "%s_%s", first, second);
    return tag ? match_tag(&reader->builder, tag, true, err) : error_memory(err);
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
    reader->builder.set->macro_least = reader->kind == KIND_RELATION     ? ARO_LEAST_RELATION
                                       : reader->kind == KIND_ATTRIBUTES ? ARO_LEAST_ATTRIBUTES
                                                                         : 0;
    if (match_image(&reader->builder, path, box, err) < 0 || put_aro_tag(reader, item, err) < 0)
        return -1;
    return put_case(reader, right, wrong, err);
}

static int take_order(Reader *reader, const json_t *item, Error *err) {
    const json_t *captions = json_object_get(item, "caption_options");
    const char *path = text_of(item, "image");
    reader->builder.set->first_won = true;
    if (!path || !json_is_array(captions))
        return error_set(err, "no text 'image' with a list 'caption_options'");
    if (match_image(&reader->builder, path, (MatchBox){0}, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(captions); i++) {
        const char *caption = json_string_value(json_array_get(captions, i));
        if (!caption)
            return error_set(err, "caption_options[%zu]: a text is needed", i);
        if (match_text(&reader->builder, caption, err) < 0)
            return -1;
    }
    return match_case(&reader->builder, err);
}

/* --- any of them --- */

static Kind kind_of(const json_t *item) {
    if (json_object_get(item, "image_0"))
        return KIND_WINOGROUND;
    if (json_object_get(item, "caption_options"))
        return KIND_ORDER;
    if (text_of(item, "image_path"))
        return json_object_get(item, "relation_name") ? KIND_RELATION : KIND_ATTRIBUTES;
    return KIND_SUGARCREPE;
}

static int take_sugarcrepe(Reader *reader, const json_t *item, Error *err) {
    const char *name = text_of(item, "filename"), *right = text_of(item, "caption"),
               *wrong = text_of(item, "negative_caption");
    if (!name || !right || !wrong)
        return error_set(err, "none of image_0 (Winoground), image_path or caption_options (ARO), or "
                              "filename, caption and negative_caption (SugarCrepe)");
    return match_image(&reader->builder, name, (MatchBox){0}, err) < 0 ? -1
                                                                       : put_case(reader, right, wrong, err);
}

/* A case that stands there twice would count twice. */
static int check_id(Reader *reader, const char *place, const json_t *item, Error *err) {
    const json_t *id = json_object_get(item, "id");
    const char *key = strncmp(place, "entry '", 7) == 0 ? place : NULL;
    if (reader->kind == KIND_WINOGROUND && json_is_integer(id))
        key = arena_printf(reader->builder.pool.arena, "id %lld", (long long)json_integer_value(id));
    if (!key)
        return 0;
    if (text_map_find(&reader->ids, key))
        return error_set(err, "%s", key == place ? "it stands there twice" : "its id stands there twice");
    key = arena_strdup(reader->builder.pool.arena, key);
    return key && text_map_put(&reader->ids, key, 0) == 0 ? 0 : error_memory(err);
}

static int take_item(void *context, const char *place, const json_t *item, Error *err) {
    Reader *reader = context;
    const Kind kind = kind_of(item);
    if (reader->kind != KIND_NONE && kind != reader->kind)
        return error_set(err, "an entry of another kind than those before");
    reader->kind = kind;
    if (check_id(reader, place, item, err) < 0)
        return -1;
    switch (kind) {
    case KIND_WINOGROUND:
        return take_winoground(reader, item, err);
    case KIND_ORDER:
        return take_order(reader, item, err);
    case KIND_RELATION:
    case KIND_ATTRIBUTES:
        return take_aro(reader, item, err);
    default:
        return take_sugarcrepe(reader, item, err);
    }
}

static int take_row(void *context, char *const *fields, int line, Error *err) {
    (void)line;
    Reader *reader = context;
    if (match_image(&reader->builder, fields[0], (MatchBox){0}, err) < 0 ||
        (fields[3] && put_tags(reader, fields[3], err) < 0))
        return -1;
    return put_case(reader, fields[1], fields[2], err);
}

static int read_cases(Reader *reader, const char *path, Error *err) {
    static const TableColumn columns[] = {{.name = "image", .other = "filepath"},
                                          {.name = "caption", .other = "title"},
                                          {.name = "negative_caption"},
                                          {.name = "tag", .optional = true}};
    const TextTable table = {
        .path = path, .max_size = MAX_LIST_BYTES, .strict = true, .columns = columns, .n_columns = 4};
    const int first = json_first(path, err);
    if (first < 0)
        return -1;
    return first == '{' || first == '['
               ? json_items_read(path, take_item, reader, err)
               : text_table_read(&table, take_row, reader, reader->builder.pool.arena, err);
}

/* NULL with an error. */
static json_t *read_tags(const char *path, Arena *arena, Error *err) {
    size_t size;
    json_error_t why;
    const char *text = file_read(path, (size_t)1 << 24, arena, &size, err);
    json_t *tags = text ? json_read(text, size, &why) : NULL;
    if (text && !tags)
        json_refuse(err, "%s: line %d: %s", path, why.line, why.text);
    if (!tags || json_is_object(tags))
        return tags;
    error_set(err, "%s: no object with a list of tags for each id", path);
    json_decref(tags);
    return NULL;
}

int match_set_read(MatchSet *set, const char *path, const char *tags, Arena *arena, Error *err) {
    *set = (MatchSet){0};
    Reader reader = {.builder = {.set = set, .pool = {.arena = arena}, .tags = {.arena = arena}},
                     .ids = {.arena = arena}};
    if (tags && !(reader.all_tags = read_tags(tags, arena, err)))
        return -1;
    int status = read_cases(&reader, path, err);
    json_decref(reader.all_tags);
    set->images = reader.builder.images.list;
    if (status == 0 && set->n == 0)
        status = error_set(err, "%s: no cases", path);
    if (status == 0 && tags && reader.kind != KIND_WINOGROUND)
        status = error_set(err, "%s: tags are given to cases of Winoground alone", path);
    return status;
}
