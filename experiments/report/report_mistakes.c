/* report_mistakes.c: the most confident mistakes of a row, with their images.
 *
 * Rows are often wrong about the same images, so each image stands once on the page, and is referred to.
 */
#include "experiments/report/report_detail.h"

#include <stdlib.h>
#include <string.h>

enum { N_MISTAKES = 12, THUMBNAIL_SIDE = 96 };

/* The number of the image's thumbnail, which is made when it is first asked for; -1 when memory is out. */
static int thumbnail_number(Thumbnails *thumbnails, const char *path, bool upright) {
    const int *known = text_map_find(&thumbnails->numbers, path);
    if (known)
        return *known;
    Arena *arena = thumbnails->arena;
    Thumbnail *list =
        arena_grow(arena, thumbnails->list, &thumbnails->capacity, thumbnails->n + 1, sizeof *list);
    if (!list)
        return -1;
    thumbnails->list = list; /* which has the capacity, whatever else fails */
    char *copy = arena_strdup(arena, path);
    Arena *scratch = arena_create(); /* of the whole image */
    Thumbnail made;
    Error err = {0};
    int number = -1;
    if (copy && scratch && text_map_put(&thumbnails->numbers, copy, thumbnails->n) == 0) {
        if (thumbnail_make(&made, path, upright, THUMBNAIL_SIDE, scratch, &err) < 0)
            made = (Thumbnail){0};
        unsigned char *jpeg = made.jpeg ? ARENA_NEW(arena, unsigned char, made.size) : NULL;
        if (jpeg)
            made.jpeg = memcpy(jpeg, made.jpeg, made.size);
        number = arena_failed(arena) || err.kind == ERROR_RUN ? -1 : thumbnails->n;
        list[thumbnails->n++] = made;
    }
    arena_free(scratch);
    return number;
}

static void write_thumbnail(Detail *detail, const char *path) {
    Html *html = &detail->report->html;
    Thumbnails *thumbnails = detail->thumbnails;
    const char *config = detail->score->last ? detail->score->last->config : NULL;
    const bool upright = config && strstr(config, "\"exif\":\"rotate\"");
    int number = thumbnail_number(thumbnails, path, upright);
    html->failed |= number < 0;
    const Thumbnail *thumbnail = number < 0 ? NULL : &thumbnails->list[number];
    if (!thumbnail || !thumbnail->jpeg)
        html_markup(html, "<span class=\"noimage\">no image</span>");
    else
        html_markup(html,
                    "<svg width=\"%d\" height=\"%d\" aria-hidden=\"true\"><use href=\"#g%di%d\"/></svg>",
                    thumbnail->width, thumbnail->height, thumbnails->section, number);
}

void thumbnails_write(Html *html, const Thumbnails *thumbnails) {
    html_markup(html, "<svg width=\"0\" height=\"0\" class=\"store\" aria-hidden=\"true\"><defs>\n");
    for (int i = 0; i < thumbnails->n; i++) {
        const Thumbnail *thumbnail = &thumbnails->list[i];
        if (!thumbnail->jpeg)
            continue;
        html_markup(html, "<image id=\"g%di%d\" width=\"%d\" height=\"%d\" href=\"", thumbnails->section, i,
                    thumbnail->width, thumbnail->height);
        html_data_uri(html, "image/jpeg", thumbnail->jpeg, thumbnail->size);
        html_markup(html, "\"/>\n");
    }
    html_markup(html, "</defs></svg>\n");
}

/* The most confident first; of equal ones the order of the dataset. */
static int compare_mistakes(const void *a, const void *b) {
    const Prediction *x = *(Prediction *const *)a, *y = *(Prediction *const *)b;
    if (x->confidence != y->confidence)
        return x->confidence < y->confidence ? 1 : -1;
    return (x > y) - (x < y);
}

static void write_mistake(Detail *detail, const Prediction *wrong) {
    Html *html = &detail->report->html;
    html_markup(html, "<li title=\"");
    html_text(html, wrong->path);
    html_markup(html, "\">");
    write_thumbnail(detail, wrong->path);
    html_markup(html, "<span><b>");
    html_class(html, detail->predictions.class_names[wrong->label]);
    html_markup(html, "</b> taken for <b>");
    html_class(html, detail->predictions.class_names[wrong->predicted]);
    html_markup(html, "</b>, %.1f %%</span></li>\n", 100 * wrong->confidence);
}

void detail_mistakes(Detail *detail) {
    Html *html = &detail->report->html;
    Predictions *predictions = &detail->predictions;
    Prediction **wrong = ARENA_NEW(html->arena, Prediction *, predictions->n);
    int n = 0;
    for (int i = 0; wrong && i < predictions->n; i++)
        if (predictions->items[i].label != predictions->items[i].predicted)
            wrong[n++] = &predictions->items[i];
    if (n == 0)
        return;
    qsort(wrong, (size_t)n, sizeof *wrong, compare_mistakes);
    html_markup(html, "<h5>Most confident mistakes</h5>\n<ul class=\"mistakes\">\n");
    for (int i = 0; i < n && i < N_MISTAKES; i++)
        write_mistake(detail, wrong[i]);
    html_markup(html, "</ul>\n");
}
