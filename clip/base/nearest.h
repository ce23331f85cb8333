/* nearest.h: which known word was meant by a misspelt one. */
#ifndef CLIP_BASE_NEAREST_H
#define CLIP_BASE_NEAREST_H

/* Edits (insert, delete, replace a byte, swap two neighbours) that lead from a to b, without regard to case.
 * The first 48 bytes of each count. */
int edit_distance(const char *a, const char *b);

/* The candidate nearest to the word, the first of equally near ones; NULL when none is near. */
const char *nearest_word(const char *word, const char *const *candidates, int n);

#endif
