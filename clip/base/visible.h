/* visible.h: which characters of a text from outside may reach a terminal. */
#ifndef CLIP_BASE_VISIBLE_H
#define CLIP_BASE_VISIBLE_H

/* The bytes of the character at text when it shows as itself; 0 for what acts instead: control characters
 * (C0, DEL, and C1, which some terminals obey), line and paragraph separators, marks and overrides of the
 * writing direction, which can make a name read as another, and bytes that are not UTF-8. 0 at the end of the
 * text. */
int visible_bytes(const char *text);

#endif
