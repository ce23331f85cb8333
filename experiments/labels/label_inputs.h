/* label_inputs.h: which images there are to label: files, folders, and lists of both, one after the other.
 *
 * A folder gives its files and then those of the folders in it, sorted by name; hidden ones are left out. A
 * list is read as it comes, so another program may still be writing it.
 */
#ifndef EXPERIMENTS_LABELS_LABEL_INPUTS_H
#define EXPERIMENTS_LABELS_LABEL_INPUTS_H

#include "datasets/features/image_stream.h"
#include "experiments/terminal/options.h"

typedef struct LabelInputs LabelInputs;

/* The words, "-" for a list on standard input, and then the list (a file, "-", or NULL). A list has a path
 * per line, or with `null` between zero bytes; empty ones are passed over. Borrows all of them. Caller
 * closes, after the stream that asks. */
LabelInputs *label_inputs_open(OptionTexts words, const char *list, bool null, Error *err);
void label_inputs_close(LabelInputs *inputs); /* NULL is fine */

/* How many images there are, if nobody must look for that; else 0. */
int label_inputs_count(const LabelInputs *inputs);

/* The next image (a StreamNextFn): what is wrong with a folder or a list is so with an image, too. */
void label_inputs_next(void *inputs, StreamInput *input);

/* From now on there is no more, and who waits in label_inputs_next returns soon. */
void label_inputs_stop(LabelInputs *inputs);

#endif
