/* published_recall.h: recalls at 1 of OpenAI's checkpoints (open_clip, docs/openclip_retrieval_results.csv).
 */
#ifndef EXPERIMENTS_RETRIEVE_PUBLISHED_RECALL_H
#define EXPERIMENTS_RETRIEVE_PUBLISHED_RECALL_H

typedef struct {
    const char *dataset; /* "flickr30k", "coco": Karpathy's test splits */
    int n_images;
    const char *model;  /* OpenAI's name */
    double text, image; /* percent: image to text, text to image */
} PublishedRecall;

/* NULL unless the dataset, its size and the weights (by the SHA-256 of their file) are those of a published
 * number. */
const PublishedRecall *published_recall(const char *dataset, int n_images, const char *digest);

#endif
