/* share_classes.h: the classes of a training, shared with other ranks (coop/steps/text_parts.h). Rank 0 runs
 * the point as a process alone would; the others have parts of its prompts, and need nothing but the
 * checkpoint.
 */
#ifndef EXPERIMENTS_CREW_SHARE_CLASSES_H
#define EXPERIMENTS_CREW_SHARE_CLASSES_H

#include "coop/steps/text_parts.h"
#include "experiments/ranks/ranks.h"
#include "experiments/stage/stage.h"

/* The link of a rank, whose context is itself. */
typedef struct {
    PartLink link;
    RankGroup *ranks;
    const Stage *stage; /* of rank 0 */
    bool told;          /* rank 0 of a signal */
} ClassLink;

/* For rank 0, and for the others (stage NULL). The link must not move afterwards. */
void class_link(ClassLink *link, RankGroup *ranks, const Stage *stage);

#endif
