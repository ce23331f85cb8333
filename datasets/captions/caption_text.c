/* caption_text.c: Flickr's text files and tables (caption_set.h). */
#include "datasets/captions/caption_builder.h"
#include "datasets/lists/text_lines.h"
#include "datasets/lists/text_table.h"

#include <ctype.h>
#include <string.h>
#include <unistr.h>

/* Cuts the image's name off the line: "NAME.jpg,caption" or "NAME.jpg#0<TAB>caption". NULL: it is neither. */
static char *cut_name(char *line) {
    char *end = strstr(line, ".jpg");
    for (; end; end = strstr(end + 1, ".jpg")) {
        char *caption = end + 4;
        if (*caption == '#') {
            caption++;
            while (isdigit((unsigned char)*caption))
                caption++;
            if (*caption != '\t')
                continue;
        } else if (*caption != ',')
            continue;
        end[4] = '\0';
        caption++;
        return caption + strspn(caption, " \t");
    }
    return NULL;
}

int captions_read_flickr(CaptionBuilder *builder, const char *path, Error *err) {
    TextLines lines;
    bool is_new;
    if (lines_open(&lines, path, builder->pool.arena, err) < 0)
        return -1;
    char *line;
    for (bool first = true; (line = lines_next(&lines)); first = false) {
        char *caption = cut_name(line);
        if (!caption && first) /* the header */
            continue;
        if (!caption)
            return error_set(err, "%s: line %d: no image's name that ends in .jpg, with a comma behind it",
                             path, lines.line);
        if (u8_check((const uint8_t *)caption, strlen(caption)))
            return error_set(err, "%s: line %d: the caption is not UTF-8", path, lines.line);
        const int image = caption_image(builder, line, &is_new, err);
        if (image < 0 || caption_add(builder, image, caption, err) < 0)
            return err->is_memory ? -1 : error_prefix(err, "%s: line %d", path, lines.line);
    }
    return 0;
}

static int take_row(void *context, char *const *fields, int line, Error *err) {
    (void)line;
    CaptionBuilder *builder = context;
    bool is_new;
    const int image = caption_image(builder, fields[0], &is_new, err);
    return image < 0 ? -1 : caption_add(builder, image, fields[1], err);
}

int captions_read_table(CaptionBuilder *builder, const char *path, Error *err) {
    static const TableColumn columns[] = {{.name = "image", .other = "filepath"},
                                          {.name = "caption", .other = "title"}};
    const TextTable table = {
        .path = path, .max_size = MAX_LIST_BYTES, .strict = true, .columns = columns, .n_columns = 2};
    return text_table_read(&table, take_row, builder, builder->pool.arena, err);
}
