/* contact_sheet.c: see contact_sheet.h */
#include "experiments/labels/contact_sheet.h"

#include "clip/base/files.h"
#include "experiments/report/html.h"
#include "experiments/report/report_sections.h"
#include "experiments/report/thumbnail.h"

#include <stdlib.h>
#include <string.h>

enum { THUMBNAIL_SIDE = 128 };

typedef struct {
    const char *path, *fault;
    int label; /* -1: none */
    double probability;
    Thumbnail thumbnail;
} Entry;

struct ContactSheet {
    const char *title;
    const char *const *class_names;
    int n_classes;
    Arena *arena, *scratch;
    Entry *entries; /* (n) */
    int n, capacity;
    long n_beyond;
};

/* Of a label, or of the images without one. */
typedef struct {
    int label, first, n; /* first: of its entries, once they are sorted */
} LabelGroup;

ContactSheet *contact_sheet_create(const char *title, const char *const *class_names, int n_classes,
                                   Error *err) {
    Arena *arena = arena_create(), *scratch = arena_create();
    ContactSheet *sheet = arena && scratch ? ARENA_NEW(arena, ContactSheet, 1) : NULL;
    if (!sheet) {
        arena_free(arena);
        arena_free(scratch);
        error_memory(err);
        return NULL;
    }
    *sheet =
        (ContactSheet){arena_strdup(arena, title), class_names, n_classes, arena, scratch, NULL, 0, 0, 0};
    return sheet;
}

void contact_sheet_free(ContactSheet *sheet) {
    if (!sheet)
        return;
    arena_free(sheet->scratch);
    arena_free(sheet->arena);
}

/* The JPEG alone is kept. */
static int keep_thumbnail(ContactSheet *sheet, Entry *entry, const unsigned char *rgb, int side, Error *err) {
    const Image image = {.width = side, .height = side, .rgb = (unsigned char *)rgb};
    const size_t mark = arena_mark(sheet->scratch);
    int result = thumbnail_of(&entry->thumbnail, &image, THUMBNAIL_SIDE, sheet->scratch, err);
    if (result == 0) {
        unsigned char *jpeg = ARENA_NEW(sheet->arena, unsigned char, entry->thumbnail.size);
        if (jpeg)
            entry->thumbnail.jpeg = memcpy(jpeg, entry->thumbnail.jpeg, entry->thumbnail.size);
    }
    arena_reset(sheet->scratch, mark);
    return result;
}

int contact_sheet_add(ContactSheet *sheet, const char *path, const unsigned char *rgb, int side, int label,
                      double probability, const char *fault, Error *err) {
    if (sheet->n == CONTACT_SHEET_MOST) {
        sheet->n_beyond++;
        return 0;
    }
    Entry *entries =
        arena_grow(sheet->arena, sheet->entries, &sheet->capacity, sheet->n + 1, sizeof *entries);
    if (!entries)
        return error_memory(err);
    sheet->entries = entries;
    Entry *entry = &entries[sheet->n];
    *entry = (Entry){.path = arena_strdup(sheet->arena, path), .label = label, .probability = probability};
    if (rgb ? keep_thumbnail(sheet, entry, rgb, side, err) < 0
            : !(entry->fault = arena_strdup(sheet->arena, fault)))
        return arena_failed(sheet->arena) ? error_memory(err) : -1;
    if (arena_failed(sheet->arena))
        return error_memory(err);
    sheet->n++;
    return 0;
}

/* By label; those without one come last. */
static int compare_entries(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    if (x->label != y->label)
        return x->label < 0 ? 1 : y->label < 0 ? -1 : x->label < y->label ? -1 : 1;
    if (x->probability != y->probability)
        return x->probability > y->probability ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int compare_groups(const void *a, const void *b) {
    const LabelGroup *x = a, *y = b;
    if ((x->label < 0) != (y->label < 0))
        return x->label < 0 ? 1 : -1;
    return x->n != y->n ? (x->n > y->n ? -1 : 1) : x->first < y->first ? -1 : x->first > y->first;
}

/* Sorts the entries; groups (n). Returns how many groups there are. */
static int make_groups(LabelGroup *groups, Entry *entries, int n) {
    int n_groups = 0;
    qsort(entries, (size_t)n, sizeof *entries, compare_entries);
    for (int i = 0; i < n; i++) {
        if (i == 0 || entries[i].label != entries[i - 1].label)
            groups[n_groups++] = (LabelGroup){entries[i].label, i, 0};
        groups[n_groups - 1].n++;
    }
    qsort(groups, (size_t)n_groups, sizeof *groups, compare_groups);
    return n_groups;
}

static void write_entry(Html *html, const Entry *entry) {
    const char *name = strrchr(entry->path, '/');
    html_markup(html, "<li title=\"");
    html_text(html, entry->path);
    html_markup(html, "\">");
    if (entry->label >= 0) {
        html_markup(html, "<img width=\"%d\" height=\"%d\" loading=\"lazy\" alt=\"\" src=\"",
                    entry->thumbnail.width, entry->thumbnail.height);
        html_data_uri(html, "image/jpeg", entry->thumbnail.jpeg, entry->thumbnail.size);
        html_markup(html, "\"/><b>%.1f %%</b> ", 100 * entry->probability);
    }
    html_element(html, "span",
                 name && entry->label >= 0 ? name + 1
                 : entry->fault            ? entry->fault
                                           : entry->path);
    html_markup(html, "</li>\n");
}

static void write_group(Html *html, const ContactSheet *sheet, const LabelGroup *group,
                        const Entry *entries) {
    html_markup(html, "<section id=\"g%d\"><h2>", group->label);
    if (group->label >= 0)
        html_class(html, sheet->class_names[group->label]);
    else
        html_text(html, "Could not be read");
    html_markup(html, " <small>%d</small></h2>\n<ul class=\"%s\">\n", group->n,
                group->label >= 0 ? "sheet" : "faults");
    for (int i = 0; i < group->n; i++)
        write_entry(html, &entries[group->first + i]);
    html_markup(html, "</ul></section>\n");
}

static void write_links(Html *html, const ContactSheet *sheet, const LabelGroup *groups, int n) {
    html_markup(html, "<nav>");
    for (int g = 0; g < n; g++) {
        html_markup(html, "<a href=\"#g%d\">", groups[g].label);
        if (groups[g].label >= 0)
            html_class(html, sheet->class_names[groups[g].label]);
        else
            html_text(html, "Could not be read");
        html_markup(html, " %d</a> ", groups[g].n);
    }
    html_markup(html, "</nav>\n");
}

static const char SHEET_STYLE[] =
    "h2 small{font-size:.95rem;font-weight:400;color:var(--soft)}\n"
    ".sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:1.1rem "
    "1rem;margin:0;padding:0;"
    "list-style:none;font-size:.84rem;line-height:1.35}\n"
    ".sheet li{min-width:0;break-inside:avoid}.sheet img{display:block;width:100%;height:auto;aspect-ratio:1;"
    "border-radius:3px;background:var(--wash);margin-bottom:.35rem}\n"
    ".sheet span,.faults span{color:var(--soft);overflow-wrap:anywhere;unicode-bidi:isolate}.sheet "
    "span{display:block}\n"
    ".faults{margin:0;padding:0;list-style:none;font-size:.9rem}.faults li{padding:.2rem 0}\n"
    "@media (max-width:40rem){.sheet{grid-template-columns:repeat(auto-fill,minmax(6.4rem,1fr));gap:.9rem "
    ".7rem}}\n";

static void write_page(Html *html, const ContactSheet *sheet, const LabelGroup *groups, int n_groups,
                       const Entry *entries) {
    html_markup(html, "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
                      "<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    html_element(html, "title", sheet->title);
    html_markup(html, "\n<style>%s%s</style>\n</head>\n<body>\n<header>", REPORT_STYLE, SHEET_STYLE);
    html_element(html, "h1", sheet->title);
    html_markup(html, "<p>%ld image%s, each as the model sees it, with how probable its label is.</p>",
                sheet->n + sheet->n_beyond, sheet->n + sheet->n_beyond == 1 ? "" : "s");
    if (sheet->n_beyond > 0)
        html_markup(html, "<p class=\"note\">The first %d are shown, %ld are not.</p>", sheet->n,
                    sheet->n_beyond);
    write_links(html, sheet, groups, n_groups);
    html_markup(html, "</header>\n");
    for (int g = 0; g < n_groups; g++)
        write_group(html, sheet, &groups[g], entries);
    html_markup(html, "</body>\n</html>\n");
}

int contact_sheet_write(const ContactSheet *sheet, const char *path, Error *err) {
    Arena *arena = arena_create();
    Entry *entries = arena ? ARENA_NEW(arena, Entry, sheet->n + 1) : NULL;
    LabelGroup *groups = arena ? ARENA_NEW(arena, LabelGroup, sheet->n_classes + 1) : NULL;
    Html html = {.arena = arena};
    int result = -1;
    if (entries && groups) {
        if (sheet->n > 0)
            memcpy(entries, sheet->entries, (size_t)sheet->n * sizeof *entries);
        write_page(&html, sheet, groups, make_groups(groups, entries, sheet->n), entries);
    }
    const char *text = entries && groups && !html.failed ? buffer_text(&html.out) : NULL;
    result = text ? file_write(path, text, html.out.size, err) : error_memory(err);
    buffer_free(&html.out);
    arena_free(arena);
    return result;
}
