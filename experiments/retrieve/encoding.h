/* encoding.h: images and texts of an evaluation as features of unit length. */
#ifndef EXPERIMENTS_RETRIEVE_ENCODING_H
#define EXPERIMENTS_RETRIEVE_ENCODING_H

#include "coop/loaded_model.h"
#include "coop/zeroshot.h"

typedef struct {
    const char *root;  /* folder of the images */
    const char *cache; /* folder of encoded images; NULL: kept nowhere */
    bool upright, quiet;
} ImageFolder;

/* features (n, E) of these images, through the cache, which the points of an experiment share, too. Images
 * that cannot be read are listed on stderr. ERROR_SIGNAL when a signal came; what was encoded is kept. */
int encode_folder(float *features, const LoadedModel *model, const ImageFolder *folder,
                  const ItemList *images, Error *err);

/* features (n, E) of texts. Equal texts are encoded once, so that they score the same. Texts that are too
 * long are cut, as OpenCLIP does, and counted; cuts->first is the index of the first. */
int encode_captions(float *features, TextCuts *cuts, const LoadedModel *model, const char *const *texts,
                    int n, bool quiet, Error *err);

/* "note: 3 texts are cut at 77 tokens, the first: '...'" on stderr; nothing when there are none, or if quiet.
 */
void tell_cuts(const TextCuts *cuts, const LoadedModel *model, const char *const *texts, bool quiet);

#endif
