/* report_detail.h: the predictions behind one row, which the parts of its panel are made of. */
#ifndef EXPERIMENTS_REPORT_REPORT_DETAIL_H
#define EXPERIMENTS_REPORT_REPORT_DETAIL_H

#include "clip/base/text_map.h"
#include "experiments/report/report_page.h"
#include "experiments/report/thumbnail.h"
#include "experiments/results/predictions.h"

/* The images of a section, each once, whichever rows are wrong about it. */
typedef struct {
    Arena *arena; /* of its own: it outlives the panels */
    TextMap numbers;
    Thumbnail *list; /* (n); of an image that cannot be read jpeg is NULL */
    int n, capacity, section;
} Thumbnails;

typedef struct {
    Report *report;
    const Score *score, *baseline; /* baseline: a zero-shot row of the same classes, or NULL */
    Predictions predictions;
    int *confusion; /* (K, K): images of class row said to be class column; NULL of too many classes */
    Thumbnails *thumbnails;
} Detail;

/* The predictions of detail->score: an error when they are not there, or of another run. */
int detail_read(Detail *detail, Error *err);

/* The matrix, if it can be drawn, and the classes most often taken for another. */
void detail_confusion(Detail *detail);
/* The most confident mistakes; their images are kept for thumbnails_write. */
void detail_mistakes(Detail *detail);
/* The images that the mistakes refer to. */
void thumbnails_write(Html *html, const Thumbnails *thumbnails);

#endif
