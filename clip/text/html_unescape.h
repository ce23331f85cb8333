/* html_unescape.h: HTML's character references, "&eacute;", "&#233;" and "&#xE9;", made the characters that
 * they stand for. Both in place; each returns the new length. */
#ifndef CLIP_TEXT_HTML_UNESCAPE_H
#define CLIP_TEXT_HTML_UNESCAPE_H

#include <stddef.h>
#include <stdint.h>

/* As Python's html.unescape, which is the HTML standard: the ';' may be missing where it always could, and a
 * number that names no character becomes U+FFFD or nothing. */
size_t html_unescape(uint32_t *text, size_t count);

/* As ftfy 6: only what a ';' closes, of at most 24 letters and digits. Names that are upper case throughout
 * and mean nothing to the standard stand for the upper case of the lower one ("&EACUTE;"). */
size_t html_unescape_closed(uint32_t *text, size_t count);

#endif
