/* original_lists.h: lists of images as the original code keeps them: split_fewshot/shot_N-seed_S.pkl of every
 * dataset, and preprocessed.pkl of ImageNet.
 *
 * Layout: a pickle of a dict {"train": [...], "val": [...]} ("train" and "test" in preprocessed.pkl;
 * ImageNet's few shots have no "val"), whose lists hold objects dassl.data.datasets.base_dataset.Datum with
 * the attributes _impath (absolute, on the machine that wrote it), _label, _domain and _classname. It is read
 * as data (clip/tensors/pickle.h). Paths are taken from behind the folder of the dataset's images on;
 * few-shot lists are those of all classes, before they are cut to base or new ones.
 */
#ifndef DATASETS_LISTS_ORIGINAL_LISTS_H
#define DATASETS_LISTS_ORIGINAL_LISTS_H

#include "datasets/lists/dataset.h"

#include <stdint.h>

/* The file of these few shots, there or not, owned by the arena; NULL where the dataset uses none, or memory
 * is out. */
const char *original_lists_path(const Dataset *dataset, int num_shots, uint32_t seed, Arena *arena);

/* Replaces train, and val unless it is NULL or the file has none, by what is kept; leaves both where nothing
 * is. Labels and names must be those of the dataset. */
int original_lists_few_shot(ItemList *train, ItemList *val, const Dataset *dataset, int num_shots,
                            uint32_t seed, Arena *arena, Error *err);

/* Classes and lists of ImageNet from preprocessed.pkl; root and kept_tail are set. */
int original_lists_dataset(Dataset *dataset, const char *path, Arena *arena, Error *err);

/* Writes the few-shot lists of all classes for the original code. */
int original_lists_write(const char *path, const Dataset *dataset, const ItemList *train, const ItemList *val,
                         Arena *arena, Error *err);

#endif
