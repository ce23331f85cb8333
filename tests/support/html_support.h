/* html_support.h: is a page well-formed? */
#ifndef TESTS_SUPPORT_HTML_SUPPORT_H
#define TESTS_SUPPORT_HTML_SUPPORT_H

#include <stddef.h>

/* NULL when every tag is closed in order, attributes are quoted and of different names, '&' begins one of
 * XML's own entities, and no control character or bad UTF-8 is there; else what is wrong, with the place, in
 * a buffer of the caller's. */
const char *html_fault(const char *page, char *out, size_t size);

#endif
