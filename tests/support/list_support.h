/* list_support.h: small datasets in a temporary folder, for the tests of readers of lists.
 *
 * In every path and expected message '@' stands for the temporary folder.
 */
#ifndef TESTS_SUPPORT_LIST_SUPPORT_H
#define TESTS_SUPPORT_LIST_SUPPORT_H

#include "datasets/lists/dataset.h"

typedef struct {
    void *folder; /* of scratch.h */
    Arena *arena;
    Error err;
    Dataset dataset;
} Lists;

/* cmocka set-up and tear-down: *state becomes a Lists. */
int lists_setup(void **state);
int lists_teardown(void **state);

const char *lists_path(Lists *lists, const char *text);                   /* owned by the arena */
const char *lists_file(Lists *lists, const char *path, const char *text); /* written, with its folders */
void lists_files(Lists *lists, const char *const *paths);                 /* small files, up to a NULL */

/* dataset_open, with '@' in the paths of the spec. */
int lists_open(Lists *lists, DatasetSpec spec);
/* Five classes a to e in a split file that this writes; training images out of order. */
DatasetSpec lists_letters(Lists *lists, const char *classes);

/* result is -1 and the message is exactly this one. */
void lists_assert_error(Lists *lists, int result, const char *message);
/* result is 0; otherwise the message is shown. */
void lists_assert_ok(Lists *lists, int result);
/* "a/1.jpg 0, b/2.jpg 1" */
void lists_assert_items(Lists *lists, const ItemList *list, const char *items);
/* "cat, dog" */
void lists_assert_classes(Lists *lists, const char *names);

#endif
