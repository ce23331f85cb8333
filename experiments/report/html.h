/* html.h: writes HTML that is also well-formed XML; texts out of files never become markup. */
#ifndef EXPERIMENTS_REPORT_HTML_H
#define EXPERIMENTS_REPORT_HTML_H

#include "clip/base/buffer.h"
#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct {
    Buffer out;
    Arena *arena; /* for scratch; every function gives back what it takes */
    bool failed;  /* memory ran out */
} Html;

/* Resets the arena to the mark, and remembers whether it had failed. */
void html_reset(Html *html, size_t mark);

/* Markup as it stands; only numbers and texts of this program may be formatted into it. */
void html_markup(Html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Any text, escaped for content and for quoted attributes; control characters and bad UTF-8 show as "\x1B".
 */
void html_text(Html *html, const char *text);
/* The name of a class, as in prompts, or of a dataset: with blanks for underscores. */
void html_class(Html *html, const char *name);
/* <TAG>text</TAG>; tag may hold attributes: "td class=\"name\"". */
void html_element(Html *html, const char *tag, const char *text);
/* Why something is not on the page. A lack of memory is no such reason: then there will be no page. */
void html_note(Html *html, const Error *err);
/* data:TYPE;base64,... */
void html_data_uri(Html *html, const char *type, const unsigned char *data, size_t size);

#endif
