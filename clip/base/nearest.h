/* nearest.h: which known word a misspelt one was meant to be. */
#ifndef CLIP_BASE_NEAREST_H
#define CLIP_BASE_NEAREST_H

/* The number of edits (insert, delete or replace a byte, swap two neighbours) from a to b, ignoring case.
 * Only the first 48 bytes of each count. */
int edit_distance(const char *a, const char *b);

/* The candidate nearest to the word, the first of those equally near; NULL when none is near. */
const char *nearest_word(const char *word, const char *const *candidates, int n);

#endif
