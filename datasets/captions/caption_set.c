/* caption_set.c: see caption_set.h */
#include "datasets/captions/caption_set.h"

#include "clip/base/files.h"
#include "datasets/captions/caption_builder.h"
#include "datasets/captions/json_items.h"

#include <ctype.h>
#include <string.h>

/* Captions by their images; those of one stay in their order. */
static int sort_captions(CaptionSet *set, const CaptionBuilder *builder, Error *err) {
    Arena *arena = builder->pool.arena;
    const int n = builder->n_captions, n_images = set->images.n;
    int *next = ARENA_NEW(arena, int, n_images + 1);
    set->captions = ARENA_NEW(arena, const char *, n);
    set->image_of = ARENA_NEW(arena, int, n);
    set->n_captions = n;
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < n; i++)
        next[builder->captions[i].image + 1]++;
    for (int i = 0; i < n_images; i++) {
        set->n_without += next[i + 1] == 0;
        next[i + 1] += next[i];
    }
    for (int i = 0; i < n; i++) {
        const Caption *caption = &builder->captions[i];
        const int at = next[caption->image]++;
        set->captions[at] = caption->text;
        set->image_of[at] = caption->image;
    }
    return 0;
}

static bool is_word(const char *word, size_t n, const char *name, const char *other) {
    return (n == strlen(name) && memcmp(word, name, n) == 0) ||
           (n == strlen(other) && memcmp(word, other, n) == 0);
}

/* Whether a line (n) names both columns with commas between; "image,caption" alone is how Flickr's text
 * begins, whose captions are in no quotes. */
static bool names_columns(const char *line, size_t n) {
    bool image = false, caption = false;
    for (size_t at = 0, end; at <= n; at = end + 1) {
        for (end = at; end < n && line[end] != ','; end++)
            ;
        image |= is_word(line + at, end - at, "image", "filepath");
        caption |= is_word(line + at, end - at, "caption", "title");
    }
    return image && caption && !is_word(line, n, "image,caption", "image,caption");
}

/* Whether the first line is a table's header: it has a tab, other than behind the number of a caption, or
 * names the columns with commas between. */
static int is_table(const char *path, Error *err) {
    FileMap map = {0};
    if (file_map(&map, path, err) < 0)
        return -1;
    const char *text = (const char *)map.data;
    size_t at = 0, end;
    while (at < map.size && text[at] != '\n' && text[at] != '\r' && text[at] != '\t')
        at++;
    bool tab = at < map.size && text[at] == '\t';
    end = at;
    while (at > 0 && isdigit((unsigned char)text[at - 1]))
        at--;
    tab = tab && (at == 0 || text[at - 1] != '#');
    const size_t bom = map.size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    const bool named = end > bom && names_columns(text + bom, end - bom);
    file_unmap(&map);
    return tab || named;
}

static int read_file(CaptionBuilder *builder, const char *path, const char *split, Error *err) {
    const int first = json_first(path, err);
    if (first < 0)
        return -1;
    if (first == '{')
        return captions_read_json(builder, path, split, err);
    if (split)
        return error_set(err, "%s: split '%s': only Karpathy's JSON files have splits", path, split);
    if (first == '[')
        return captions_read_list(builder, path, err);
    const int table = is_table(path, err);
    return table < 0 ? -1 : (table ? captions_read_table : captions_read_flickr)(builder, path, err);
}

int caption_set_read(CaptionSet *set, const char *path, const char *split, Arena *arena, Error *err) {
    CaptionBuilder builder = {.pool = {.arena = arena}, .places = {.arena = arena}};
    *set = (CaptionSet){.source = arena_strdup(arena, path)};
    if (!set->source)
        return error_memory(err);
    if (read_file(&builder, set->source, split, err) < 0)
        return -1;
    set->images = builder.images.list;
    set->dataset = builder.dataset;
    if (builder.n_captions == 0)
        return error_set(err, "%s: no captions%s%s", path, split ? " of the split " : "", split ? split : "");
    return sort_captions(set, &builder, err);
}
