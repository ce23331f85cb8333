/* published_recall.h: recalls of OpenAI's checkpoints as OpenCLIP has published them. */
#ifndef EXPERIMENTS_RETRIEVE_PUBLISHED_RECALL_H
#define EXPERIMENTS_RETRIEVE_PUBLISHED_RECALL_H

#define PUBLISHED_SOURCE "open_clip, docs/openclip_retrieval_results.csv"

typedef struct {
    const char *dataset; /* "flickr30k", "coco": Karpathy's test splits */
    int n_images, n_captions;
    const char *model;        /* OpenAI's name */
    double text[3], image[3]; /* percent at 1, 5, 10: image to text, text to image */
} PublishedRecall;

/* NULL unless the dataset, its sizes (COCO with all of its captions, or five for each image) and the weights
 * (by the SHA-256 of their file) are those of published numbers. */
const PublishedRecall *published_recall(const char *dataset, int n_images, int n_captions,
                                        const char *digest);

#endif
