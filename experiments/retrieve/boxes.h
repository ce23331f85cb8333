/* boxes.h: features of parts of pictures, which no cache keeps: ARO shows the model what a box holds. */
#ifndef EXPERIMENTS_RETRIEVE_BOXES_H
#define EXPERIMENTS_RETRIEVE_BOXES_H

#include "coop/loaded_model.h"
#include "datasets/captions/match_set.h"
#include "experiments/retrieve/encoding.h"

/* features (n, E), unit length. What of a box lies outside its picture is black, as Pillow's crop has it; one
 * of width 0 is the whole picture. The first picture that cannot be read is the error. */
int evaluation_boxes(float *features, LoadedModel *model, const ImageFolder *folder, const ItemList *images,
                     const MatchBox *boxes, Error *err);

#endif
