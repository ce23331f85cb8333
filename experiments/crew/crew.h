/* crew.h: rank 0 hands out work to the other ranks, and takes what comes back.
 *
 *     rank 0                                        rank r (rank_work.c)
 *     CREW_POINT: a point, the files there are  ->  runs it in a folder of its own
 *                                               <-  CREW_POINT + 1: its files, and a result or an error
 *     CREW_IMAGES: a few images                 ->  encodes them
 *                                               <-  CREW_IMAGES + 1: features
 *     gives what is in the cache                <-  CREW_WANT: the images of a list
 *                                    CREW_GIVE  ->
 *     has got a signal               CREW_STOP  ->  stops what it does, and sends what it has
 *     CREW_CLASSES: a training                  ->  has a part of its classes (share_classes.h) until it is
 * over
 *                                               <-  CREW_STOP: has got a signal
 *     CREW_STAGED: files of checkpoints         ->  keeps them in memory (stage_in.h)
 */
#ifndef EXPERIMENTS_CREW_CREW_H
#define EXPERIMENTS_CREW_CREW_H

#include "experiments/ranks/parcel.h"
#include "experiments/ranks/ranks.h"
#include "experiments/session/session.h"

enum { CREW_POINT = 1, CREW_IMAGES = 3, CREW_WANT = 5, CREW_GIVE, CREW_STOP, CREW_CLASSES, CREW_STAGED };

typedef struct {
    int kind;
    int ahead; /* how much a rank has at once: 1, or more where it should not have to wait for the next */
    /* Packs work, with its number; false when there is no more. */
    bool (*next)(void *context, Buffer *out);
    /* What a rank has sent back: that number first. */
    void (*take)(void *context, Parcel *in);
    /* Packs what a rank wants. */
    void (*give)(void *context, Parcel *in, Buffer *out);
    void *context;
} CrewWork;

/* Returns when there is no more work and all have sent back what they had. After a signal nothing more is
 * handed out, and the others are told; who has not stopped a while later ends all (ranks_abort). */
void crew_serve(RankGroup *ranks, const CrewWork *work);

/* A view of a list of images, as both sides pack it. */
void crew_pack_items(Buffer *out, const ItemList *items, FeatureView view);
int crew_read_items(Parcel *in, ItemList *items, FeatureView *view, Arena *arena, Error *err);

#endif
