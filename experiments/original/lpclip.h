/* lpclip.h: the features of a dataset as lpclip/feat_extractor.py of CoOp's repository leaves them, for its
 * linear_probe.py.
 *
 * Layout: OUT/OxfordPets/train.npz, val.npz and test.npz (the dataset's name there), each with feature_list
 * F64 [n, E], as the image tower gives them, and label_list I64 [n], in the order of the lists.
 */
#ifndef EXPERIMENTS_ORIGINAL_LPCLIP_H
#define EXPERIMENTS_ORIGINAL_LPCLIP_H

#include "coop/loaded_model.h"

/* dataset is a name of the catalogue, root the folder of all datasets. A list without images leaves no file.
 */
int lpclip_write(const char *out, const char *dataset, const char *root, LoadedModel *model, bool quiet,
                 Arena *arena, Error *err);

#endif
