/* lists.h: what the readers of lists share: packed text, growing lists, tables of classes, names to look up.
 */
#ifndef DATASETS_LISTS_LISTS_H
#define DATASETS_LISTS_LISTS_H

#include "datasets/lists/dataset.h"

#include <stddef.h>

/* Labels are smaller. This bounds what one bad label can make a table of classes allocate. */
#define MAX_CLASSES 1000000
/* The largest list in a text file (CSV, class names, variants) that is read, in bytes. */
#define MAX_LIST_BYTES ((size_t)1 << 30)

/* The lists of a dataset and their names: "train", "val", "test". */
typedef enum { PART_TRAIN, PART_VAL, PART_TEST, N_PARTS } Part;
const char *part_name(Part part);
Part part_find(const char *name, size_t length); /* N_PARTS when unknown */

/* Many short strings, packed into large blocks of an arena (whose own blocks are 64-byte aligned). Start with
 * (TextPool){.arena = arena}. */
typedef struct {
    Arena *arena;
    char *at;
    size_t left;
} TextPool;

/* "folder/name", or name alone when folder is NULL; owned by the pool's arena. NULL when there is no memory.
 */
char *text_join(TextPool *pool, const char *folder, const char *name);

/* A growing list; start with a zeroed one. The path is borrowed. */
typedef struct {
    ItemList list;
    int capacity;
} ListBuilder;

int list_push(ListBuilder *builder, const char *path, int label, Arena *arena, Error *err);

/* Class names by label; start with a zeroed one. */
typedef struct {
    const char **names; /* (capacity); NULL where a label was not seen yet */
    int n_classes;      /* the largest label seen, plus 1 */
    int capacity;
} ClassTable;

/* Records that a label has this name (copied when it is new). Errors name no place: "label 3 is 'cat'
 * and 'dog'", "label -1 is negative". */
int class_put(ClassTable *classes, long long label, const char *name, TextPool *pool, Error *err);
/* Fails unless all labels 0 .. n_classes-1 were seen, and at least one; file is for the message. */
int class_finish(const ClassTable *classes, const char *file, Error *err);

/* Sorted names (by bytes) with a number each. */
typedef struct {
    const char *name;
    int value;
} NamedValue;

void names_sort(NamedValue *names, int n);
const NamedValue *names_find(const NamedValue *names, int n, const char *name); /* NULL when absent */

#endif
