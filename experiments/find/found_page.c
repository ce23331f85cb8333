/* found_page.c: see found_page.h */
#include "experiments/find/found_page.h"

#include "datasets/images/image.h"
#include "experiments/report/html.h"
#include "experiments/report/report_sections.h"
#include "experiments/report/thumbnail.h"

#include <inttypes.h>
#include <string.h>

enum { SIDE = 320 };

static const char STYLE[] =
    ".found{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:1.4rem "
    "1.1rem;margin:0;"
    "padding:0;list-style:none;font-size:.84rem;line-height:1.35}\n"
    ".found li{min-width:0;break-inside:avoid}\n"
    ".found .frame{display:flex;align-items:center;justify-content:center;aspect-ratio:1;border-radius:3px;"
    "background:var(--wash);margin-bottom:.35rem;overflow:hidden}\n"
    ".found img{display:block;max-width:100%;max-height:100%;width:auto;height:auto}\n"
    ".found span{display:block;color:var(--soft);overflow-wrap:anywhere;unicode-bidi:isolate}\n"
    ".found i{font-style:normal;color:var(--soft)}\n"
    ".found .frame span{padding:.8rem;text-align:center}\n"
    "@media (max-width:40rem){.found{grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:1rem "
    ".7rem}}\n";

static int make_thumbnail(Thumbnail *thumbnail, const IndexEntry *entry, bool upright, Arena *arena,
                          Error *err) {
    Image image = {0};
    size_t size;
    const unsigned char *bytes = photo_bytes(entry, &size, arena, err);
    if (!bytes)
        return -1;
    if ((upright ? image_decode_upright : image_decode)(&image, bytes, size, photo_name(entry, arena), arena,
                                                        err) < 0)
        return -1;
    return thumbnail_of(thumbnail, &image, SIDE, arena, err);
}

static void write_photo(Html *html, const FoundPhoto *photo, bool upright) {
    const size_t mark = arena_mark(html->arena);
    const IndexEntry *entry = &photo->entry;
    const char *last = strrchr(entry->path, '/');
    Thumbnail thumbnail = {0};
    Error err = {0};
    html_markup(html, "<li title=\"");
    html_text(html, photo_name(entry, html->arena));
    html_markup(html, "\"><div class=\"frame\">");
    if (photo->state == PHOTO_GONE)
        html_element(html, "span", "no longer there");
    else if (make_thumbnail(&thumbnail, entry, upright, html->arena, &err) < 0)
        html_note(html, &err);
    else {
        html_markup(html, "<img width=\"%d\" height=\"%d\" alt=\"\" src=\"", thumbnail.width,
                    thumbnail.height);
        html_data_uri(html, "image/jpeg", thumbnail.jpeg, thumbnail.size);
        html_markup(html, "\"/>");
    }
    html_markup(html, "</div><b>%.3f</b>", photo->score);
    if (photo->n_alike > 0)
        html_markup(html, " <i>and %d alike</i>", photo->n_alike);
    if (photo->state == PHOTO_CHANGED)
        html_markup(html, " <i>changed since</i>");
    html_element(html, "span", entry->member ? entry->member : last ? last + 1 : entry->path);
    html_markup(html, "</li>\n");
    html_reset(html, mark);
}

static void write_words(Html *html, const char *before, const OptionTexts *texts, int *n) {
    for (int i = 0; i < texts->n; i++) {
        html_markup(html, "%s%s", (*n)++ > 0 ? " " : "", before);
        html_text(html, texts->values[i]);
    }
}

/* "a dog, like q.jpg, without people" */
static void write_title(Html *html, const PhotoWish *wish) {
    int n = 0;
    write_words(html, "", &wish->texts, &n);
    write_words(html, "like ", &wish->images, &n);
    write_words(html, "without ", &wish->without, &n);
}

int found_page_write(const char *path, const PhotoWish *wish, const PhotoIndex *index,
                     const FoundPhoto *photos, int n, bool upright, Error *err) {
    Html html = {.arena = arena_create()};
    if (!html.arena)
        return error_memory(err);
    html_markup(&html, "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
                       "<meta charset=\"utf-8\"/>\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>");
    write_title(&html, wish);
    html_markup(&html, "</title>\n<style>%s%s</style>\n</head>\n<body>\n<header><h1>", REPORT_STYLE, STYLE);
    write_title(&html, wish);
    html_markup(&html,
                "</h1>\n<p>The best %d of %" PRIu64
                " photos, the best first.</p></header>\n<ul class=\"found\">\n",
                n, index->n - index->n_dead);
    for (int i = 0; i < n; i++)
        write_photo(&html, &photos[i], upright);
    html_markup(&html, "</ul>\n</body>\n</html>\n");
    const char *text = html.failed ? NULL : buffer_text(&html.out);
    const int result = text ? file_write(path, text, html.out.size, err) : error_memory(err);
    buffer_free(&html.out);
    arena_free(html.arena);
    return result;
}
