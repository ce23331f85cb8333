/* pass.h: what a forward pass through a tower is for. */
#ifndef CLIP_TRAIN_PASS_H
#define CLIP_TRAIN_PASS_H

/* TEST: nothing is kept, and batch norms use their running statistics. TRAIN: batch norms use those of the
 * batch and move the running ones; a backward pass may follow. TRAIN_FORGET: the same, but nothing is kept.
 */
typedef enum { PASS_TEST, PASS_TRAIN, PASS_TRAIN_FORGET } Pass;

#endif
